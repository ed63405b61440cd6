"""`/broadcast`: a draft from the message that an admin replies to, and the list of the latest broadcasts."""

from __future__ import annotations

from telethon import events
from telethon.tl import types

from tgbot.core.broadcasts import Audience, Broadcast, Content, Source, State
from tgbot.core.commands import Command
from tgbot.core.ids import marked_id
from tgbot.core.names import clean_name
from tgbot.core.users import User
from tgbot.handlers.broadcast import view
from tgbot.handlers.broadcast.messages import BroadcastMessages
from tgbot.handlers.broadcast.presses import Presses, drafted, sent_to
from tgbot.handlers.broadcast.refusals import in_words
from tgbot.handlers.broadcast.report import Reports
from tgbot.handlers.commands import on_command, on_press
from tgbot.handlers.wording import Words
from tgbot.locales import languages
from tgbot.messaging.broadcast.sources import fetch
from tgbot.plugins.parts import Parts


def register(parts: Parts) -> None:
    """Register the command and its buttons; for anybody but `parts.admins` they do not exist.

    The messages that showed open broadcasts when the bot ended are edited again.
    """
    broadcasts, answer = parts.broadcasts, parts.sender.answer
    messages = BroadcastMessages(parts)
    presses = Presses(parts, messages, Reports(parts))

    async def asked(event: events.NewMessage.Event, command: Command, user: User | None, say: Words) -> None:
        try:
            audience = audience_of(command.args)
        except ValueError:
            await answer(event, say("broadcast-no-language", what=clean_name(command.args)))
            return
        source = source_of(event.message)
        if source is None:
            shown = view.listed(say, broadcasts.all())
        else:
            try:
                await fetch(parts.client, source)  # before anything is kept
                draft = await made(source, audience)
                troubles = await sent_to(broadcasts, draft, event.sender_id)
            except Exception as error:
                await answer(event, in_words(say, error))
                return
            shown = await drafted(broadcasts, say, draft.id, troubles=troubles)
        await answer(event, shown.text, buttons=shown.buttons)

    async def made(source: Source, audience: Audience) -> Broadcast:
        """Return the draft that sends this message to these people, the one that there is already first."""
        contents = {"": Content(source=source)}
        for known in broadcasts.all():
            if (known.state, known.contents, known.audience) == (State.DRAFT, contents, audience):
                return known
        return await broadcasts.create(contents, audience=audience)

    on_command(parts, ("broadcast",), asked, only=parts.admins)
    on_press(parts, presses.pattern, presses.pressed)
    messages.go_on()


def source_of(message: types.Message) -> Source | None:
    """Return the message that a message is a reply to, None if it is no reply."""
    header = message.reply_to
    if not isinstance(header, types.MessageReplyHeader) or not header.reply_to_msg_id:
        return None
    if header.forum_topic and not header.reply_to_top_id:
        return None  # it was written in a topic, whose first message is named
    chat = header.reply_to_peer_id or message.peer_id
    return Source(marked_id(chat), header.reply_to_msg_id)


def audience_of(words: str) -> Audience:
    """Return those who speak the languages with these codes, everybody for none; raise ValueError."""
    codes = []
    for word in words.replace(",", " ").split():
        known = languages.read(word)
        if known is None:
            raise ValueError(word)
        codes.append(str(known).lower())
    return Audience(languages=tuple(dict.fromkeys(codes)))
