"""Groups and channels: members, admins, invite links, requests to join."""

from __future__ import annotations

from dataclasses import dataclass, field

from telethon.tl import types

from .dialogs import CHANNEL_BASE, Box
from .logs import Log


@dataclass(slots=True, eq=False)
class Invite:
    """An invite link of a chat."""

    hash: str = field(repr=False)
    admin: int
    date: int
    request_needed: bool = False
    title: str = ""
    usage: int = 0
    revoked: bool = False


@dataclass(slots=True)
class JoinRequest:
    """A user's open request to join, made with an invite link."""

    user: int
    date: int
    invite: Invite
    about: str = field(default="", repr=False)
    #: The number under which the guard bot may answer it at once, 0 for none.
    query: int = 0


@dataclass(slots=True, eq=False)
class Chat:
    """A basic group, a channel (`channel`), or a supergroup (`channel` and `megagroup`)."""

    id: int
    title: str = field(repr=False)
    creator: int
    date: int
    channel: bool = False
    megagroup: bool = False
    #: Whether a supergroup holds what people write to a channel directly.
    monoforum: bool = False
    #: Whether a supergroup has topics.
    forum: bool = False
    #: The marked id of a channel's discussion group, and of a discussion group's channel; 0 for none.
    linked: int = 0
    usernames: list[str] = field(default_factory=list)
    about: str = field(default="", repr=False)
    #: Member → the date on which they joined.
    members: dict[int, int] = field(default_factory=dict)
    #: Admin → ChatAdminRights; without the creator.
    admins: dict[int, types.ChatAdminRights] = field(default_factory=dict)
    invites: dict[str, Invite] = field(default_factory=dict)
    requests: dict[int, JoinRequest] = field(default_factory=dict)
    #: A bot that is asked about each request first, 0 for none.
    guard: int = 0
    #: Id of the supergroup that a basic group has become, 0 if it has not.
    migrated_to: int = 0
    version: int = 1
    #: Messages and updates of a channel; those of a basic group are in the boxes and logs of its members.
    box: Box = field(default_factory=Box, repr=False)
    log: Log = field(default_factory=Log, repr=False)
    #: The date of the last entry in a channel's log.
    changed_at: int = 0

    @property
    def marked(self) -> int:
        """The marked id: -id for a group, -(10^12 + id) for a channel."""
        return -CHANNEL_BASE - self.id if self.channel else -self.id

    def may_post(self, account: int) -> bool:
        """Return whether this account may write here: any member, in a broadcast channel only admins."""
        if account not in self.members:
            return False
        if not self.channel or self.megagroup or account == self.creator:
            return True
        return bool(getattr(self.admins.get(account), "post_messages", False))

    def may_delete(self, account: int) -> bool:
        """Return whether this account may delete messages of others."""
        return account == self.creator or bool(getattr(self.admins.get(account), "delete_messages", False))

    def may_manage_topics(self, account: int) -> bool:
        """Return whether this account may make topics."""
        return account == self.creator or bool(getattr(self.admins.get(account), "manage_topics", False))

    def is_anonymous(self, account: int) -> bool:
        """Return whether what this admin of a supergroup writes is shown as written by the group."""
        return self.megagroup and bool(getattr(self.admins.get(account), "anonymous", False))

    def may_invite(self, account: int) -> bool:
        """Return whether this account may add users and answer requests to join."""
        if account == self.creator:
            return True
        rights = self.admins.get(account)
        return rights is not None and bool(rights.invite_users)
