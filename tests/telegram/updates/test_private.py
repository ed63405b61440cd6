"""Events of private messages, held to Telethon's: equal in all that they hold."""

from __future__ import annotations

from copy import copy
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.sessions import MemorySession
from telethon.tl import types

from tests.scenarios.oddities import Oddities
from tests.telegram.wire.test_readers import shown
from tgbot.telegram.peers import Peers
from tgbot.telegram.updates.job import Job
from tgbot.telegram.updates.lineup import Lineup
from tgbot.telegram.updates.private import private_message

KNOWN, UNKNOWN, SELF = 5_000_000_001, 5_000_000_002, 7


class Hashes:
    """The session, as far as Peers asks it."""

    def access_hash(self, marked_id: int) -> int | None:
        return 123 if marked_id == KNOWN else None


@pytest.fixture
async def client() -> Any:
    client = TelegramClient(MemorySession(), 1, "hash")
    peers = Peers(Hashes(), None)  # type: ignore[arg-type]  # all that is asked of them
    peers.set_self_user(SELF, bot=True, hash=1)
    client._mb_entity_cache = peers
    return client


def telethons(update: Any, entities: dict[int, Any], client: Any) -> Any:
    event = events.NewMessage.build(update, None, SELF)
    event.original_update = update
    event._entities = entities
    event._set_client(client)
    return event


def held(event: Any) -> Any:
    """Return what an event and its message hold."""
    return {
        name: shown(value) if name not in ("_client", "_entities") else id(value)
        for thing in (event, event.message)
        for name, value in vars(thing).items()
        if name != "message" or thing is event.message
    }


def odd_update(oddities: Oddities, number: int) -> Any:
    update = types.UpdateNewMessage(oddities.value(types.Message), 5, 1)
    message = update.message
    if number % 2:  # an ordinary message: these are most of what arrives
        message = types.Message(
            number, types.PeerUser(KNOWN), message.date, message.message, media=message.media
        )
        message.post = oddities.random.random() < 0.1
        update.message = message
    return update


def job_of(update: types.UpdateNewMessage, entities: dict[int, Any]) -> Job:
    return Job(update, entities, None, KNOWN, None, 0, True)


async def test_an_event_is_the_one_that_telethon_builds(client: Any) -> None:
    oddities, ours = Oddities(5, [KNOWN, UNKNOWN]), 0
    for number in range(500):
        update = odd_update(oddities, number)
        copied = types.UpdateNewMessage(copy(update.message), 5, 1)
        entities = {KNOWN: types.User(KNOWN, access_hash=123, first_name="Ann")} if number % 3 else {}
        made = private_message(job_of(update, entities), client, client._mb_entity_cache)
        if made is None:
            continue
        ours += 1
        assert made.__dict__.pop("replayed") is True  # which Telethon's has not
        assert held(made) == held(telethons(copied, entities, client))
        made.something = 1  # goes to the message, as Telethon has it
        assert made.message.something == 1
    assert ours > 100


OPTIONS: list[dict[str, Any]] = [
    {},
    {"pattern": "^/start( .+)?$"},
    {"pattern": "hello"},
    {"pattern": lambda text: None},
    {"incoming": True},
    {"incoming": True, "pattern": "^/start"},
    {"outgoing": True},
    {"incoming": False},
    {"forwards": False},
    {"forwards": True},
    {"chats": [KNOWN]},
    {"chats": [UNKNOWN]},
    {"chats": [KNOWN], "blacklist_chats": True},
    {"from_users": [UNKNOWN]},
    {"func": lambda event: False},
    {"func": lambda event: event.is_private, "pattern": "/start"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "none")
@pytest.mark.parametrize("text", ["/start", "/start here", "hello", ""])
async def test_who_wants_it_is_decided_as_telethon_decides(
    client: Any, options: dict[str, Any], text: str
) -> None:
    def update() -> types.UpdateNewMessage:
        message = types.Message(1, types.PeerUser(KNOWN), message=text)
        return types.UpdateNewMessage(message, 5, 1)

    builder = events.NewMessage(**options)
    await builder.resolve(client)
    theirs = telethons(update(), {}, client)
    wanted = bool(builder.filter(theirs))
    ours = private_message(job_of(update(), {}), client, client._mb_entity_cache)
    found = Lineup([(builder, handle)]).wanting(update())
    if not found:  # left out by its command
        assert not wanted
    elif found[0].unfiltered:
        pattern = found[0].pattern
        assert (pattern is None or ours.matches(pattern)) is wanted
        assert str(ours.pattern_match) == str(theirs.pattern_match)
    else:  # Telethon's own filter is asked
        assert bool(builder.filter(ours)) is wanted
        assert set(options) - {"pattern", "incoming"} or options["incoming"] is False


async def handle(event: Any) -> None:
    """Stand for any handler."""


@pytest.mark.parametrize(
    "message",
    [
        types.Message(1, types.PeerUser(UNKNOWN), message="from nobody known"),
        types.Message(1, types.PeerUser(KNOWN), message="our own", out=True),
        types.Message(1, types.PeerUser(SELF), message="to ourselves"),
        types.Message(1, types.PeerUser(KNOWN), message="a reply", reply_to=types.MessageReplyHeader()),
        types.Message(1, types.PeerUser(KNOWN), message="via", via_bot_id=UNKNOWN),
        types.Message(1, types.PeerUser(KNOWN), message="author", from_id=types.PeerUser(KNOWN)),
        types.Message(1, types.PeerChat(5), message="in a group"),
        types.MessageService(1, types.PeerUser(KNOWN), None, types.MessageActionHistoryClear()),
    ],
    ids=lambda message: getattr(message, "message", None) or "service",
)
async def test_what_is_not_ordinary_is_left_to_telethon(client: Any, message: Any) -> None:
    update = types.UpdateNewMessage(message, 5, 1)
    assert private_message(job_of(update, {}), client, client._mb_entity_cache) is None
