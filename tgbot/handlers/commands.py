"""Commands and buttons of private chats: whom they are for, and who gets an answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from typing import TypeAlias

from telethon import errors, events
from telethon.tl import types

from tgbot.core.commands import Command, parse
from tgbot.core.names import usernames_of
from tgbot.core.users import User
from tgbot.handlers.wording import Words
from tgbot.plugins.parts import Parts
from tgbot.telegram import BotClient

#: Handles a command; the user is None if nothing is known of them, the words are those for the answer.
OnCommand: TypeAlias = Callable[[events.NewMessage.Event, Command, User | None, Words], Awaitable[None]]
#: Handles the press of a button; the string is the first group of the pattern of its bytes.
OnPress: TypeAlias = Callable[[events.CallbackQuery.Event, str, User | None, Words], Awaitable[None]]


def matching(client: BotClient, *names: str) -> Callable[[str], Command | None]:
    """Return a `pattern` for `events.NewMessage` that matches these commands where they are for this bot.

    The event's `pattern_match` is the Command then. A pattern, not a filter: this is how `help` sees that a
    command is handled.
    """
    beginnings = tuple(f"/{name}" for name in names)
    longest = max(map(len, beginnings))

    def match(text: str) -> Command | None:
        if not text[:longest].lower().startswith(beginnings):
            return None
        command = parse(text, usernames_of(client.me))
        return command if command is not None and command.for_us and command.name in names else None

    return match


def on_command(
    parts: Parts, names: tuple[str, ...], handle: OnCommand, *, only: Container[int] | None = None
) -> None:
    """Register a handler of these commands in private chats.

    With `only` the commands exist for these users only. A bot is never answered: two bots that answer each
    other never stop.
    """
    users = parts.users

    async def command(event: events.NewMessage.Event) -> None:
        user = users.get(event.sender_id)
        if user is None or not user.bot:
            await handle(event, event.pattern_match, user, Words.to(parts.texts, user))

    def is_for(event: events.NewMessage.Event) -> bool:
        return bool(event.is_private) and (only is None or event.sender_id in only)

    parts.client.add_event_handler(
        command, events.NewMessage(incoming=True, pattern=matching(parts.client, *names), func=is_for)
    )


def on_press(parts: Parts, pattern: bytes, handle: OnPress) -> None:
    """Register a handler of inline buttons in private chats whose bytes match the pattern."""
    users, match = parts.users, re.compile(pattern).match

    async def pressed(event: events.CallbackQuery.Event) -> None:
        user = users.get(event.sender_id)
        await handle(event, event.pattern_match[1].decode(), user, Words.to(parts.texts, user))

    def is_for(event: events.CallbackQuery.Event) -> bool:
        # Telethon's own `pattern` fails at a button without bytes, such as that of a game.
        event.pattern_match = match(event.query.data or b"")
        return bool(event.is_private) and event.pattern_match is not None

    parts.client.add_event_handler(pressed, events.CallbackQuery(func=is_for))


async def show_instead(
    event: events.CallbackQuery.Event, peer: types.TypeInputPeer, text: str, **options: object
) -> None:
    """Replace the text of the message whose button was pressed; return at once if that cannot be done.

    The message may have this text already, the user may have deleted it, or blocked the bot.
    """
    with suppress(errors.MessageNotModifiedError, errors.MessageIdInvalidError, errors.UserIsBlockedError):
        await event.client.edit_message(peer, event.message_id, text, parse_mode=None, **options)


async def acknowledge(event: events.CallbackQuery.Event, text: str | None = None) -> None:
    """End the wait that the app shows on a pressed button, with a short notice if there is one."""
    # The button was pressed too long ago: the app no longer waits.
    with suppress(errors.QueryIdInvalidError):
        await event.answer(text)
