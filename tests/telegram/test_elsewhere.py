"""Files in other data centres: downloads of plain Telethon, and what becomes of them when those fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import errors, events
from telethon.tl import functions, types

from tests.telegram.conftest import PATIENCE, Stage, until
from tgbot.sandbox.faults import DeadKey
from tgbot.telegram import BotClient, elsewhere
from tgbot.telegram.refusals import NoAnswerError
from tgbot.telegram.wire import attempts as attempting

CONFIG = functions.help.GetConfigRequest()
IMPORT = "auth.importAuthorization"
#: A file of several parts.
CONTENT = bytes(range(256)) * 4096


@pytest.fixture
async def got() -> asyncio.Queue[Any]:
    """The messages that the client gets."""
    return asyncio.Queue()


@pytest.fixture
async def client(stage: Stage, got: asyncio.Queue[Any]) -> BotClient:
    """A client of a bot; its server has a data centre 4 as well."""
    await stage.sandbox.open_dc(4)
    return await stage.open(lambda client: client.add_event_handler(got.put, events.NewMessage()))


async def sent_from(stage: Stage, got: asyncio.Queue[Any], dc_id: int) -> Any:  # Any: a Message
    """Have somebody send the client a file that is in a data centre; return the message."""
    world = stage.world
    file = types.Document(dc_id, 77, world.files.reference, world.date(), "x/y", len(CONTENT), dc_id, [])
    world.files.store(file, CONTENT)
    stage.write(stage.meet(), "look", media=types.MessageMediaDocument(document=file))
    async with asyncio.timeout(PATIENCE):
        return (await got.get()).message


@pytest.fixture
async def file(stage: Stage, client: BotClient, got: asyncio.Queue[Any]) -> Any:  # Any: a Message
    """A message with a file in data centre 4."""
    return await sent_from(stage, got, 4)


@pytest.fixture
def impatient(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits and pauses that a test can wait for."""
    monkeypatch.setattr(attempting, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(attempting, "LONGEST_PAUSE", 0.08)


def away(stage: Stage) -> list[Any]:
    """Return the connections to data centre 4."""
    return [one for one in stage.sandbox.connections_of() if one.dc_id == 4]


async def download(client: BotClient, message: Any) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return b"".join([bytes(part) async for part in client.iter_download(message.media)])


async def serves(stage: Stage, client: BotClient) -> None:
    """Check that the bot's own link answers, and that nothing has ended it."""
    async with asyncio.timeout(PATIENCE):
        assert (await client.get_me()).id == stage.account.id
    assert not client.failed.done()
    assert stage.sandbox.calls["auth.importBotAuthorization"] == 1


async def test_a_file_of_another_data_centre_is_fetched_there_with_one_login(
    stage: Stage, client: BotClient, file: Any
) -> None:
    calls = stage.sandbox.calls
    assert [await download(client, file) for _ in range(2)] == [CONTENT, CONTENT]
    assert (calls[IMPORT], len(away(stage))) == (1, 1)
    async with asyncio.timeout(PATIENCE):
        parts = await asyncio.gather(*(download(client, file) for _ in range(5)))
    assert set(parts) == {CONTENT}
    assert (calls[IMPORT], len(away(stage))) == (1, 1)
    await serves(stage, client)


async def test_a_download_that_begins_at_home_follows_the_file(
    stage: Stage, client: BotClient, file: Any
) -> None:
    async with asyncio.timeout(PATIENCE):
        assert await client.download_media(file, bytes) == CONTENT
    assert (stage.sandbox.calls[IMPORT], len(away(stage))) == (1, 1)


async def test_a_file_of_a_data_centre_that_the_server_does_not_have_is_refused_alone(
    stage: Stage, client: BotClient, got: asyncio.Queue[Any]
) -> None:
    file = await sent_from(stage, got, 9)
    with pytest.raises(LookupError, match="names no data centre 9"):
        await download(client, file)
    await serves(stage, client)


async def test_a_connection_that_is_cut_in_the_middle_of_a_file_costs_it_nothing(
    stage: Stage, client: BotClient, file: Any
) -> None:
    stage.faults.lose_answer("upload.getFile", times=3)
    links = client._link_state.links
    assert await download(client, file) == CONTENT
    assert client._link_state.links == links
    await serves(stage, client)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", list(DeadKey))
async def test_a_key_that_is_dead_there_is_made_anew_under_way(
    stage: Stage, client: BotClient, file: Any, answer: DeadKey
) -> None:
    assert await download(client, file) == CONTENT
    [link] = away(stage)[0].links
    stage.faults.kill_keys(key=link.key[0], answer=answer)
    stage.faults.drop()
    async with asyncio.timeout(PATIENCE):
        found = await asyncio.gather(*(download(client, file) for _ in range(5)))
    assert set(found) == {CONTENT}
    assert stage.sandbox.calls[IMPORT] == 2
    await serves(stage, client)


async def test_a_login_that_does_not_help_ends_the_request_and_no_more(
    stage: Stage, client: BotClient, file: Any
) -> None:
    await client._borrow_exported_sender(4)
    stage.faults.fail("upload.getFile", 401, "AUTH_KEY_UNREGISTERED", times=3)
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await download(client, file)
    stage.faults.clear()
    await serves(stage, client)
    assert await download(client, file) == CONTENT


@pytest.mark.usefixtures("impatient")
async def test_a_data_centre_that_is_not_there_holds_up_nobody_who_wants_another_one(
    stage: Stage, client: BotClient, file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.sandbox.open_dc(5)
    stage.sandbox.dcs[5].close()
    lost = asyncio.create_task(client._borrow_exported_sender(5))
    await until(lambda: client._elsewhere._centres.get(5))
    assert await download(client, file) == CONTENT
    await serves(stage, client)
    assert not lost.done()
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    monkeypatch.setattr(elsewhere, "CONNECT_SECONDS", 0.1)
    with pytest.raises(TimeoutError):
        await client._borrow_exported_sender(5)


@pytest.mark.usefixtures("impatient")
async def test_a_request_that_is_not_answered_there_is_made_again_and_then_given_up(
    stage: Stage, client: BotClient
) -> None:
    sender = await client._borrow_exported_sender(4)
    links = client._link_state.links
    stage.faults.silence("help.getConfig")
    async with asyncio.timeout(PATIENCE):
        answer: Any = await client._call(sender, CONFIG)
    assert answer.this_dc == 4
    assert sender.link_state.links == 2
    stage.faults.silence("help.getConfig", times=99)
    with pytest.raises(NoAnswerError):
        async with asyncio.timeout(PATIENCE):
            await client._call(sender, CONFIG)
    stage.faults.clear()
    await serves(stage, client)
    assert client._link_state.links == links


@pytest.mark.usefixtures("impatient")
async def test_a_login_there_that_is_never_answered_ends_and_leaves_nothing_behind(
    stage: Stage, client: BotClient
) -> None:
    stage.faults.silence(IMPORT, times=99)
    with pytest.raises(NoAnswerError):
        async with asyncio.timeout(PATIENCE):
            await client._borrow_exported_sender(4)
    await until(lambda: not away(stage))
    stage.faults.clear()
    sender = await client._borrow_exported_sender(4)
    answer: Any = await client._call(sender, CONFIG)
    assert answer.this_dc == 4


async def test_an_idle_connection_is_closed_and_its_sender_still_is_of_use(
    stage: Stage, client: BotClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = await client._borrow_exported_sender(4)
    await client._return_exported_sender(sender)
    await client._elsewhere.tidy()
    assert sender.is_connected()
    monkeypatch.setattr(elsewhere, "IDLE_SECONDS", 0.0)
    stage.faults.delay(3600, "help.getConfig")
    under_way = asyncio.create_task(client._call(sender, CONFIG))
    await until(lambda: stage.sandbox.calls["help.getConfig"] == 2)
    await client._elsewhere.tidy()
    assert sender.is_connected()
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    stage.faults.clear()
    await client._elsewhere.tidy()
    assert not sender.is_connected()
    await until(lambda: not away(stage))
    answer: Any = await client._call(sender, CONFIG)
    assert answer.this_dc == 4
    assert stage.sandbox.calls[IMPORT] == 1


async def test_a_stop_closes_the_connections(stage: Stage, client: BotClient) -> None:
    await client._borrow_exported_sender(4)
    assert len(away(stage)) == 1
    await stage.close(client)
    await until(lambda: not away(stage))


def test_media_servers_and_those_for_other_transports_are_left_out() -> None:
    from tgbot.telegram.server import data_centre

    def option(address: str, **flags: bool) -> Any:
        return types.DcOption(4, address, 443, **flags)

    config: Any = type("Config", (), {})()
    config.dc_options = [
        option("media", media_only=True),
        option("cdn", cdn=True),
        option("tcpo", tcpo_only=True),
        option("six", ipv6=True),
        option("four"),
    ]
    assert data_centre(config, 4, ipv6=False).ip_address == "four"
    assert data_centre(config, 4, ipv6=True).ip_address == "six"
    config.dc_options.pop()
    assert data_centre(config, 4, ipv6=False).ip_address == "six"
    with pytest.raises(LookupError):
        data_centre(config, 5, ipv6=False)
