"""What nobody else has handled: the first message of a dialog and unknown commands are answered with help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from typing import Any

from telethon import events
from telethon.tl import types

from tgbot.core.users import UserRegistry
from tgbot.handlers.evidence import own_names
from tgbot.handlers.start import is_start
from tgbot.handlers.wording import language_of
from tgbot.locales.texts import Texts
from tgbot.messaging.sender import Sender

_COMMAND = re.compile(r"/[A-Za-z]\w*(?:@(\w+))?(?:\s|$)")


def register(
    client: Any,
    *,
    users: UserRegistry,
    sender: Sender,
    texts: Texts,
    admins: Collection[int] = (),
    **_: Any,
) -> None:
    """Registers one handler, to be the last one.

    A handler with a `pattern` that matches has handled a command; one that raises `events.StopPropagation`
    has handled anything. Later messages that are no commands are left to the plugins.
    """

    async def unhandled(event: Any) -> None:
        message = event.message
        if type(message.peer_id) is not types.PeerUser:
            return
        text = message.message or ""
        if is_start(text):
            return
        user_id = message.peer_id.user_id
        user = users.get(user_id)
        if user is not None and user.bot:
            return
        command = _COMMAND.match(text)
        if command is None:
            wanted = user is None or user.is_first_message(message.id)
        elif await _claimed(event):
            return
        else:
            named = command.group(1)
            first = user is None or user.is_first_message(message.id)
            wanted = first or named is None or named.lower() in own_names(client.me)
        if wanted:
            language = language_of(user)
            text = texts.render(language, "help")
            if user_id in admins:
                text += "\n\n" + texts.render(language, "help-admin")
            await sender.answer(event, text)

    async def _claimed(event: Any) -> bool:
        for callback, builder in client.list_event_handlers():
            if callback is not unhandled and isinstance(builder, events.NewMessage) and builder.pattern:
                passed = builder.filter(event)
                if inspect.isawaitable(passed):
                    passed = await passed
                if passed:
                    return True
        return False

    client.add_event_handler(unhandled, events.NewMessage(incoming=True))
