"""A login that Telegram puts off, garbles or ends is waited out, said once, and asked for at a calm pace."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from tests.sandbox.conftest import server_key
from tests.telegram.conftest import Stage, echo, until
from tgbot.core.errors import LoginRefusedError
from tgbot.sandbox.faults import Damage, DeadKey
from tgbot.sandbox.server import Sandbox
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import login
from tgbot.telegram.calls import retries
from tgbot.telegram.wire import attempts

IMPORT = "auth.importBotAuthorization"
ME = "users.getUsers"
STATE = "updates.getState"
DIFFERENCE = "updates.getDifference"
SEND = "messages.sendMessage"
#: Everything that a first login asks for.
ASKED = (IMPORT, ME, STATE)


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(login, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(login, "_LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(login, "_LONGEST_BETWEEN_LOGINS", 0.1)
    monkeypatch.setattr(login, "_ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.01, 0.01))


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in message for message in caplog.messages)


async def served(stage: Stage, *, text: str = "hello") -> None:
    ann = stage.meet()
    stage.write(ann, text)
    await until(lambda: stage.heard(ann) == [f"you said {text}"])


@pytest.mark.parametrize("served_before", [False, True], ids=["first login", "later start"])
@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize(
    ("code", "name"),
    [
        (420, "FLOOD_WAIT_1"),
        (500, "INTERDC_2_CALL_ERROR"),
        (-503, "Timeout"),
        (400, "SOMETHING_NEW"),
        (403, "SOMETHING_NEW"),
        (303, "SOMETHING_NEW"),
        (406, "SOMETHING_NEW"),
    ],
)
async def test_whatever_a_request_of_the_login_answers_is_waited_out(
    stage: Stage, method: str, code: int, name: str, served_before: bool
) -> None:
    if served_before:
        await stage.close(await stage.open())
    stage.faults.fail(method, code, name, times=4 if code != 420 else 1)
    client = await stage.open(echo)
    assert client.me.id == stage.account.id
    await served(stage)


@pytest.mark.parametrize("method", ASKED)
async def test_a_request_of_the_login_that_is_never_answered_goes_over_a_fresh_link(
    stage: Stage, method: str
) -> None:
    stage.faults.silence(method, times=2)
    client = await stage.open(echo)
    assert client._link_state.links > 1
    await served(stage)


@pytest.mark.parametrize("damage", list(Damage))
@pytest.mark.parametrize("method", ASKED)
async def test_an_answer_to_the_login_that_cannot_be_read_is_asked_for_again(
    stage: Stage, method: str, damage: Damage
) -> None:
    stage.faults.garble_answers(method, damage, times=2)
    await stage.open(echo)
    await served(stage)


async def test_the_configuration_of_the_server_is_not_needed_for_a_login(stage: Stage) -> None:
    stage.faults.fail("help.getConfig", 500, "INTERNAL", times=100)
    await stage.open(echo)
    await served(stage)


async def test_a_long_wait_is_said_once_and_a_restart_does_not_ask_earlier(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.faults.fail(IMPORT, 420, "FLOOD_WAIT_1800", times=100)
    for start in (1, 2):
        caplog.clear()
        opening = asyncio.create_task(stage.open(echo))
        await until(lambda: said(caplog, "waiting until"))
        assert said(caplog, "s before the login; waiting until") == 1
        assert said(caplog, "asks to wait 1,800 s" if start == 1 else "asks to wait 1,") == 1
        assert stage.sandbox.calls[IMPORT] == 1
        opening.cancel()  # as SIGTERM does
        with suppress(asyncio.CancelledError):
            await opening
        await stage.close_all()
    calls = sum(stage.sandbox.calls.values())
    session = DurableSession(stage.path)
    session.set_value("login_wait_until", int(time.time()) - 1)  # as if the time had passed
    session.close()
    stage.faults.clear()
    await stage.open(echo)
    assert sum(stage.sandbox.calls.values()) > calls
    await served(stage)


@pytest.mark.parametrize("wrong", [-40 * 86400, 40 * 86400])
async def test_a_clock_that_was_set_meanwhile_does_not_make_the_wait_longer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    session = DurableSession(stage.path)
    session.set_value("login_wait", 1)
    session.set_value("login_wait_until", int(time.time()) + wrong)
    session.close()
    await stage.open(echo)  # within PATIENCE
    await served(stage)


async def test_a_wait_that_is_over_is_forgotten(stage: Stage) -> None:
    stage.faults.fail(IMPORT, 420, "FLOOD_WAIT_1")
    client = await stage.open()
    assert client.session.value("login_wait") == 0


async def test_a_long_wait_while_logging_in_again_ends_at_a_stop(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    stage.faults.fail(IMPORT, 420, "FLOOD_WAIT_1800", times=100)
    stage.world.end_sessions(stage.account.id)
    client.intake.begin_difference()
    await until(lambda: said(caplog, "waiting until"))
    assert not client.failed.done()
    assert await stage.close(client)


@pytest.mark.parametrize(("code", "name"), [(500, "INTERNAL"), (-503, "Timeout"), (420, "FLOOD_WAIT_1")])
@pytest.mark.parametrize("method", ASKED)
async def test_while_logging_in_again_everything_is_waited_out_as_well(
    stage: Stage, method: str, code: int, name: str
) -> None:
    client = await stage.open(echo)
    stage.faults.fail(method, code, name, times=1 if code == 420 else 4)
    stage.world.end_sessions(stage.account.id)
    client.intake.begin_difference()
    await served(stage)
    assert not client.failed.done()


async def test_trouble_is_said_once_and_its_end_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.faults.fail(IMPORT, 500, "INTERNAL", times=20)
    await stage.open(echo)
    assert said(caplog, "the login failed (INTERNAL); trying again") == 1
    assert said(caplog, "the login succeeded") == 1


# ---- refusals for good -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "name", "advice"),
    [
        (400, "ACCESS_TOKEN_INVALID", "ask @BotFather"),
        (400, "ACCESS_TOKEN_EXPIRED", "ask @BotFather"),
        (401, "USER_DEACTIVATED", "ask @BotFather"),
        (401, "USER_DEACTIVATED_BAN", "ask @BotFather"),
        (400, "API_ID_INVALID", "https://my.telegram.org/apps"),
    ],
)
async def test_a_refusal_for_good_ends_the_login_with_what_to_do(
    stage: Stage, code: int, name: str, advice: str
) -> None:
    stage.faults.fail(IMPORT, code, name, times=100)
    with pytest.raises(LoginRefusedError, match=rf"\({name}\): .*{advice}"):
        await stage.open()


# ---- keys that are dead ------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", list(DeadKey))
async def test_a_key_that_is_dead_at_a_start_is_dropped_and_everything_else_kept(
    stage: Stage, answer: DeadKey
) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    await stage.close(client)
    stage.faults.kill_keys(answer=answer)
    stage.write(ann, "two")
    again = await stage.open(echo)
    assert again.session.access_hash(ann) is not None
    await until(lambda: stage.heard(ann) == ["you said one", "you said two"])
    await stage.close(again)
    logins = stage.sandbox.calls[IMPORT]
    await stage.open(echo)
    assert stage.sandbox.calls[IMPORT] == logins


@pytest.mark.parametrize("answer", list(DeadKey))
async def test_a_key_that_dies_while_the_bot_runs_is_dropped_and_everything_else_kept(
    stage: Stage, answer: DeadKey
) -> None:
    ann = stage.meet()
    client = await stage.open(echo)
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    for text in ("two", "three"):
        stage.faults.kill_keys(answer=answer)
        client.intake.begin_difference()
        stage.write(ann, text)
        await until(lambda t=text: stage.heard(ann)[-1] == f"you said {t}")  # type: ignore[misc] # of this round
    assert stage.heard(ann) == ["you said one", "you said two", "you said three"]
    assert not client.failed.done()
    assert client.handler_errors == 0


@pytest.mark.parametrize(
    ("code", "name", "dropped"),
    [
        (401, "AUTH_KEY_UNREGISTERED", (IMPORT, STATE)),
        (401, "AUTH_KEY_INVALID", (IMPORT, STATE)),
        (401, "AUTH_KEY_PERM_EMPTY", (IMPORT, STATE)),
        (401, "SESSION_EXPIRED", (IMPORT, STATE)),
        (401, "SESSION_REVOKED", (IMPORT, STATE)),
        (401, "SOMETHING_NEW", (IMPORT, STATE)),
        (406, "AUTH_KEY_DUPLICATED", ASKED),
        (401, "SESSION_PASSWORD_NEEDED", ()),
        (401, "ACTIVE_USER_REQUIRED", ()),
        (406, "FRESH_CHANGE_PHONE_FORBIDDEN", ()),
        (406, "SOMETHING_NEW", ()),
        (400, "SOMETHING_NEW", ()),
        (403, "SOMETHING_NEW", ()),
        (404, "SOMETHING_NEW", ()),
        (500, "SOMETHING_NEW", ()),
        (-503, "Timeout", ()),
        (420, "FLOOD_WAIT_1", ()),
        (420, "SOMETHING_NEW", ()),
    ],
)
@pytest.mark.parametrize("method", ASKED)
async def test_a_login_drops_its_key_for_what_ends_logins_and_for_nothing_else(
    stage: Stage,
    caplog: pytest.LogCaptureFixture,
    method: str,
    code: int,
    name: str,
    dropped: tuple[str, ...],
) -> None:
    stage.faults.fail(method, code, name)
    await stage.open(echo)
    await served(stage)
    assert said(caplog, "logging in again with a new one") == (method in dropped)
    assert len(stage.sandbox.keys_of()) >= 1 + (method in dropped)  # one key in 256 is made twice


@pytest.mark.parametrize("answer", [None, *DeadKey])
async def test_after_a_login_that_lasted_the_next_one_is_made_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, answer: DeadKey | None
) -> None:
    """For None only the login has ended; nothing is waited for an hour but what is tried a second time."""
    monkeypatch.setattr(login, "_ANSWER_SECONDS", 30.0)
    monkeypatch.setattr(login, "_FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(login, "_LONGEST_BETWEEN_LOGINS", 3600.0)
    client = await stage.open(echo)
    now = client._login._since
    monkeypatch.setattr(client._login, "_clock", lambda: now)
    for logins in (2, 3, 4):
        now += login._LASTING_SECONDS + 1
        if answer is None:
            stage.world.end_sessions(stage.account.id)
        else:
            stage.faults.kill_keys(answer=answer)
        client.intake.begin_difference()
        await served(stage)
        assert client._link_state.logins == logins


async def test_a_late_word_that_an_earlier_login_is_over_does_not_end_the_present_one(stage: Stage) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    stage.faults.fail(SEND, 401, "SESSION_REVOKED")
    stage.faults.delay(1.0, SEND)
    stage.write(ann, "hello")
    await until(lambda: stage.sandbox.calls[SEND])
    stage.faults.delay(0, SEND)
    stage.world.end_sessions(stage.account.id)
    client.intake.begin_difference()
    await until(lambda: stage.heard(ann) == ["you said hello"])
    assert stage.sandbox.calls[IMPORT] == 2
    assert client.handler_errors == 0


async def test_a_server_that_ends_each_login_is_asked_at_a_bearable_pace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(login, "_LONGEST_BETWEEN_LOGINS", 60.0)
    client = await stage.open(echo)
    stage.faults.fail(SEND, 401, "SESSION_REVOKED", times=10_000)
    for failed in (1, 2, 3):  # each send gives up after a few logins
        stage.write(stage.meet(), "hello")
        await until(lambda n=failed: client.handler_errors == n)  # type: ignore[misc] # of this round
    logins = stage.sandbox.calls[IMPORT]
    assert client._login._attempts == logins >= 5
    # So the pause before the next one is the sum of all before it.
    assert login._pause(logins, 60.0) == 0.05 * 2 ** (logins - 2)
    stage.faults.clear()
    await served(stage)
    assert stage.sandbox.calls[IMPORT] <= logins + 1
    assert not client.failed.done()


def test_pauses_between_logins_grow_to_minutes_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [login._pause(attempts, 300.0) for attempts in (1, 2, 3, 4, 8, 9, 10, 10_000)] == [
        0, 1, 2, 4, 64, 128, 256, 300,
    ]  # fmt: skip


# ---- data centers ------------------------------------------------------------------------------------


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Yield a sandbox with data centers 2 and 4, which have the same server key."""
    async with Sandbox(seed=1, key=server_key(), dcs={4: None}) as started:
        yield started


async def test_a_bot_of_another_data_center_goes_there_and_stays_over_restarts(stage: Stage) -> None:
    stage.faults.move(stage.account.id, 4)
    ann = stage.meet()
    for start in range(3):
        client = await stage.open(echo)
        assert client.session.dc_id == 4
        stage.write(ann, f"{start}")
        await until(lambda n=start: len(stage.heard(ann)) == n + 1)  # type: ignore[misc] # of this round
        await stage.close(client)
    assert stage.sandbox.calls[IMPORT] == 2  # refused here, taken there


async def test_a_bot_that_is_moved_while_it_runs_goes_along(stage: Stage) -> None:
    client = await stage.open(echo)
    await served(stage, text="one")
    stage.faults.move(stage.account.id, 4)
    people = [stage.meet() for _ in range(5)]
    for person in people:
        stage.write(person, "two")
    client.intake.begin_difference()
    await until(lambda: all(stage.heard(person) == ["you said two"] for person in people))
    assert client.session.dc_id == 4
    assert not client.failed.done()
    assert client.handler_errors == 0


async def test_a_data_center_that_is_gone_is_left_for_the_configured_server(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(login, "_AWAY_SECONDS", 1.0)
    stage.faults.move(stage.account.id, 4)
    client = await stage.open(echo)
    await stage.close(client)
    with socket.socket() as nobody:  # its port is taken, and refuses connections
        nobody.bind((stage.sandbox.host, 0))
        session = DurableSession(stage.path)
        session.set_dc(4, *nobody.getsockname())  # as if the server listened elsewhere since
        session.close()
        again = await stage.open(echo)
    assert (again.session.dc_id, again.session.port) == (4, stage.sandbox.dcs[4].port)
    assert said(caplog, "data center 4 of the server is not there") == 1
    await served(stage)


async def test_while_nothing_can_be_reached_a_session_stays_in_its_data_center(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_AWAY_SECONDS", 1.0)
    monkeypatch.setattr(attempts, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", 0.08)
    stage.faults.move(stage.account.id, 4)
    client = await stage.open(echo)
    await stage.close(client)
    logins = stage.sandbox.calls[IMPORT]
    restarting = asyncio.create_task(stage.sandbox.restart(2.0))
    await until(lambda: not stage.sandbox.connections)
    opening = asyncio.create_task(stage.open(echo))
    await until(lambda: stage._open and stage._open[0]._sender.attempts.failures >= 2)
    await restarting
    again = await opening
    assert again.session.dc_id == 4
    assert stage.sandbox.calls[IMPORT] == logins


async def test_another_server_in_the_configuration_takes_the_session_along(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.faults.move(stage.account.id, 4)
    await stage.close(await stage.open())
    async with Sandbox(seed=2, key=server_key()) as other:
        monkeypatch.setattr(stage, "sandbox", other)
        with suppress(TimeoutError, LoginRefusedError):
            await stage.open()
        assert other.calls[ME] > 0


async def test_data_centers_that_send_the_bot_back_and_forth_are_asked_at_a_bearable_pace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(login, "_LONGEST_BETWEEN_LOGINS", 60.0)
    for _ in range(4):
        stage.faults.fail(IMPORT, 303, "USER_MIGRATE_4")
        stage.faults.fail(IMPORT, 303, "USER_MIGRATE_2")
    opening: asyncio.Task[Any] = asyncio.create_task(stage.open(echo))
    await until(lambda: stage.sandbox.calls[IMPORT] >= 5)
    assert not opening.done()
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
