from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.sessions import SQLiteSession
from telethon.tl import types

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.core.errors import LoginRefusedError, WrongBotError
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import BotClient, login
from tgbot.telegram.server import use_server

IMPORT = "auth.importBotAuthorization"
DIFFERENCE = "updates.getDifference"


async def test_a_new_session_logs_in_and_the_next_start_does_not_again(stage: Stage) -> None:
    client = await stage.open()
    assert (client.me.id, client.me.username) == (stage.account.id, "the_bot")
    assert client.session.bot_id() == stage.account.id
    await stage.close(client)
    again = await stage.open()
    assert again.me.id == stage.account.id
    assert stage.sandbox.calls[IMPORT] == 1


async def test_a_session_of_plain_telethon_opens_with_its_login_peers_and_state(stage: Stage) -> None:
    ann, bob = stage.meet("Ann", username="ann_a"), stage.meet("Bob")
    session = SQLiteSession(str(stage.path))
    session.set_dc(stage.sandbox.dc_id, stage.sandbox.host, stage.sandbox.port)
    plain: Any = TelegramClient(session, 1, "hash")
    heard = asyncio.Event()
    plain.add_event_handler(lambda event: heard.set(), events.NewMessage(incoming=True))
    from telethon.crypto import rsa

    rsa.add_key(stage.sandbox.public_key, old=False)
    await plain.connect()
    await plain.sign_in(bot_token=stage.account.token)
    stage.write(ann, "to plain Telethon")
    async with asyncio.timeout(PATIENCE):
        await heard.wait()
    await plain.disconnect()
    stage.write(bob, "to nobody")
    logins = stage.sandbox.calls[IMPORT]
    client = await stage.open(echo)
    assert client.session.username("ann_a") is not None
    assert client.session.access_hash(ann) == stage.world.accounts.access_hash(stage.account.id, ann)
    await until(lambda: stage.heard(bob) == ["you said to nobody"])
    assert stage.heard(ann) == []
    assert stage.sandbox.calls[IMPORT] == logins


async def test_plain_telethon_opens_our_session_again_and_is_logged_in(stage: Stage) -> None:
    ann = stage.meet(username="ann_a")
    client = await stage.open(echo)
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann))
    await stage.close(client)
    plain: Any = TelegramClient(SQLiteSession(str(stage.path)), 1, "hash")
    await plain.connect()
    assert (await plain.get_me()).id == stage.account.id
    await plain.send_message("ann_a", "from plain Telethon")
    await plain.disconnect()
    assert stage.heard(ann)[-1] == "from plain Telethon"
    assert stage.sandbox.calls["contacts.resolveUsername"] == 0


async def test_another_bots_token_is_refused_before_anything_goes_over_the_network(stage: Stage) -> None:
    await stage.close(await stage.open())
    other = stage.sandbox.new_bot("other_bot")
    calls = sum(stage.sandbox.calls.values())
    await stage.sandbox.stop()
    with pytest.raises(
        WrongBotError, match=f"belongs to bot {stage.account.id}, the token to bot {other.id}"
    ) as raised:
        await stage.open(token=other.token)
    assert other.token not in str(raised.value)
    assert sum(stage.sandbox.calls.values()) == calls


async def test_the_bot_of_a_session_that_does_not_name_it_is_learned_from_telegram(stage: Stage) -> None:
    await stage.close(await stage.open())
    session = DurableSession(stage.path)
    session.forget(0)
    session.close()
    other = stage.sandbox.new_bot("other_bot")
    with pytest.raises(WrongBotError):
        await stage.open(token=other.token)


async def test_a_new_token_of_the_same_bot_logs_in_again_and_keeps_everything(stage: Stage) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    await stage.close(client)
    token = stage.world.revoke_token(stage.account.id)
    stage.write(ann, "two")
    again = await stage.open(echo, token=token)
    assert again.me.id == stage.account.id
    assert again.session.access_hash(ann) is not None
    await until(lambda: stage.heard(ann) == ["you said one", "you said two"])
    assert stage.sandbox.calls[IMPORT] == 2


async def test_a_new_token_is_logged_in_with_even_if_the_old_login_still_holds(stage: Stage) -> None:
    await stage.close(await stage.open())
    account = stage.world.accounts[stage.account.id]
    generation = account.generation
    token = stage.world.revoke_token(stage.account.id)
    account.generation = generation
    await stage.open(token=token)
    assert stage.sandbox.calls[IMPORT] == 2


@pytest.mark.parametrize("served", [False, True], ids=["at first", "after it worked"])
async def test_a_refused_token_says_so_without_showing_it(stage: Stage, served: bool) -> None:
    if served:
        await stage.close(await stage.open())
    stage.world.revoke_token(stage.account.id)
    with pytest.raises(LoginRefusedError, match="ACCESS_TOKEN_EXPIRED") as raised:
        await stage.open()
    assert stage.account.token not in str(raised.value)


async def test_a_token_that_was_never_good_is_refused(stage: Stage) -> None:
    with pytest.raises(LoginRefusedError, match="ACCESS_TOKEN_INVALID"):
        await stage.open(token=f"{stage.account.id}:{'x' * 35}")


async def test_an_auth_key_that_the_server_forgot_is_replaced_and_everything_else_kept(stage: Stage) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    await stage.close(client)
    stage.sandbox._keys.known.clear()
    stage.write(ann, "two")
    again = await stage.open(echo)
    assert again.session.access_hash(ann) is not None
    await until(lambda: stage.heard(ann) == ["you said one", "you said two"])


async def test_an_auth_key_that_the_server_forgets_while_the_bot_runs_is_replaced(stage: Stage) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    stage.sandbox._keys.known.clear()
    stage.faults.drop()
    stage.write(ann, "two")
    await until(lambda: stage.heard(ann) == ["you said one", "you said two"])
    stage.write(ann, "three")
    await until(lambda: stage.heard(ann)[2:] == ["you said three"])
    assert not client.failed.done()
    assert client.handler_errors == 0


async def test_a_send_under_way_when_the_server_forgets_the_auth_key_goes_out_once(stage: Stage) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.faults.delay(0.5, "messages.sendMessage")
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann) == ["you said one"])
    stage.sandbox._keys.known.clear()
    stage.faults.delay(0, "messages.sendMessage")
    stage.faults.drop()
    await until(lambda: stage.finished)
    assert stage.heard(ann) == ["you said one"]
    assert client.handler_errors == 0


async def test_a_login_that_telegram_ends_while_the_bot_runs_is_made_again(stage: Stage) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.world.end_sessions(stage.account.id)
    client.intake.begin_difference()
    await until(lambda: stage.sandbox.calls[IMPORT] == 2)
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])


@pytest.mark.parametrize("how", ["token revoked", "bot deleted"])
async def test_a_token_that_is_revoked_while_the_bot_runs_ends_it_with_the_reason(
    stage: Stage, how: str
) -> None:
    client = await stage.open(echo)
    if how == "token revoked":
        stage.world.revoke_token(stage.account.id)
    else:
        stage.world.delete_account(stage.account.id, banned=True)
    client.intake.begin_difference()
    async with asyncio.timeout(PATIENCE):
        error = await client.failed
    assert isinstance(error, LoginRefusedError)


async def test_a_server_that_is_not_there_yet_is_waited_for(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.sandbox.stop()
    opening = asyncio.create_task(stage.open(echo))
    await until(lambda: "no connection to" in caplog.text)
    assert not opening.done()
    await stage.sandbox.start()
    client = await opening
    assert client.me.id == stage.account.id


async def test_the_first_login_takes_no_messages_from_before_it(stage: Stage) -> None:
    ann = stage.meet()
    stage.write(ann, "before")
    client = await stage.open(echo)
    stage.write(ann, "after")
    await until(lambda: stage.heard(ann) == ["you said after"])
    assert isinstance(client, BotClient)
    assert isinstance(client.me, types.User)


async def test_a_send_that_finds_the_login_ended_goes_out_after_the_next_login(stage: Stage) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.faults.fail("messages.sendMessage", 401, "SESSION_REVOKED")
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])
    assert stage.sandbox.calls[IMPORT] == 2
    assert client.handler_errors == 0


async def test_an_auth_key_that_telegram_refuses_as_used_twice_is_replaced(stage: Stage) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    for method in ("updates.getDifference", IMPORT):
        stage.faults.fail(method, 406, "AUTH_KEY_DUPLICATED")
    client.intake.begin_difference()
    await until(lambda: stage.sandbox.calls[IMPORT] == 3)
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])
    # And the connection is still watched over.
    stage.sandbox._keys.known.clear()
    stage.faults.drop()
    stage.write(ann, "again")
    await until(lambda: stage.heard(ann)[1:] == ["you said again"])
    assert not client.failed.done()


async def test_a_server_that_has_no_difference_for_a_new_login_does_not_keep_it_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.faults.fail(DIFFERENCE, 400, "PERSISTENT_TIMESTAMP_INVALID")
    await stage.close(await stage.open())
    assert stage.sandbox.calls[DIFFERENCE] == 1
    monkeypatch.setattr(login, "_FIRST_DIFFERENCE_SECONDS", 0.05)
    stage.faults.delay(3600.0, DIFFERENCE)
    client = await stage.open(path=stage.path.with_name("second.session"))
    stage.faults.clear()
    state = client.session.update_state()
    assert state is not None
    assert state.pts == stage.world.accounts[stage.account.id].log.pts


async def test_a_session_of_another_server_goes_back_to_telegram(stage: Stage) -> None:
    await stage.close(await stage.open())
    session = DurableSession(stage.path)
    use_server(session, None)
    session.close()
    session = DurableSession(stage.path)
    assert (session.dc_id, session.server_address) == (2, "149.154.167.51")
    # From then on it is Telegram's: where Telegram leads it, it stays.
    session.set_dc(4, "149.154.167.91", 443)
    use_server(session, None)
    assert session.dc_id == 4
    session.close()
