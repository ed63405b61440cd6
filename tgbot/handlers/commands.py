"""Commands and buttons of private chats: whom they are for, and who gets an answer."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Container, Coroutine
from typing import Final, TypeAlias

from telethon import events
from telethon.tl import types

from tgbot.core.commands import Command, parse, word_of
from tgbot.core.names import usernames_of
from tgbot.core.places import places
from tgbot.core.users import User
from tgbot.handlers.evidence import person_of
from tgbot.handlers.wording import Words
from tgbot.messaging.lengths import NOTICE, TEXT, shortened
from tgbot.plugins.parts import Parts
from tgbot.telegram import BotClient
from tgbot.telegram.refusals import tried
from tgbot.telegram.updates.events import is_matched

log = logging.getLogger(__name__)

#: After that many seconds a press is acknowledged although its message has not changed yet.
SHOWN_SECONDS: Final = 2.0
#: Handles a command; the user is None if nothing is known of them, the words are those for the answer.
OnCommand: TypeAlias = Callable[[events.NewMessage.Event, Command, User | None, Words], Awaitable[None]]
#: Handles the press of a button; the string is the first group of the pattern of its bytes.
OnPress: TypeAlias = Callable[[events.CallbackQuery.Event, str, User | None, Words], Awaitable[None]]


class Matching:
    """A `pattern` for `events.NewMessage` that matches some commands where they are for this bot.

    The event's `pattern_match` is the Command then. A pattern, not a filter: this is how `help` sees that a
    command is handled.
    """

    def __init__(self, client: BotClient, *names: str) -> None:
        #: The commands, which the client looks up before it asks for a match.
        self.words = frozenset(names)
        self._client = client

    def __call__(self, text: str) -> Command | None:
        """Return the command that a text is, None for any other text."""
        if word_of(text) not in self.words:
            return None
        command = parse(text, usernames_of(self._client.me))
        return command if command is not None and command.for_us and command.name in self.words else None


def on_command(
    parts: Parts, names: tuple[str, ...], handle: OnCommand, *, only: Container[int] | None = None
) -> None:
    """Register a handler of these commands in private chats.

    With `only` the commands exist for these users only. A bot is never answered, and a command that matches
    a pattern of a plugin is left to the plugin.
    """
    users = parts.users
    parts.commands.offer(*names, admins=only is not None)

    async def command(event: events.NewMessage.Event) -> None:
        user = users.get(event.sender_id)
        if not is_matched() and not is_from_bot(event, user):
            await handle(event, event.pattern_match, user, Words.to(parts.texts, user))

    def is_for(event: events.NewMessage.Event) -> bool:
        return bool(event.is_private) and (only is None or event.sender_id in only)

    parts.client.add_event_handler(
        command, events.NewMessage(incoming=True, pattern=Matching(parts.client, *names), func=is_for)
    )


def on_press(parts: Parts, pattern: bytes, handle: OnPress) -> None:
    """Register a handler of inline buttons in private chats whose bytes match the whole pattern.

    Buttons of messages that were sent inline are in chats of other people: they are left alone.
    """
    users, match = parts.users, re.compile(pattern).fullmatch

    async def pressed(event: events.CallbackQuery.Event) -> None:
        chosen = event.pattern_match[1].decode(errors="replace")
        user = person_of(users, event.original_update, event.sender_id)
        await handle(event, chosen, user, Words.to(parts.texts, user))

    def is_for(event: events.CallbackQuery.Event) -> bool:
        # Telethon's own `pattern` fails at a button without bytes, such as that of a game.
        event.pattern_match = match(event.query.data or b"")
        return event.pattern_match is not None and bool(event.is_private) and not event.via_inline

    parts.client.add_event_handler(pressed, events.CallbackQuery(func=is_for))


def is_from_bot(event: events.NewMessage.Event, user: User | None) -> bool:
    """Return whether a bot wrote a message; `user` is what is known of who wrote it.

    Two bots that answer each other never stop. A bot of whom only a min user came is in no registry.
    """
    return (user is not None and user.bot) or bool(getattr(event.message.sender, "bot", False))


def wrote_in_group(event: events.NewMessage.Event, user: User | None) -> bool:
    """Return whether a person wrote this message, under their own name, in a group or supergroup.

    Posts of channels, their copies in a discussion group, anonymous admins, messages by way of an inline bot
    and those of bots are not answered: nobody waits for it, and everybody would see it.
    """
    message, chat = event.message, event.chat
    return (
        type(message.from_id) is types.PeerUser
        and not message.post
        and message.via_bot_id is None
        and not is_from_bot(event, user)
        and not getattr(chat, "broadcast", None)
        and not getattr(chat, "monoforum", None)
    )


def peer_of(event: events.CallbackQuery.Event) -> types.TypeInputPeer:
    """Return the private chat of a press; a bot may use access hash 0 for a user who wrote to it."""
    return event.input_chat or types.InputPeerUser(event.chat_id, 0)


async def show_instead(
    event: events.CallbackQuery.Event,
    peer: types.TypeInputPeer,
    text: str,
    *,
    notice: str | None = None,
    **options: object,
) -> None:
    """Replace the text of the message whose button was pressed, and acknowledge the press, with a notice.

    Return also if Telegram does not do one of them: the message may have this text already, the user may have
    deleted it, or blocked the bot. What was chosen counts all the same. If Telegram puts the change off, the
    acknowledgement does not wait for it.
    """
    text = shortened(text, TEXT)
    edit = event.client.edit_message(peer, event.message_id, text, parse_mode=None, **options)
    shown = asyncio.get_running_loop().create_task(_tried(edit))
    try:
        await asyncio.wait([shown], timeout=SHOWN_SECONDS)
        await acknowledge(event, notice)
        await shown
    finally:
        shown.cancel()


async def acknowledge(event: events.CallbackQuery.Event, text: str | None = None) -> None:
    """End the wait that the app shows on a pressed button, with a short notice if there is one.

    Return also if Telegram does not do that: the button may have been pressed too long ago.
    """
    await _tried(event.answer(text and shortened(text, NOTICE)))


async def _tried(call: Coroutine[object, object, object]) -> None:
    """Make a call that answers a press, if Telegram does that now."""
    if (error := await tried(call)) is not None:
        log.info("a pressed button is not answered in full: %s", places(error))
