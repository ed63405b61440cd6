"""Changes of groups and channels: creation, profile, settings."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from telethon.tl import types

from .accounts import Accounts
from .chats import Chat
from .dialogs import peer_of
from .feeds import Feeds
from .invites import Invites
from .posts import Posts
from .rights import FOREVER, forbidden

_FIRST_GROUP: Final = 4_000_000
_FIRST_CHANNEL: Final = 1_500_000_000


class Groups(Invites):
    """Create chats and change them."""

    def __init__(
        self,
        accounts: Accounts,
        chats: dict[int, Chat],
        feeds: Feeds,
        posts: Posts,
        date: Callable[[], int],
        random: Random,
    ) -> None:
        super().__init__(accounts, chats, feeds, posts, date, random)
        self._last_group = _FIRST_GROUP
        self._last_channel = _FIRST_CHANNEL

    def new_group(self, title: str, creator: int, *members: int) -> Chat:
        """Add a basic group and notify its members."""
        self._last_group += 1
        chat = Chat(self._last_group, title, creator, self._date())
        chat.members = dict.fromkeys((creator, *members), self._date())
        chat.inviters = dict.fromkeys(members, creator)
        self._chats[chat.marked] = chat
        self._announce(chat, creator, types.MessageActionChatCreate(title, list(chat.members)))
        for member in members:
            self._log_status(chat, self._accounts[member], None, by=creator)
        return chat

    def new_channel(
        self, title: str, username: str | None = None, *, megagroup: bool = False, creator: int = 0
    ) -> Chat:
        """Add a channel or a supergroup; without a creator it has no member."""
        self._last_channel += 1
        chat = Chat(self._last_channel, title, creator, self._date(), channel=True, megagroup=megagroup)
        if creator:
            chat.members[creator] = self._date()
        if username:
            self._accounts.take(username, chat.marked)
            chat.usernames.append(username)
        self._chats[chat.marked] = chat
        if creator:
            self._announce(chat, creator, types.MessageActionChannelCreate(title))
        return chat

    def migrate(self, group: Chat) -> Chat:
        """Turn a basic group into a supergroup with its members, admins, links and requests; return it.

        Both get a service message. Nothing can be done in the group afterwards.
        """
        self._last_channel += 1
        chat = Chat(
            self._last_channel, group.title, group.creator, self._date(), channel=True, megagroup=True
        )
        chat.about, chat.photo, chat.default_rights = group.about, group.photo, group.default_rights
        chat.members, chat.admins = dict(group.members), dict(group.admins)
        chat.inviters, chat.promoters = dict(group.inviters), dict(group.promoters)
        chat.ranks, chat.noforwards = dict(group.ranks), group.noforwards
        chat.invites, group.invites = group.invites, {}
        chat.requests, group.requests = group.requests, {}
        self._invites.update(dict.fromkeys(chat.invites, chat))
        self._chats[chat.marked] = chat
        group.migrated_to, chat.migrated_from = chat.id, group.id
        group.version += 1
        self._say(group, group.creator, types.MessageActionChatMigrateTo(chat.id))
        self._say(chat, chat.creator, types.MessageActionChannelMigrateFrom(group.title, group.id))
        for member in chat.members:
            self._feeds.hand(member, types.UpdateChannel(chat.id))
        return chat

    def link(self, channel: Chat, group: Chat | None) -> None:
        """Make a supergroup the discussion group of a channel; None: the channel has none."""
        for chat in (channel, group):
            old = self._chats.get(chat.linked) if chat is not None else None
            if old is not None:
                old.linked = 0
        channel.linked = group.marked if group is not None else 0
        if group is not None:
            group.linked = channel.marked

    # -- profile and settings

    def rename(self, chat: Chat, title: str, *, by: int) -> None:
        """Change the title, with a service message."""
        chat.title = title
        self._changed(chat)
        self._announce(chat, by, types.MessageActionChatEditTitle(title))

    def picture(self, chat: Chat, photo: types.Photo | None, *, by: int) -> None:
        """Change or remove the photo, with a service message."""
        chat.photo = photo
        self._changed(chat)
        edited = types.MessageActionChatEditPhoto(photo) if photo is not None else None
        self._announce(chat, by, edited or types.MessageActionChatDeletePhoto())

    def forbid(self, chat: Chat, rights: types.ChatBannedRights) -> None:
        """Set what is forbidden to all members who are not admins."""
        chat.default_rights = forbidden(rights, FOREVER)
        self._changed(chat)
        for member in chat.members:
            peer = peer_of(chat.marked)
            update = types.UpdateChatDefaultBannedRights(peer, chat.default_rights, chat.version)
            self._feeds.hand(member, update)

    def set(self, chat: Chat, **settings: bool | int | str) -> None:
        """Set fields of the chat, and tell the clients of its members."""
        for name, value in settings.items():
            setattr(chat, name, value)
        self._changed(chat)

    def _changed(self, chat: Chat) -> None:
        chat.version += 1
        for member in chat.members if chat.channel else ():
            self._feeds.hand(member, types.UpdateChannel(chat.id))

    def delete(self, chat: Chat) -> None:
        """Delete a chat: nobody is a member of it any more, and its usernames and links are free or dead."""
        for name in chat.usernames:
            self._accounts.free(name)
        for hash_ in chat.invites:
            self._invites.pop(hash_, None)
        linked = self._chats.get(chat.linked)
        if linked is not None:
            linked.linked = 0
        members, chat.members, chat.admins, chat.deleted = list(chat.members), {}, {}, True
        chat.usernames, chat.invites, chat.requests = [], {}, {}
        chat.version += 1
        for member in members:
            update = types.UpdateChannel(chat.id) if chat.channel else types.UpdateChat(chat.id)
            self._feeds.hand(member, update)
