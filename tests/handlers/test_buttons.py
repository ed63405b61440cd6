"""The bot's own buttons: what counts as a choice, and what it is worth when Telegram does not go along."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.handlers.conftest import Desk
from tests.telegram.conftest import until
from tgbot.handlers import commands, language, privacy
from tgbot.telegram import BotClient

EDIT, ANSWER = "messages.editMessage", "messages.setBotCallbackAnswer"


async def ask(desk: Desk, person: int, command: str) -> Any:
    """Let a person send a command, and return their copy of the answer, with its buttons."""
    await desk.says(person, command)
    box = desk.world.accounts[person].box
    return box.get(box.dialogs[desk.bot_id].ids[-1])


def begin_press(desk: Desk, person: int, copy: Any, data: bytes) -> list[Any]:
    got: list[Any] = []
    later = desk.world.presses.press(desk.world.accounts[person], copy, data, desk.world.now() + 3600)
    later.then(got.append)
    return got


def known_by_name(desk: Desk, person: int) -> bool:
    """Return whether more is known of a person than a block that stands."""
    user = desk.users.get(person)
    return user is not None and bool(user.first_name or user.chosen_language)


async def press(desk: Desk, person: int, copy: Any, data: bytes) -> Any:
    """Press a button with these bytes, as only a client of one's own could, and return the answer."""
    got = begin_press(desk, person, copy, data)
    await until(lambda: got)
    await until(lambda: not desk.parts.client._batches.waiting)
    return got[0]


async def test_only_an_explicit_yes_forgets(desk: Desk) -> None:
    await desk.open(privacy, language)
    anna = desk.meet()
    asked = await ask(desk, anna, "/forget")
    for data in (b"forget:no", b"forget:yes\n", b"forget:yesno", b"forget:", b"xforget:yes", b"\xff" * 64):
        await press(desk, anna, asked, data)
        assert desk.users.get(anna) is not None
    assert desk.parts.client.handler_errors == 0
    await press(desk, anna, asked, b"forget:yes")
    assert desk.users.get(anna) is None


async def test_a_language_with_more_bytes_is_none(desk: Desk) -> None:
    await desk.open(language)
    anna = desk.meet()
    asked = await ask(desk, anna, "/language")
    for data in (b"language:ru\n", b"language:\xd1\x80", b"language:ru;"):
        assert (await press(desk, anna, asked, data)).message is None
        assert desk.known(anna).chosen_language is None
    assert desk.parts.client.handler_errors == 0


@pytest.mark.parametrize("number", [types.InputBotInlineMessageID, types.InputBotInlineMessageID64])
async def test_a_press_on_a_message_that_was_sent_inline_is_none_of_the_bots(desk: Desk, number: Any) -> None:
    arrived: list[Any] = []

    async def note(update: Any) -> None:
        arrived.append(update)

    def plugin(client: BotClient) -> None:
        client.add_event_handler(note, events.Raw(types.UpdateInlineBotCallbackQuery))

    await desk.open(language, privacy, plugin=plugin)
    anna = desk.meet()
    await desk.says(anna, "/language")
    short = number is types.InputBotInlineMessageID
    message = number(2, 77 << 32, 6) if short else number(2, anna, 6, 7)
    for data in (b"language:ru", b"forget:yes"):
        desk.world.push_update(
            desk.bot_id, types.UpdateInlineBotCallbackQuery(1, anna, message, 6, data=data)
        )
    await until(lambda: len(arrived) == 2 and not desk.parts.client._batches.waiting)
    assert desk.known(anna).chosen_language is None
    assert desk.parts.client.handler_errors == 0


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (400, "MESSAGE_NOT_MODIFIED"),
        (400, "MESSAGE_ID_INVALID"),
        (403, "MESSAGE_AUTHOR_REQUIRED"),
        (403, "USER_IS_BLOCKED"),
        (400, "NO_CLASS_FOR_THIS"),
        (420, "FLOOD_WAIT_600"),
    ],
)
@pytest.mark.parametrize("method", [EDIT, ANSWER])
async def test_what_was_chosen_counts_also_where_telegram_refuses_to_show_it(
    desk: Desk, caplog: pytest.LogCaptureFixture, method: str, code: int, name: str
) -> None:
    caplog.set_level(logging.WARNING)
    await desk.open(language, privacy)
    anna = desk.meet()
    asked = await ask(desk, anna, "/language")
    desk.faults.fail(method, code, name, times=1)
    if method == EDIT:
        answer = await press(desk, anna, asked, b"language:ru")
        assert answer.message == "Готово. Буду говорить на этом языке."
    else:
        begin_press(desk, anna, asked, b"language:ru")
    await until(lambda: desk.known(anna).chosen_language == "ru")
    desk.faults.fail(method, code, name, times=1)
    begin_press(desk, anna, await ask(desk, anna, "/forget"), b"forget:yes")
    await until(lambda: not desk.parts.client._batches.waiting and not known_by_name(desk, anna))
    assert desk.parts.client.handler_errors == 0
    assert not caplog.messages


async def test_a_change_that_telegram_puts_off_does_not_hold_the_acknowledgement_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "SHOWN_SECONDS", 0.05)
    await desk.open(language)
    anna = desk.meet()
    asked = await ask(desk, anna, "/language")
    desk.faults.fail(EDIT, 420, "FLOOD_WAIT_1", times=1)
    got = begin_press(desk, anna, asked, b"language:ru")
    await until(lambda: got)
    assert not asked.post.text.startswith("На каком языке")
    await until(lambda: asked.post.text.startswith("На каком языке"))
