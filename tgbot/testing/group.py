"""A group that people and the bot are in."""

from __future__ import annotations

from typing import Protocol, Self

from telethon.tl import types

from tgbot.sandbox.chats import Chat
from tgbot.sandbox.world import World


class Member(Protocol):
    """Somebody who is in a group."""

    id: int


class Group:
    """A supergroup of the sandbox."""

    def __init__(self, world: World, chat: Chat) -> None:
        self._world = world
        self._chat = chat
        #: Its title, and its marked id, which is what `event.chat_id` says.
        self.title = chat.title
        self.id = chat.marked

    @classmethod
    def open(cls, world: World, bot: int, title: str, people: tuple[Member, ...], *, admin: bool) -> Self:
        """Open a supergroup of people and the bot, which the first of them creates."""
        if not people:
            raise TypeError(f"who creates the group? bot.group({title!r}, anna)")
        creator, *others = (one.id for one in people)
        chat = world.new_channel(title, megagroup=True, creator=creator)
        for number in (*others, bot):
            world.groups.add(chat, world.accounts[number], by=creator)
        group = cls(world, chat)
        if admin:
            rights = types.ChatAdminRights(invite_users=True, delete_messages=True)
            world.groups.promote(chat, world.accounts[bot], rights, by=creator)
        return group

    @property
    def members(self) -> set[int]:
        """The user ids of those who are in it."""
        return set(self._chat.members)

    def peer(self, user_id: int) -> types.InputPeerChannel:
        """Return the peer by which a user names it in a request."""
        access_hash = self._world.accounts.access_hash(user_id, self._chat.id, kind=b"channel")
        return types.InputPeerChannel(self._chat.id, access_hash)

    def invite(self, *, request_needed: bool = False) -> str:
        """Return the hash of a new invite link, with which one joins at once or has to ask."""
        made = self._world.groups.invite(self._chat, self._chat.creator, request_needed=request_needed)
        return made.hash
