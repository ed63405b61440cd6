"""Groups and channels: members, admins, invite links, requests to join."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
    """One user's open request to join, by an invite link."""

    user: int
    date: int
    invite: Invite
    about: str = field(default="", repr=False)


@dataclass(slots=True, eq=False)
class Chat:
    """A basic group, or a channel (`channel`) that may be a supergroup (`megagroup`)."""

    id: int
    title: str = field(repr=False)
    creator: int
    date: int
    channel: bool = False
    megagroup: bool = False
    usernames: list[str] = field(default_factory=list)
    about: str = field(default="", repr=False)
    #: Member → when they joined.
    members: dict[int, int] = field(default_factory=dict)
    #: Admin → ChatAdminRights; the creator is not in it.
    admins: dict[int, Any] = field(default_factory=dict)
    invites: dict[str, Invite] = field(default_factory=dict)
    requests: dict[int, JoinRequest] = field(default_factory=dict)
    version: int = 1
    #: A channel's own messages and updates; a basic group's are in its members' boxes and logs.
    box: Box = field(default_factory=Box, repr=False)
    log: Log = field(default_factory=Log, repr=False)
    #: When a channel's log last grew.
    changed_at: int = 0

    @property
    def marked(self) -> int:
        """The marked id: minus id for a group, minus (10^12 + id) for a channel."""
        return -CHANNEL_BASE - self.id if self.channel else -self.id

    def may_post(self, account: int) -> bool:
        """Says whether this account may write here: members, in a broadcast channel its admins."""
        if account not in self.members:
            return False
        if not self.channel or self.megagroup or account == self.creator:
            return True
        return bool(getattr(self.admins.get(account), "post_messages", False))

    def may_delete(self, account: int) -> bool:
        """Says whether this account may delete what others wrote."""
        return account == self.creator or bool(getattr(self.admins.get(account), "delete_messages", False))

    def may_invite(self, account: int) -> bool:
        """Says whether this account may add users and manages requests to join."""
        if account == self.creator:
            return True
        rights = self.admins.get(account)
        return rights is not None and bool(rights.invite_users)
