"""Contents that Telegram refuses are refused with Telegram's names."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.world import World


def link(url: str) -> types.ReplyInlineMarkup:
    button = types.KeyboardInlineButton("Go", types.InlineButtonTypeUrl(url))
    return types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([button])])


@pytest.fixture
def reader(world: World, bot: Client) -> int:
    return world.crowd(bot.id, 1)[0].id


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/a?b=c#d",
        "t.me/the_bot?start=x",
        "tg://resolve?domain=the_bot",
        "HTTPS://пример.рф/страница",
        "http://127.0.0.1/",
    ],
)
def test_a_button_takes_a_link_to_the_web_or_into_telegram(bot: Client, reader: int, url: str) -> None:
    bot(messages.SendMessageRequest(bot.peer(reader), "hi", random_id=1, reply_markup=link(url)))


@pytest.mark.parametrize(
    "url", ["", "http://", "localhost", "http://localhost/", "mailto:a@b.c", "ftp://a.b/", "https://a b.c"]
)
def test_a_button_takes_no_other_link(world: World, bot: Client, reader: int, url: str) -> None:
    with refused("BUTTON_URL_INVALID"):
        bot(messages.SendMessageRequest(bot.peer(reader), "hi", random_id=1, reply_markup=link(url)))
    assert list(world.delivered(bot.id)) == []


@pytest.mark.parametrize(("offset", "length"), [(-1, 2), (0, 0), (0, -1), (0, 6), (5, 1), (4, 2)])
def test_an_entity_has_to_be_within_the_text(bot: Client, reader: int, offset: int, length: int) -> None:
    def send(entity: Any, text: str) -> Any:
        return bot(messages.SendMessageRequest(bot.peer(reader), text, random_id=1, entities=[entity]))

    with refused("ENTITY_BOUNDS_INVALID"):
        send(types.MessageEntityBold(offset, length), "hello")
    send(types.MessageEntityBold(0, 7), "hello 🙂"[1:])  # counted in UTF-16 units: a smile has two


def test_what_is_shown_at_the_edge_may_be_white_space(bot: Client, reader: int) -> None:
    entity = types.MessageEntityBold(0, 8)
    bot(messages.SendMessageRequest(bot.peer(reader), " hello  ", random_id=1, entities=[entity]))


def test_an_edit_changes_text_entities_and_keyboard_on_both_sides_and_one_that_changes_nothing_is_refused(
    world: World, bot: Client, reader: int
) -> None:
    peer = bot.peer(reader)
    number = bot(messages.SendMessageRequest(peer, "old", random_id=1)).id
    before = world.accounts[reader].log.pts
    bold = [types.MessageEntityBold(0, 3)]
    changed = messages.EditMessageRequest(
        peer, number, message="new", entities=bold, reply_markup=link("https://example.com")
    )
    bot(changed)
    told = world.accounts[reader].log.above(before, 1)[0].update
    assert isinstance(told, types.UpdateEditMessage)
    assert (told.message.message, told.message.entities) == ("new", bold)
    assert told.message.reply_markup.rows[0].buttons[0].text == "Go"
    with refused("MESSAGE_NOT_MODIFIED"):
        bot(changed)
    for wrong in (number + 1, 999, 0):
        with refused("MESSAGE_ID_INVALID"):
            bot(messages.EditMessageRequest(peer, wrong, message="new"))


def test_lengths_of_texts_are_in_code_points(ann: Client, bot: Client) -> None:
    ann.send(bot, "😀" * 4096)
    with refused("MESSAGE_TOO_LONG"):
        ann.send(bot, "😀" * 4097)


def test_a_forward_may_leave_the_caption_out(ann: Client, bot: Client) -> None:
    contact = types.InputMediaContact("+1555", "Max", "", "")
    ann(messages.SendMediaRequest(ann.peer(bot), contact, "caption"))
    peer = ann.peer(bot)
    ann(messages.ForwardMessagesRequest(peer, [1], to_peer=peer, random_id=[5], drop_media_captions=True))
    made = bot.difference().new_messages[-1]
    assert (made.message, type(made.media)) == ("", types.MessageMediaContact)
