"""Plain texts, held to Telethon's `send_message`: the same bytes, and the same message in return."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tests.telegram.wire.test_readers import shown
from tgbot.telegram.calls.plain import PlainText, Typing, message_sent, plain_text, typing

USER = types.InputPeerUser(5_000_000_001, -9)
DATE = datetime(2026, 11, 26, tzinfo=UTC)


class Plain(TelegramClient):  # type: ignore[misc]  # Telethon is untyped
    """Telethon's client, whose requests are kept and answered at once."""

    def __init__(self, answer: Any) -> None:
        super().__init__(MemorySession(), 1, "hash")
        self._mb_entity_cache.set_self_user(7, True, 1)
        self.request: Any = None
        self._answer = answer

    async def __call__(self, request: Any, ordered: bool = False, flood_sleep_threshold: Any = None) -> Any:
        self.request = request
        return self._answer


@pytest.fixture(
    params=[
        types.UpdateShortSentMessage(5, 6, 1, DATE, out=True),
        types.UpdateShortSentMessage(5, 6, 1, DATE, out=True, media=types.MessageMediaEmpty(), ttl_period=9),
        types.UpdateShortSentMessage(5, 6, 1, DATE, out=True, entities=[types.MessageEntityUrl(0, 3)]),
    ],
    ids=["plain", "empty media", "entities"],
)
async def client(request: pytest.FixtureRequest) -> Plain:
    return Plain(request.param)


@pytest.mark.parametrize("text", ["Hello", "  trimmed \n", "Привет, мир 🙂", "x" * 4096, "a < b & c > d"])
@pytest.mark.parametrize("options", [{}, {"reply_to": 12}, {"reply_to": None}], ids=str)
async def test_a_plain_text_is_what_telethon_sends(client: Plain, text: str, options: Any) -> None:
    theirs = await client.send_message(USER, text, **options)
    request = plain_text(USER, text, options)
    assert request is not None
    request.random_id = client.request.random_id
    client.request.entities = client.request.entities or None  # no entities in either of two ways
    assert bytes(request) == bytes(client.request)
    assert request.to_dict() == client.request.to_dict() | {"_": "SendMessageRequest"}
    ours = message_sent(client, request, client._answer)
    assert shown_but_client(ours) == shown_but_client(theirs)


def test_a_text_of_any_length_is_packed_as_telethon_packs_it() -> None:
    for length in range(1, 260):
        ours = PlainText(USER, "x" * (length - 1) + "é", None)
        ours.random_id = -length
        theirs = functions.messages.SendMessageRequest(USER, ours.message, random_id=-length)
        assert bytes(ours) == ours._bytes() == bytes(theirs)


def shown_but_client(message: Any) -> Any:
    client, message._client = message._client, None
    assert client is not None
    for flag in ("no_webpage", "out"):
        setattr(message, flag, bool(getattr(message, flag, False)))
    return shown(message)


@pytest.mark.parametrize(
    ("entity", "text", "options"),
    [
        (USER, "**bold**", {}),
        (USER, "a [link](https://example.com)", {}),
        (USER, "", {}),
        (USER, "   ", {}),
        (USER, 5, {}),
        (USER, types.Message(1, types.PeerUser(1), message="copied"), {}),
        (USER, "buttons", {"buttons": []}),
        (USER, "a file", {"file": "x.png"}),
        (USER, "other mode", {"parse_mode": "html"}),
        (USER, "two", {"reply_to": 5, "silent": True}),
        (USER, "to a message", {"reply_to": types.Message(1, types.PeerUser(1), message="")}),
        ("somebody", "by name", {}),
        (types.InputPeerChat(5), "to a group", {}),
    ],
)
def test_everything_else_is_left_to_telethon(entity: Any, text: Any, options: Any) -> None:
    assert plain_text(entity, text, options) is None


def test_a_plain_text_can_be_read_back() -> None:
    request = PlainText(USER, "text", 5)
    request.random_id = -5
    from telethon.extensions import BinaryReader

    read = BinaryReader(bytes(request)).tgread_object()
    assert type(read) is functions.messages.SendMessageRequest
    assert (read.message, read.random_id, read.reply_to.reply_to_msg_id) == ("text", -5, 5)


def test_a_probe_of_a_user_is_packed_as_telethon_packs_it() -> None:
    theirs = functions.messages.SetTypingRequest(USER, types.SendMessageTypingAction())
    ours = typing(USER)
    assert type(ours) is Typing
    assert bytes(ours) == bytes(theirs)
    assert bytes(functions.InvokeWithLayerRequest(9, ours)) == bytes(
        functions.InvokeWithLayerRequest(9, theirs)
    )
    assert ours.to_dict() == theirs.to_dict() | {"_": "SetTypingRequest"}


@pytest.mark.parametrize("peer", [types.InputPeerChat(5), types.InputPeerSelf()], ids=["a chat", "itself"])
def test_a_chat_action_elsewhere_is_telethons(peer: Any) -> None:
    request = typing(peer)
    assert type(request) is functions.messages.SetTypingRequest
    assert bytes(request) == bytes(functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction()))
