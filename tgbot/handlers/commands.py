"""Commands and buttons of private chats: whom they are for, and who may be answered."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from typing import Any

from telethon import errors, events

from tgbot.core.users import User, UserRegistry
from tgbot.handlers.evidence import own_names
from tgbot.handlers.wording import language_of

#: Called with the event, its user (None where nothing is known) and the language to answer in.
Handle = Callable[[Any, User | None, str | None], Awaitable[None]]


def on_command(
    client: Any, users: UserRegistry, name: str, handle: Handle, *, only: Container[int] | None = None
) -> None:
    """Registers a handler of `/name` in private chats, and of `/name@bot` if the name is this bot's.

    With `only` there is no such command for others than these users. What follows the command is the event's
    `pattern_match[2]`. A bot is never answered: two that answer each other do not end.
    """

    async def command(event: Any) -> None:
        named = event.pattern_match[1]
        user = users.get(event.sender_id)
        if (named is None or named.lower() in own_names(client.me)) and not (user is not None and user.bot):
            await handle(event, user, language_of(user))

    pattern = rf"(?s)^/{name}(?:@(\w+))?(?:\s+(.*))?$"

    def is_for(event: Any) -> bool:
        return event.is_private and (only is None or event.sender_id in only)

    client.add_event_handler(command, events.NewMessage(incoming=True, pattern=pattern, func=is_for))


def on_press(client: Any, users: UserRegistry, pattern: bytes, handle: Handle) -> None:
    """Registers a handler of inline buttons whose bytes match; these are the event's `pattern_match`."""
    match = re.compile(pattern).match

    async def pressed(event: Any) -> None:
        event.pattern_match = match(event.query.data)
        user = users.get(event.sender_id)
        await handle(event, user, language_of(user))

    def is_for(event: Any) -> bool:
        # Not by Telethon's `pattern`, which fails at a button without bytes (a game's).
        return event.is_private and event.query.data is not None and match(event.query.data) is not None

    client.add_event_handler(pressed, events.CallbackQuery(func=is_for))


async def show_instead(event: Any, peer: Any, text: str, **options: Any) -> None:
    """Puts a text in place of the message whose button was pressed; one that says so already stays."""
    # It may show this already; the user may have deleted it, or blocked the bot.
    with suppress(errors.MessageNotModifiedError, errors.MessageIdInvalidError, errors.UserIsBlockedError):
        await event.client.edit_message(peer, event.message_id, text, parse_mode=None, **options)


async def acknowledge(event: Any, text: str | None = None) -> None:
    """Ends the wait that an app shows on a pressed button, with a short notice if there is one."""
    # Pressed too long ago, nobody waits any longer.
    with suppress(errors.QueryIdInvalidError):
        await event.answer(text)
