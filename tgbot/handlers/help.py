"""Answer with help what nobody else handles: the first message of a dialog, and unknown commands."""

from __future__ import annotations

from telethon import events
from telethon.tl import types

from tgbot.core.commands import parse
from tgbot.core.names import usernames_of
from tgbot.handlers.wording import Words
from tgbot.plugins.parts import Parts
from tgbot.telegram.updates.events import is_answered


def register(parts: Parts) -> None:
    """Register one handler, which must be the last.

    A message is handled if a `pattern` of another handler matched it, if a plugin answered it in its chat,
    or if a handler raised `events.StopPropagation`. Later messages that are not commands are left to the
    plugins.
    """
    client, users, commands, texts = parts.client, parts.users, parts.commands, parts.texts
    commands.offer("help")

    async def unhandled(event: events.NewMessage.Event) -> None:
        message = event.message
        if type(message.peer_id) is not types.PeerUser or is_answered():
            return
        text = message.message or ""
        command = parse(text, usernames_of(client.me)) if text.startswith("/") else None
        user_id = message.peer_id.user_id
        user = users.get(user_id)
        if user is not None and user.bot:
            return
        first = user is None or user.is_first_message(message.id)
        if first or (command is not None and command.for_us):
            say, language = Words.to(texts, user), user.spoken if user is not None else None
            text = say("help", commands="\n".join(map(str, commands.lines(texts, language))))
            more = commands.admin_lines(texts, language)
            if more and user_id in parts.admins:
                text += "\n\n" + say("help-admin", commands="\n".join(map(str, more)))
            await parts.sender.answer(event, text)

    client.add_event_handler(unhandled, events.NewMessage(incoming=True))
