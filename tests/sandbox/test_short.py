"""Updates in Telegram's short forms: which are sent to whom, and that clients read them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import events
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox import short
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.short import Known, ShortUpdates, shortened

from .conftest import Person, PlainBot
from .rawclient import RawClient, layered, raw


def updates(message: Any, *beside: Any) -> types.Updates:
    users = [each for each in beside if isinstance(each, types.User)]
    chats = [each for each in beside if not isinstance(each, types.User)]
    return types.Updates([types.UpdateNewMessage(message, 7, 1)], users, chats, 100, 0)


ANN, ME = types.User(5, first_name="Ann"), types.User(6, first_name="Me")
GROUP = types.Chat(8, "Group", types.ChatPhotoEmpty(), 2, 100, 1)


def known(*beside: Any) -> Known:
    made = Known()
    made.note(updates(None, *beside))
    return made


def plain(**fields: Any) -> Any:
    return types.Message(**{"id": 3, "peer_id": types.PeerUser(5), "date": 100, "message": "hi"} | fields)


def test_a_plain_message_of_somebody_known_is_short() -> None:
    header: Any = types.MessageReplyHeader(reply_to_msg_id=1)
    bold: Any = types.MessageEntityBold(0, 2)
    message = plain(silent=True, reply_to=header, entities=[bold])
    made: Any = shortened(updates(message, ANN), known(ANN))
    expected = types.UpdateShortMessage(3, 5, "hi", 7, 1, None, silent=True, reply_to=header, entities=[bold])
    expected.date = 100
    assert bytes(made) == bytes(expected)


def test_a_message_in_a_known_group_is_short() -> None:
    message = plain(peer_id=types.PeerChat(8), from_id=types.PeerUser(5), mentioned=True)
    made: Any = shortened(updates(message, ANN, GROUP), known(ANN, GROUP))
    assert isinstance(made, types.UpdateShortChatMessage)
    assert (made.id, made.from_id, made.chat_id, made.message) == (3, 5, 8, "hi")
    assert (made.pts, made.pts_count, made.date, made.mentioned) == (7, 1, 100, True)


@pytest.mark.parametrize(
    "full",
    [
        updates(plain(media=types.MessageMediaDice(1, "🎲")), ANN),
        updates(plain(reply_markup=types.ReplyKeyboardHide()), ANN),
        updates(plain(noforwards=True), ANN),
        updates(plain(grouped_id=1), ANN),
        updates(plain(), ANN, types.User(9)),
        updates(
            plain(peer_id=types.PeerChat(9), from_id=types.PeerUser(5)), ANN, types.Chat(9, "", None, 1, 1, 1)
        ),
        updates(plain(peer_id=types.PeerUser(6), from_id=types.PeerUser(6), out=True), ME),
        updates(types.MessageService(3, types.PeerUser(5), action=types.MessageActionHistoryClear()), ANN),
        types.Updates([], [], [], 100, 0),
    ],
)
def test_what_a_short_form_cannot_say_is_sent_in_full(full: types.Updates) -> None:
    assert shortened(full, known(ANN, ME, GROUP)) is full


def test_nobody_is_known_by_a_min_user_and_not_too_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    full = updates(plain(), ANN)
    assert shortened(full, known(types.User(5, min=True))) is full
    monkeypatch.setattr(short, "MAX_KNOWN", 3)
    many = known(*(types.User(number) for number in range(1, 6)))
    assert many.has(full)
    many.note(updates(plain(), ME))
    assert not many.has(full)


def test_an_update_that_is_in_no_need_of_users_comes_alone() -> None:
    typing = types.UpdateUserTyping(5, types.SendMessageTypingAction())
    made: Any = shortened(types.Updates([typing], [ANN], [], 100, 0), Known())
    assert isinstance(made, types.UpdateShort)
    assert made.update is typing


async def kinds_of(client: RawClient, count: int) -> list[str]:
    """Return the names of the next updates."""
    kinds = {
        bytes.fromhex(hex(kind.CONSTRUCTOR_ID)[2:].zfill(8))[::-1]: kind.__name__
        for kind in (types.Updates, types.UpdateShort, types.UpdateShortMessage)
    }
    found: list[str] = []
    while len(found) < count:
        found += [kinds[body[:4]] for _, body in await client.receive() if body[:4] in kinds]
    return found[:count]


async def heard_by(sandbox: Sandbox, client: Any, count: int = 3) -> list[str]:
    """Have somebody write twice to a client and type; return the forms of the first updates."""
    me = (await client.get_me()).id
    bob = sandbox.world.new_user("Bob")
    async with raw(sandbox, client) as at:
        await at.result(at.send(layered(functions.updates.GetStateRequest())))
        sandbox.world.send_as(bob.id, me, "first")
        sandbox.world.send_as(bob.id, me, "second")
        typing = types.SendMessageTypingAction()
        sandbox.world.typing(bob, me, typing)
        return await kinds_of(at, count)


async def test_users_get_short_forms_of_those_they_know_and_bots_get_all_in_full(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann, bot = await person("Ann"), await plain_bot(sandbox.new_bot().token)
    sandbox.world.short_updates = ShortUpdates.USERS
    assert await heard_by(sandbox, ann) == ["Updates", "UpdateShortMessage", "UpdateShort"]
    assert await heard_by(sandbox, bot, 2) == ["Updates"] * 2
    sandbox.world.short_updates = ShortUpdates.ALL
    assert await heard_by(sandbox, bot, 2) == ["Updates", "UpdateShortMessage"]
    sandbox.world.short_updates = ShortUpdates.OFF
    assert await heard_by(sandbox, ann) == ["Updates"] * 3


async def test_telethon_reads_short_forms_without_a_gap(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    sandbox.world.short_updates = ShortUpdates.ALL
    bob = sandbox.world.new_user("Bob")
    for client in (await person("Ann"), await plain_bot(sandbox.new_bot().token)):
        texts: asyncio.Queue[str] = asyncio.Queue()

        async def note(event: Any, texts: asyncio.Queue[str] = texts) -> None:
            await texts.put(event.raw_text)

        client.add_event_handler(note, events.NewMessage(incoming=True))
        me = (await client.get_me()).id
        sandbox.calls.clear()
        for number in range(5):
            sandbox.world.send_as(bob.id, me, f"text {number}")
        async with asyncio.timeout(PATIENCE):
            assert [await texts.get() for _ in range(5)] == [f"text {number}" for number in range(5)]
        assert sandbox.calls["updates.getDifference"] == 0
