"""What happens in the supergroups that a bot is in, as records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telethon.tl import types

from ..chats import Chat
from ..dialogs import CHANNEL_BASE, Copy
from ..world import World
from .records import Deleted, GroupOpened, Joined, Left, LeftOut, Record


class Gatherings:
    """Turn the updates of supergroups into records; the messages themselves go to `message`.

    Each member gets an update of his own, and the sender none: the first one that anybody gets counts.
    """

    def __init__(
        self,
        world: World,
        bot: int,
        records: list[Record],
        did: Callable[[Record], None],
        by: Callable[[int], None],
        message: Callable[[Copy, bool], None],
    ) -> None:
        self._world = world
        self._bot = bot
        self._records = records
        self._did = did
        self._by = by
        self._message = message
        #: The pts of the last update of each group, by its marked id.
        self._pts: dict[int, int] = {}

    def take(self, update: Any) -> None:  # Any: an update of the schema
        """Record what an update of a channel says, if the bot is there and it was not recorded before."""
        channel = getattr(update, "channel_id", None) or getattr(
            getattr(getattr(update, "message", None), "peer_id", None), "channel_id", None
        )
        chat = self._world.chats.get(-CHANNEL_BASE - channel) if channel else None
        if chat is None or self._bot not in chat.members:
            return
        before = self._pts.get(chat.marked)
        if before is not None and update.pts <= before:
            return
        self._pts[chat.marked] = update.pts
        if before is None:
            self._open(chat)
        if not chat.megagroup:
            return
        match update:
            case types.UpdateNewChannelMessage() | types.UpdateEditChannelMessage():
                copy = chat.box.get(update.message.id)
                if copy is not None and copy.post.action is not None:
                    self._service(chat, copy, opened=before is None)
                elif copy is not None:
                    self._message(copy, isinstance(update, types.UpdateEditChannelMessage))
            case types.UpdateDeleteChannelMessages(messages=ids):
                for number in ids:
                    self._did(Deleted((chat.marked, number), by_bot=True))

    def promoted(self, update: types.UpdateChannelParticipant) -> None:
        """Record that the bot has become an admin of a group."""
        marked = -CHANNEL_BASE - update.channel_id
        if update.user_id != self._bot or not isinstance(
            update.new_participant, types.ChannelParticipantAdmin
        ):
            return
        for index, record in enumerate(self._records):
            if isinstance(record, GroupOpened) and record.chat == marked:
                self._records[index] = GroupOpened(marked, record.title, record.people, admin=True)

    def _open(self, chat: Chat) -> None:
        if not chat.megagroup:
            self._did(LeftOut("what happened in a channel"))
            return
        people = [number for number in chat.members if not self._world.accounts[number].is_bot]
        people.sort(key=lambda number: number != chat.creator)
        for person in people:
            self._by(person)
        self._did(GroupOpened(chat.marked, chat.title, tuple(people), admin=self._bot in chat.admins))

    def _service(self, chat: Chat, copy: Copy, *, opened: bool) -> None:
        sender = copy.post.sender
        match copy.post.action:
            case types.MessageActionChannelCreate():
                return
            case types.MessageActionChatAddUser(users=users):
                if not opened:
                    self._joined(chat, [user for user in users if user != self._bot], sender)
            case types.MessageActionChatJoinedByLink() if not opened:
                self._joined(chat, [sender], sender)
            case types.MessageActionChatDeleteUser(user_id=who) if who == sender != self._bot:
                self._did(Left(who, chat.marked))
            case action:
                if not opened:
                    self._did(LeftOut(f"a service message in a group ({type(action).__name__})"))

    def _joined(self, chat: Chat, users: list[int], by: int) -> None:
        last = self._records[-1] if self._records else None
        for who in users:
            if self._world.accounts[who].is_bot:
                self._did(LeftOut("that another bot joined a group"))
                continue
            self._by(who)
            if isinstance(last, GroupOpened) and last.chat == chat.marked and self._records[-1] is last:
                # Whoever is there before anything is said is there from the start.
                if who not in last.people:
                    last = GroupOpened(last.chat, last.title, (*last.people, who), last.admin)
                    self._records[-1] = last
            else:
                if by != who:
                    self._did(LeftOut("that it was somebody else who added a member"))
                self._did(Joined(who, chat.marked))
