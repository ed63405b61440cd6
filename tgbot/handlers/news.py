"""`/stop_news`: users who want no broadcasts; `/news`: they want them again."""

from __future__ import annotations

from typing import Final

from telethon import Button, events
from telethon.tl import types

from tgbot.core.broadcasts import NEWS, NO_NEWS
from tgbot.core.commands import Command
from tgbot.core.users import User
from tgbot.handlers.commands import acknowledge, on_command, on_press, peer_of, show_instead
from tgbot.handlers.wording import Words
from tgbot.plugins.parts import Parts

#: What the buttons begin with.
_DATA: Final = b"news:"


def register(parts: Parts) -> None:
    """Register both commands and their buttons; a choice is on disk before the bot confirms it.

    The choice is about broadcasts only: everything else is answered as before, and whether the bot may write
    is a question of its own. `/forget` deletes it like everything else: the bot writes to nobody of whom it
    knows nothing.
    """

    async def choose(user_id: int, wanted: bool) -> User:
        user = parts.users.prefer(user_id, NEWS, None if wanted else NO_NEWS)
        await parts.checkpoint()
        return user

    async def command(
        event: events.NewMessage.Event, command: Command, user: User | None, say: Words
    ) -> None:
        wanted = command.name == "news"
        await choose(event.sender_id, wanted)
        text, buttons = _shown(say, wanted)
        await parts.sender.answer(event, text, buttons=buttons)

    async def press(event: events.CallbackQuery.Event, chosen: str, user: User | None, say: Words) -> None:
        word, here, _ = chosen.partition(":here")
        wanted = word == "on"
        await choose(event.sender_id, wanted)
        notice = say("news-notice-on" if wanted else "news-notice-off")
        if here:
            text, buttons = _shown(say, wanted)
            await show_instead(event, peer_of(event), text, notice=notice, buttons=buttons)
        else:
            await acknowledge(event, notice)

    on_command(parts, ("news", "stop_news"), command)
    # ":here" is in the bytes of this module's own buttons, whose message is replaced. A broadcast may have a
    # button `news:off` or `news:on`: what it says stays.
    on_press(parts, _DATA + rb"((?:on|off)(?::here)?)", press)


def _shown(say: Words, wanted: bool) -> tuple[str, list[list[types.TypeKeyboardButton]]]:
    """Return what the user chose in words, and the button for the opposite."""
    now, other = ("on", "off") if wanted else ("off", "on")
    button = Button.inline(say(f"news-button-{other}"), _DATA + other.encode() + b":here")
    return say(f"news-{now}"), [[button]]
