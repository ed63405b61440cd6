"""What a person has got of the bot: messages, edits and deletions, in the order of their arrival."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from telethon import events
from telethon.tl import types

from tgbot.sandbox.dialogs import Copy
from tgbot.sandbox.world import World
from tgbot.testing.transcript import Transcript, labels, shown

#: What a text must be: it contains a string, a pattern is found in it, None stands for any text.
Expected: TypeAlias = str | re.Pattern[str] | None
#: The id of a message, unique together with the marked id of its chat.
_Key: TypeAlias = tuple[int, int]
Message: TypeAlias = Any  # Any: a message of Telethon's
Button: TypeAlias = Any  # Any: a button of the schema, inline or of a reply keyboard


class Ear:
    """Notes the messages of one user, the bot, to a person; those in a group have the group's marked id."""

    def __init__(self, name: str, bot: int, transcript: Transcript, rung: Callable[[], object]) -> None:
        self._name = name
        self._bot = bot
        self._transcript = transcript
        self._rung = rung
        #: Messages that nothing has asked for yet, by chat.
        self.unheard: defaultdict[int, deque[Message]] = defaultdict(deque)
        #: Edited messages that nothing has asked for yet.
        self.edited: deque[Message] = deque()
        #: All messages as they are now, in the order of their arrival.
        self.messages: dict[_Key, Message] = {}
        self._deleted: set[_Key] = set()

    def listen_to(self, client: Any) -> None:  # Any: a client of Telethon's
        """Note what this client gets from now on."""
        client.add_event_handler(self._new, events.NewMessage(incoming=True))
        client.add_event_handler(self._edit, events.MessageEdited(incoming=True))
        client.add_event_handler(self._delete, events.MessageDeleted())

    def has_deleted(self, message: Message) -> bool:
        """Return whether a message was deleted."""
        return (message.chat_id, message.id) in self._deleted

    def has_all(self, world: World, person: int) -> bool:
        """Return whether everything that the bot has said to a person, as it is now, was noted."""
        return all(self._has(copy) for copy in self._said(world, person))

    def _said(self, world: World, person: int) -> Iterator[Copy]:
        box = world.accounts[person].box
        copies = [box.get(number) for number in box.history(self._bot)]
        for chat in world.chats.values():
            if chat.channel and {person, self._bot} <= chat.members.keys():
                # Who joins is sent nothing of what was said before.
                begin = max((copy.id for copy in chat.box if _brings(copy, person)), default=0)
                copies += [copy for copy in chat.box if copy.post.sender == self._bot and copy.id > begin]
        for copy in copies:
            if copy is not None and copy.post.sender == self._bot and copy.post.action is None:
                yield copy

    def _has(self, copy: Copy) -> bool:
        noted = self.messages.get((copy.peer, copy.id))
        now = (copy.post.text, labels(copy.post.markup))
        return noted is not None and (noted.raw_text, labels(noted.reply_markup)) == now

    def _note(self, message: Message, how: str) -> bool:
        if message.sender_id != self._bot:
            return False
        self.messages[message.chat_id, message.id] = message
        where = "" if message.chat_id == self._bot else " (in the group)"
        self._transcript.said(f"bot{how}", f"{self._name}{where}", shown(message))
        return True

    async def _new(self, event: Any) -> None:  # Any: an event of Telethon's
        if self._note(event.message, ""):
            self.unheard[event.chat_id].append(event.message)
        self._rung()

    async def _edit(self, event: Any) -> None:  # Any: an event of Telethon's
        if self._note(event.message, " changes"):
            self.edited.append(event.message)
        self._rung()

    async def _delete(self, event: Any) -> None:  # Any: an event of Telethon's
        # Telegram names the chat of a deleted message only in channels.
        for key in list(self.messages):
            if key[1] in event.deleted_ids and event.chat_id in (None, key[0]):
                self._deleted.add(key)
                del self.messages[key]
                self._transcript.noted(f"the bot deletes a message to {self._name}")
        self._rung()


def _brings(copy: Copy, person: int) -> bool:
    """Return whether a service message says that a person has become a member."""
    action = copy.post.action
    if isinstance(action, types.MessageActionChatAddUser):
        return person in action.users
    joined = (types.MessageActionChatJoinedByLink, types.MessageActionChatJoinedByRequest)
    return isinstance(action, joined) and copy.post.sender == person


def meets(message: Message, expected: Expected) -> bool:
    """Return whether the text of a message is what was expected."""
    text = message.raw_text or ""
    match expected:
        case None:
            return True
        case str():
            return expected in text
        case _:
            return expected.search(text) is not None


def buttons_of(message: Message) -> Iterator[Button]:
    """Yield the buttons of a message, inline ones and those of a reply keyboard."""
    for row in getattr(message.reply_markup, "rows", ()):
        yield from row.buttons


def asked(expected: Expected) -> str:
    """Return what was expected, in words."""
    match expected:
        case None:
            return "a message"
        case str():
            return repr(expected)
        case _:
            return f"a match of {expected.pattern!r}"
