"""Groups and channels: members, admins, restrictions, invite links, requests to join, topics."""

from __future__ import annotations

from dataclasses import dataclass, field

from telethon.tl import types

from .dialogs import CHANNEL_BASE, Box
from .logs import Log
from .rights import FOREVER, Restriction


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
    #: Whether it is the admin's main link, which has no limits and is replaced when it is revoked.
    permanent: bool = False
    #: When it expires, and how many may use it; 0: no limit.
    expires: int = 0
    limit: int = 0
    #: The date of the last change, 0 for none.
    changed: int = 0
    #: How many open requests were made with it.
    requested: int = 0
    #: User → the date on which they joined with it, in order.
    joined: dict[int, int] = field(default_factory=dict)
    #: User → the admin who approved their request.
    approved: dict[int, int] = field(default_factory=dict)

    @property
    def link(self) -> str:
        return f"https://t.me/+{self.hash}"

    def ended(self, now: int) -> bool:
        """Return whether nobody can join with it any more."""
        return self.revoked or 0 < self.expires <= now or 0 < self.limit <= self.usage


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
    #: Whether apps show the topics as tabs.
    forum_tabs: bool = False
    #: The marked id of a channel's discussion group, and of a discussion group's channel; 0 for none.
    linked: int = 0
    usernames: list[str] = field(default_factory=list)
    about: str = field(default="", repr=False)
    photo: types.Photo | None = field(default=None, repr=False)
    #: Member → the date on which they joined.
    members: dict[int, int] = field(default_factory=dict)
    #: Member → who added them; those who joined by themselves are not in it.
    inviters: dict[int, int] = field(default_factory=dict)
    #: Admin → ChatAdminRights; without the creator.
    admins: dict[int, types.ChatAdminRights] = field(default_factory=dict)
    #: Admin → who made them one, and the title that members see.
    promoters: dict[int, int] = field(default_factory=dict)
    ranks: dict[int, str] = field(default_factory=dict, repr=False)
    #: User → what is forbidden to them, members or not.
    restrictions: dict[int, Restriction] = field(default_factory=dict)
    #: What is forbidden to all members who are not admins.
    default_rights: types.ChatBannedRights = field(default_factory=lambda: types.ChatBannedRights(FOREVER))
    #: Seconds between two messages of a member of a supergroup, 0: any pace.
    slow_seconds: int = 0
    #: Member → the date of their last message, in slow mode.
    last_sent: dict[int, int] = field(default_factory=dict)
    #: Whether posts of a channel show who wrote them, by name, and with a link to them.
    signatures: bool = False
    signature_profiles: bool = False
    #: Whether new members of a supergroup see no older messages.
    hides_history: bool = False
    #: Member who came while older messages were hidden → the id of the last message that they do not see.
    first_seen: dict[int, int] = field(default_factory=dict)
    noforwards: bool = False
    #: Whether members of a supergroup see only its admins.
    hides_members: bool = False
    #: Whether only members may write in a public supergroup, and whether admins let them in.
    join_to_send: bool = False
    join_request: bool = False
    deleted: bool = False
    invites: dict[str, Invite] = field(default_factory=dict)
    requests: dict[int, JoinRequest] = field(default_factory=dict)
    #: A bot that is asked about each request first, 0 for none.
    guard: int = 0
    #: Id of the supergroup that a basic group has become, and of the group that a supergroup was; 0 for none.
    migrated_to: int = 0
    migrated_from: int = 0
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

    @property
    def broadcast(self) -> bool:
        """Whether it is a channel in which only admins write."""
        return self.channel and not self.megagroup

    def is_admin(self, account: int) -> bool:
        """Return whether this account is the creator or an admin."""
        return account in self.members and (account == self.creator or account in self.admins)

    def has_right(self, account: int, right: str) -> bool:
        """Return whether this account is the creator, or an admin with a right of admins."""
        return account == self.creator or bool(getattr(self.admins.get(account), right, False))

    def restriction(self, account: int, now: int) -> Restriction | None:
        """Return what is forbidden to a user at a time; None: nothing, or not any more."""
        found = self.restrictions.get(account)
        return found if found is not None and found.until > now else None

    def is_banned(self, account: int, now: int) -> bool:
        """Return whether a user is banned at a time."""
        found = self.restriction(account, now)
        return found is not None and found.banned

    def allows(self, account: int, right: str, now: int) -> bool:
        """Return whether a member may do what can be forbidden to members.

        `change_info`, `invite_users`, `pin_messages` and `manage_topics` are rights of admins, too.
        """
        if account not in self.members:
            return False
        if self.has_right(account, right) or (account in self.admins and right.startswith("send_")):
            return True
        if self.broadcast:
            return False
        own = self.restriction(account, now)
        if own is not None and getattr(own.rights, right):
            return False
        return not getattr(self.default_rights, right)

    def may_post(self, account: int) -> bool:
        """Return whether this account may write here: any member, in a broadcast channel only admins."""
        if account not in self.members:
            return False
        if not self.channel or self.megagroup or account == self.creator:
            return True
        return bool(getattr(self.admins.get(account), "post_messages", False))

    def may_delete(self, account: int) -> bool:
        """Return whether this account may delete messages of others."""
        return self.has_right(account, "delete_messages")

    def is_anonymous(self, account: int) -> bool:
        """Return whether what this admin of a supergroup writes is shown as written by the group."""
        return self.megagroup and bool(getattr(self.admins.get(account), "anonymous", False))

    def may_invite(self, account: int) -> bool:
        """Return whether this account may manage invite links and answer requests to join."""
        return self.has_right(account, "invite_users")
