"""A bot with several auth keys: which of its sessions gets an update, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from telethon import Button, events
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox.feeds import UpdatesTo
from tgbot.sandbox.server import Sandbox

from .conftest import Person, PlainBot
from .rawclient import SELF, layered, raw

TEXTS = [f"text {number}" for number in range(12)]


class Node:
    """One session of the bot, with an auth key of its own, and what was pushed to it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.pushed: list[str] = []
        self._news = asyncio.Event()
        # As it comes over the wire: Telethon itself would ask for the difference at a gap.
        true_handler = client._sender._handle_update

        async def note(message: Any) -> None:
            for update in getattr(message.obj, "updates", ()):
                if isinstance(update, types.UpdateNewMessage):
                    self.pushed.append(update.message.message)
                elif isinstance(update, types.UpdateBotCallbackQuery):
                    self.pushed.append("press")
            self._news.set()
            await true_handler(message)

        for kind, handler in list(client._sender._handlers.items()):
            if handler == true_handler:
                client._sender._handlers[kind] = note
        client._sender._handle_update = note

    async def call(self) -> None:
        """Make a call; what was pushed before is there once it is answered."""
        await self.client(functions.help.GetNearestDcRequest())

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not so():
                self._news.clear()
                await self._news.wait()


class Pair:
    """Two nodes of one bot, and a user who has started it."""

    def __init__(self, sandbox: Sandbox, bot_id: int, first: Node, second: Node) -> None:
        self.sandbox, self.bot_id, self.first, self.second = sandbox, bot_id, first, second
        self.ann = sandbox.world.new_user("Ann").id

    def write(self, *texts: str) -> None:
        for text in texts:
            self.sandbox.world.send_as(self.ann, self.bot_id, text)

    async def all_pushed(self, count: int) -> None:
        """Return once both together were pushed so many updates."""
        both = self.first, self.second
        async with asyncio.timeout(PATIENCE):
            while len(self.first.pushed) + len(self.second.pushed) < count:
                news = [asyncio.ensure_future(node._news.wait()) for node in both]
                await asyncio.wait(news, return_when=asyncio.FIRST_COMPLETED)
                for node, waiting in zip(both, news, strict=True):
                    waiting.cancel()
                    node._news.clear()

    async def missed(self, node: Node) -> list[str]:
        """Return what a difference from the very beginning brings to a node."""
        found = await node.client(functions.updates.GetDifferenceRequest(1, 1, 1))
        return [message.message for message in found.new_messages]


@pytest.fixture
async def pair(sandbox: Sandbox, plain_bot: PlainBot) -> Pair:
    bot = sandbox.new_bot("the_bot")
    nodes = [Node(await plain_bot(bot.token)) for _ in range(2)]
    assert nodes[0].client.session.auth_key.key_id != nodes[1].client.session.auth_key.key_id
    for node in nodes:
        await node.call()
    return Pair(sandbox, bot.id, *nodes)


async def test_every_session_of_a_bot_gets_every_update_unless_it_is_asked_otherwise(pair: Pair) -> None:
    pair.write(*TEXTS)
    await pair.all_pushed(2 * len(TEXTS))
    assert pair.first.pushed == pair.second.pushed == TEXTS


async def test_the_session_that_made_the_last_call_gets_the_updates_and_the_other_a_difference(
    pair: Pair,
) -> None:
    pair.sandbox.world.updates_to = UpdatesTo.LAST
    pair.write("one", "two")
    await pair.second.until(lambda: len(pair.second.pushed) == 2)
    await pair.first.call()
    pair.write("three")
    await pair.first.until(lambda: bool(pair.first.pushed))
    assert pair.first.pushed == ["three"]
    await pair.second.call()
    assert pair.second.pushed == ["one", "two"]
    assert await pair.missed(pair.first) == ["one", "two", "three"]


async def test_any_one_session_gets_an_update_and_together_they_get_each_once(pair: Pair) -> None:
    pair.sandbox.world.updates_to = UpdatesTo.RANDOM
    for text in TEXTS:
        pair.write(text)
        await asyncio.sleep(0)  # a turn of the server, so that not all of them are chosen at once
    await pair.all_pushed(len(TEXTS))
    for node in (pair.first, pair.second):
        await node.call()
    assert sorted(pair.first.pushed + pair.second.pushed) == sorted(TEXTS)
    assert pair.first.pushed
    assert pair.second.pushed
    assert await pair.missed(pair.second) == TEXTS


async def test_a_session_that_was_away_is_not_pushed_what_another_got(pair: Pair) -> None:
    pair.sandbox.world.updates_to = UpdatesTo.LAST
    async with raw(pair.sandbox, pair.first.client) as session:
        await session.result(session.send(layered(functions.users.GetUsersRequest([SELF]))))
        number = session.state.id
    await pair.second.call()
    pair.write("away")
    await pair.second.until(lambda: bool(pair.second.pushed))
    async with raw(pair.sandbox, pair.first.client, number) as session:
        await session.result(session.send(functions.users.GetUsersRequest([SELF])))
        pair.write("back")
        await session.pts(1)
        assert session.texts == ["back"]
    assert pair.second.pushed == ["away"]


async def test_users_hear_on_each_of_their_devices_whatever_is_chosen_for_bots(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    sandbox.world.updates_to = UpdatesTo.LAST
    bot = sandbox.new_bot("the_bot")
    phone = sandbox.new_phone()
    devices = [await person("Ann", phone=phone) for _ in range(2)]
    heard: list[asyncio.Queue[str]] = [asyncio.Queue() for _ in devices]
    for device, queue in zip(devices, heard, strict=True):
        note = queue.put

        async def hear(event: Any, note: Callable[[str], Any] = note) -> None:
            await note(event.raw_text)

        device.add_event_handler(hear, events.NewMessage(incoming=True))
    ann = (await devices[0].get_me()).id
    sandbox.world.send_as(ann, bot.id, "/start")
    client = await plain_bot(bot.token)
    await client(functions.messages.SendMessageRequest(types.InputPeerUser(ann, 0), "hello", random_id=1))
    for queue in heard:
        async with asyncio.timeout(PATIENCE):
            assert await queue.get() == "hello"


async def test_a_press_reaches_the_sessions_of_then_and_no_difference_brings_it_to_a_later_one(
    sandbox: Sandbox, person: Person, pair: Pair
) -> None:
    pair.sandbox.world.updates_to = UpdatesTo.LAST
    ann = await person("Ann")
    await ann.send_message("the_bot", "/start")
    await pair.second.until(lambda: "/start" in pair.second.pushed)
    me = await ann.get_me()
    peer = types.InputPeerUser(me.id, 0)
    await pair.first.client.send_message(peer, "a button", buttons=Button.inline("Press", b"x"))
    [message] = [one async for one in ann.iter_messages("the_bot", limit=1)]
    before = await pair.missed(pair.second)
    await pair.first.call()
    pressing = asyncio.ensure_future(message.click(0))
    await pair.first.until(lambda: "press" in pair.first.pushed)
    await pair.first.client.disconnect()  # it dies with it
    assert await pair.missed(pair.second) == before
    assert "press" not in pair.second.pushed
    pressing.cancel()
    await asyncio.wait([pressing])


async def test_a_random_id_that_another_key_has_used_returns_the_earlier_message(pair: Pair) -> None:
    pair.write("/start")
    peer = types.InputPeerUser(pair.ann, 0)
    first = await pair.first.client(functions.messages.SendMessageRequest(peer, "once", random_id=9))
    again = await pair.second.client(functions.messages.SendMessageRequest(peer, "once", random_id=9))
    named, new = again.updates
    assert (named.id, named.random_id, new.message.id, new.pts_count) == (first.id, 9, first.id, 0)
    box = pair.sandbox.world.accounts[pair.ann].box
    assert [copy.post.text for copy in box] == ["/start", "once"]


async def test_who_subscribes_to_the_world_learns_which_key_does_it(pair: Pair) -> None:
    sandbox, found = pair.sandbox, []
    keys = [node.client.session.auth_key.key_id.to_bytes(8, "little") for node in (pair.first, pair.second)]
    end = sandbox.world.subscribe(lambda account: found.append((account, sandbox.calling)))
    pair.write("/start")
    for number, node in enumerate((pair.second, pair.first), 1):
        peer = types.InputPeerUser(pair.ann, 0)
        await node.client(functions.messages.SendMessageRequest(peer, "hello", random_id=number))
    end()
    callers = [key for account, key in found if account == pair.bot_id]
    assert callers == [None, keys[1], keys[0]]
    assert sandbox.calling is None
