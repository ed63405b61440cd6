"""Answer with help what nobody else handles: the first message of a dialog, and unknown commands."""

from __future__ import annotations

from telethon import events
from telethon.tl import types

from tgbot.core.commands import parse, word_of
from tgbot.core.names import usernames_of
from tgbot.handlers.commands import is_from_bot
from tgbot.handlers.wording import Words
from tgbot.messaging.lengths import TEXT, length
from tgbot.messaging.menu import Line
from tgbot.plugins.parts import Parts
from tgbot.telegram.updates.events import is_answered


def register(parts: Parts) -> None:
    """Register one handler, which must be the last.

    A message is handled if a `pattern` of another handler matched it, if a plugin answered it in its chat,
    if it is part of an album and there is a handler of albums, or if a handler raised
    `events.StopPropagation`. Later messages that are not commands are left to the
    plugins.
    """
    client, users, commands, texts = parts.client, parts.users, parts.commands, parts.texts
    commands.offer("help")

    async def unhandled(event: events.NewMessage.Event) -> None:
        message = event.message
        if type(message.peer_id) is not types.PeerUser or is_answered() or is_of_an_album(message):
            return
        text = message.message or ""
        command = parse(text, usernames_of(client.me)) if word_of(text) else None
        user_id = message.peer_id.user_id
        user = users.get(user_id)
        if is_from_bot(event, user):
            return
        first = user is None or user.is_first_message(message.id)
        if first or (command is not None and command.for_us):
            say, language = Words.to(texts, user), user.spoken if user is not None else None
            lists = [("help", commands.lines(texts, language))]
            if user_id in parts.admins:
                lists.append(("help-admin", commands.admin_lines(texts, language)))
            text = "\n\n".join(say(name, commands="\n".join(map(str, some))) for name, some in lists if some)
            if length(text) > TEXT:  # in one message, without what each command does
                text = "\n\n".join(say(name, commands=_names(some)) for name, some in lists if some)
            await parts.sender.answer(event, text)

    def is_of_an_album(message: types.Message) -> bool:
        """Return whether a message is part of an album, for which there is a handler; it is called later."""
        builders = (builder for _, builder in client.list_event_handlers())
        return bool(message.grouped_id) and any(isinstance(builder, events.Album) for builder in builders)

    client.add_event_handler(unhandled, events.NewMessage(incoming=True))


def _names(lines: list[Line]) -> str:
    return " ".join(f"/{line.name}" for line in lines)
