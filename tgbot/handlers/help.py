"""Answer with help what nobody else handles: the first message of a dialog, and unknown commands."""

from __future__ import annotations

import inspect

from telethon import events
from telethon.tl import types

from tgbot.core.commands import parse
from tgbot.core.names import usernames_of
from tgbot.handlers.wording import Words
from tgbot.plugins.parts import Parts


def register(parts: Parts) -> None:
    """Register one handler, which must be the last.

    A command is handled if a `pattern` of another handler matches it; anything is handled if a handler
    raised `events.StopPropagation`. Later messages that are not commands are left to the plugins.
    """
    client, users = parts.client, parts.users

    async def unhandled(event: events.NewMessage.Event) -> None:
        message = event.message
        if type(message.peer_id) is not types.PeerUser:
            return
        text = message.message or ""
        command = parse(text, usernames_of(client.me)) if text.startswith("/") else None
        if command is not None and command.for_us and command.name == "start":
            return
        user_id = message.peer_id.user_id
        user = users.get(user_id)
        if user is not None and user.bot:
            return
        wanted = user is None or user.is_first_message(message.id)
        if command is not None:
            wanted = (wanted or command.for_us) and not await handled(event)
        if wanted:
            say = Words.to(parts.texts, user)
            text = say("help")
            if user_id in parts.admins:
                text += "\n\n" + say("help-admin")
            await parts.sender.answer(event, text)

    async def handled(event: events.NewMessage.Event) -> bool:
        for callback, builder in client.list_event_handlers():
            if callback is not unhandled and isinstance(builder, events.NewMessage) and builder.pattern:
                passed = builder.filter(event)
                if inspect.isawaitable(passed):
                    passed = await passed
                if passed:
                    return True
        return False

    client.add_event_handler(unhandled, events.NewMessage(incoming=True))
