"""Messages: which of them answers the open question, ends the talk, or was taken by it before."""

from __future__ import annotations

from telethon import events
from telethon.tl import TLObject, types

from tgbot.core.commands import Command, parse
from tgbot.core.ids import marked_chat, marked_id
from tgbot.core.names import usernames_of
from tgbot.core.talks import KeptTalk
from tgbot.plugins.talks.given import Cancelled, Late, Written
from tgbot.plugins.talks.opened import OpenTalks, Place
from tgbot.plugins.talks.registered import Ends
from tgbot.plugins.talks.running import Line
from tgbot.telegram.updates.keys import topic_of

#: The command that ends every talk.
CANCEL = "cancel"


def place_of(update: TLObject) -> Place | None:
    """Return whose message an update brings, and where; None where it is no message of a user."""
    if isinstance(update, types.UpdateShortMessage):
        return None if update.out else Place(update.user_id, update.user_id)
    if isinstance(update, types.UpdateShortChatMessage):
        return None if update.out else Place(update.from_id, marked_chat(update.chat_id))
    message = update.message
    if type(message) is not types.Message or message.out:
        return None
    if type(message.peer_id) is types.PeerUser:
        return Place(message.peer_id.user_id, message.peer_id.user_id)
    if type(message.from_id) is not types.PeerUser:
        return None
    return Place(message.from_id.user_id, marked_id(message.peer_id))


class Messages:
    """Hands messages to the talks that they are for."""

    def __init__(self, opened: OpenTalks) -> None:
        self._opened = opened
        self._bot = opened.bot

    async def take(self, update: TLObject, place: Place, kept: KeptTalk) -> bool:
        """Let a talk that was open have a message; return whether it is the talk's, and nobody else's."""
        event = self._bot.client.inside.event(events.NewMessage)
        message = event.message
        command = parse(message.message or "", usernames_of(self._bot.client.me))
        if command is not None and not command.for_us:
            return False
        began, private = self._bot.client.inside.key == kept.key, place.chat_id > 0
        if command is not None and command.name != CANCEL and not began:
            if private or command.mention is not None:  # in a group it may be another bot's
                await self._other_command(place, command, event)
            return False
        if command is None and not began and not _is_said_to(message, kept, update, private=private):
            return False
        async with self._opened.turn(place) as line:
            kept = self._opened.kept(place) or kept
            if kept.over:
                return was_taken(kept, message) or (command is not None and message.id <= kept.last)
            if message.id < kept.first and command is None:
                return False  # it was parked before the talk began, and is tried again
            if kept.name not in self._opened.registered:
                await self._opened.end_unknown(place, line, kept)
                return True
            if command is not None and command.name == CANCEL:
                if message.id > kept.last:
                    await self._cancel(place, line, event, Cancelled(CANCEL, message.id))
                else:
                    await self._opened.awake(place, line, event)
                return True
            return await self._answer(place, line, kept, event)

    async def _answer(self, place: Place, line: Line, kept: KeptTalk, event: events.NewMessage.Event) -> bool:
        running = await self._opened.awake(place, line, event)
        message, question = event.message, kept.question
        if running is None or was_taken(kept, message):
            return True
        if kept.until and int(message.date.timestamp()) > kept.until:
            # The message is as late as if the talk had ended before it was written.
            return await running.carry(event, Late())
        # What was not asked when the message came is not what it answers.
        if question is not None and len(running.steps.kept.steps) == len(kept.steps):
            await running.carry(event, Written(event))
        return True

    async def _other_command(self, place: Place, command: Command, event: events.NewMessage.Event) -> None:
        """End the talk by a command that is then handled as usual, unless it was registered otherwise."""
        async with self._opened.turn(place) as line:
            kept = self._opened.kept(place)
            if kept is None or kept.over or event.id <= kept.last:
                return
            registered = self._opened.registered.get(kept.name)
            if registered is None:
                await self._opened.end_unknown(place, line, kept)
            elif registered.ends is Ends.COMMANDS:
                await self._cancel(place, line, event, Cancelled(command.name, 0))

    async def _cancel(self, place: Place, line: Line, event: events.NewMessage.Event, how: Cancelled) -> None:
        running = await self._opened.awake(place, line, event)
        if running is not None:
            await running.carry(event, how)


def was_taken(kept: KeptTalk, message: types.Message) -> bool:
    """Return whether a talk has taken a message before; or another part of the album that it took."""
    return kept.first <= message.id <= kept.last or bool(kept.album and message.grouped_id == kept.album)


def _is_said_to(message: types.Message, kept: KeptTalk, update: TLObject, *, private: bool) -> bool:
    """Return whether a message may be meant for the talk: of its topic, in a group a reply to a question."""
    if private:
        return (topic_of(update) or 0) == kept.topic or kept.over
    header = message.reply_to
    answered = getattr(header, "reply_to_msg_id", None)
    if kept.over:
        return bool(message.id == kept.last)
    return answered is not None and any(step.message == answered for step in kept.steps)
