"""Changes of groups and channels: creation, members, admins, invite links, requests to join."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .chats import Chat, Invite, JoinRequest
from .dialogs import Post
from .feeds import Feeds
from .posts import Posts
from .rpc import RpcError

#: Seconds in which a bot may write to the user of an open request to join.
REQUEST_SECONDS: Final = 300
#: Seconds in which a guard bot may answer a request at once.
QUERY_SECONDS: Final = 10
_FIRST_GROUP: Final = 4_000_000
_FIRST_CHANNEL: Final = 1_500_000_000


class Groups:
    """Create chats and change who is in them."""

    def __init__(
        self,
        accounts: Accounts,
        chats: dict[int, Chat],
        feeds: Feeds,
        posts: Posts,
        date: Callable[[], int],
        random: Random,
    ) -> None:
        self._accounts = accounts
        self._chats = chats
        self._feeds = feeds
        self._posts = posts
        self._date = date
        self._random = random
        self._invites: dict[str, Chat] = {}
        self._last_group = _FIRST_GROUP
        self._last_channel = _FIRST_CHANNEL
        #: Requests that a guard bot was asked about: query → the chat, and the user.
        self._queries: dict[int, tuple[Chat, int]] = {}

    def new_group(self, title: str, creator: int, *members: int) -> Chat:
        """Add a basic group and notify its members."""
        self._last_group += 1
        chat = Chat(self._last_group, title, creator, self._date())
        chat.members = dict.fromkeys((creator, *members), self._date())
        self._chats[chat.marked] = chat
        self._say(chat, creator, types.MessageActionChatCreate(title, list(chat.members)))
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
            self._say(chat, creator, types.MessageActionChannelCreate(title))
        return chat

    def migrate(self, group: Chat) -> Chat:
        """Turn a basic group into a supergroup with its members, admins, links and requests; return it.

        Both get a service message. Nothing can be done in the group afterwards.
        """
        self._last_channel += 1
        chat = Chat(
            self._last_channel, group.title, group.creator, self._date(), channel=True, megagroup=True
        )
        chat.about, chat.members, chat.admins = group.about, dict(group.members), dict(group.admins)
        chat.invites, group.invites = group.invites, {}
        chat.requests, group.requests = group.requests, {}
        self._invites.update(dict.fromkeys(chat.invites, chat))
        self._chats[chat.marked] = chat
        group.migrated_to = chat.id
        group.version += 1
        self._say(group, group.creator, types.MessageActionChatMigrateTo(chat.id))
        self._say(chat, chat.creator, types.MessageActionChannelMigrateFrom(group.title, group.id))
        for member in chat.members:
            self._feeds.hand(member, types.UpdateChannel(chat.id))
        return chat

    def add(self, chat: Chat, account: Account, *, by: int, action: TLObject | None = None) -> bool:
        """Make an account a member, with the service message `action`; return False if it was one already."""
        if account.id in chat.members:
            return False
        if account.profile is not None and not account.profile.joins_groups:
            raise RpcError(400, "BOT_GROUPS_BLOCKED")
        before = participant(chat, account.id)
        chat.members[account.id] = self._date()
        chat.requests.pop(account.id, None)
        chat.version += 1
        self._say(chat, by, action or types.MessageActionChatAddUser([account.id]))
        self._log_status(chat, account, before, by=by)
        if chat.channel:
            self._feeds.hand(account.id, types.UpdateChannel(chat.id))
        return True

    def remove(self, chat: Chat, account: Account, *, by: int) -> None:
        """Remove a member and notify all members, the removed one included."""
        if account.id not in chat.members:
            raise RpcError(400, "USER_NOT_PARTICIPANT")
        self._say(chat, by, types.MessageActionChatDeleteUser(account.id))
        before = participant(chat, account.id)
        del chat.members[account.id]
        chat.admins.pop(account.id, None)
        chat.version += 1
        self._log_status(chat, account, before, by=by)

    def promote(self, chat: Chat, account: Account, rights: types.ChatAdminRights | None, *, by: int) -> None:
        """Set the rights of an admin; None removes them. A bot that is not a member becomes one."""
        before = participant(chat, account.id)
        chat.members.setdefault(account.id, self._date())
        if rights is None:
            chat.admins.pop(account.id, None)
        else:
            chat.admins[account.id] = rights
        chat.version += 1
        self._log_status(chat, account, before, by=by)

    def link(self, channel: Chat, group: Chat | None) -> None:
        """Make a supergroup the discussion group of a channel; None: the channel has none."""
        for chat in (channel, group):
            old = self._chats.get(chat.linked) if chat is not None else None
            if old is not None:
                old.linked = 0
        channel.linked = group.marked if group is not None else 0
        if group is not None:
            group.linked = channel.marked

    def _log_status(self, chat: Chat, account: Account, before: TLObject | None, *, by: int) -> None:
        """Log an account's new status in a chat: for itself, if a bot, and for all bots that are admins."""
        after = participant(chat, account.id)
        kind = types.UpdateChannelParticipant if chat.channel else types.UpdateChatParticipant
        for number in dict.fromkeys([account.id, *chat.admins]):
            told = self._accounts.get(number)
            if told is not None and told.is_bot:
                update = kind(
                    chat.id, self._date(), by, account.id, 0, prev_participant=before, new_participant=after
                )
                self._feeds.log_bot(told, update)

    # -- invite links and requests

    def invite(self, chat: Chat, admin: int, *, request_needed: bool = False, title: str = "") -> Invite:
        """Make an invite link."""
        hash_ = f"{self._random.getrandbits(96):024x}"
        invite = Invite(hash_, admin, self._date(), request_needed=request_needed, title=title)
        chat.invites[hash_] = invite
        self._invites[hash_] = chat
        return invite

    def invited(self, hash_: str) -> tuple[Chat, Invite]:
        """Return the chat and the invite of a link; raise INVITE_HASH_INVALID or INVITE_HASH_EXPIRED."""
        chat = self._invites.get(hash_)
        if chat is None:
            raise RpcError(400, "INVITE_HASH_INVALID" if hash_ else "INVITE_HASH_EMPTY")
        invite = chat.invites[hash_]
        if invite.revoked:
            raise RpcError(400, "INVITE_HASH_EXPIRED")
        return chat, invite

    def follow(self, user: Account, chat: Chat, invite: Invite, about: str = "") -> None:
        """Follow an invite link. If it needs approval, notify the admins and raise INVITE_REQUEST_SENT."""
        if user.id in chat.members:
            raise RpcError(400, "USER_ALREADY_PARTICIPANT")
        if not invite.request_needed:
            invite.usage += 1
            self.add(chat, user, by=user.id, action=types.MessageActionChatJoinedByLink(invite.admin))
            return
        if user.id not in chat.requests:
            asked = chat.requests[user.id] = JoinRequest(user.id, self._date(), invite, about)
            if chat.guard:
                asked.query = self._random.getrandbits(62) or 1
                self._queries[asked.query] = chat, user.id
            self._log_request(chat, asked)
        raise RpcError(400, "INVITE_REQUEST_SENT")

    def _log_request(self, chat: Chat, request: JoinRequest) -> None:
        for admin in [chat.creator, *chat.admins]:
            account = self._accounts.get(admin)
            if account is None or not chat.may_invite(admin):
                continue
            if account.is_bot:
                until = request.date + REQUEST_SECONDS
                account.allowed[request.user] = max(account.allowed.get(request.user, 0.0), until)
                invite = exported(request.invite)
                peer = types.PeerChannel(chat.id) if chat.channel else types.PeerChat(chat.id)
                query = request.query if admin == chat.guard and request.query else None
                update = types.UpdateBotChatInviteRequester(
                    peer, request.date, request.user, request.about, invite, 0, query
                )
                self._feeds.log_bot(account, update)
            else:
                self._feeds.hand(admin, pending(chat))

    def answer_query(self, bot: Account, query: int, approved: bool | None) -> None:
        """Carry out a guard bot's answer: None leaves the request to the admins.

        Raise QUERY_ID_INVALID for a query that is not this bot's, was answered, or is too old.
        """
        chat, number = self._queries.pop(query, (None, 0))
        request = chat.requests.get(number) if chat is not None else None
        if chat is None or chat.guard != bot.id or request is None or request.query != query:
            raise RpcError(400, "QUERY_ID_INVALID")
        if self._date() - request.date > QUERY_SECONDS:
            raise RpcError(400, "QUERY_ID_INVALID")
        request.query = 0
        if approved is not None:
            self.decide(chat, self._accounts[number], approved=approved)

    def decide(self, chat: Chat, user: Account, *, approved: bool) -> None:
        """Approve or decline a request; raise HIDE_REQUESTER_MISSING if it is not open."""
        request = chat.requests.pop(user.id, None)
        if request is None:
            raise RpcError(400, "HIDE_REQUESTER_MISSING")
        for admin in [chat.creator, *chat.admins]:
            account = self._accounts.get(admin)
            if account is None:
                continue
            if account.is_bot:
                # The five minutes of write access end with the request; other write access stays.
                if account.allowed.get(user.id) == request.date + REQUEST_SECONDS:
                    del account.allowed[user.id]
            else:
                self._feeds.hand(admin, pending(chat))
        if approved:
            request.invite.usage += 1
            self.add(chat, user, by=user.id, action=types.MessageActionChatJoinedByRequest())

    def _say(self, chat: Chat, sender: int, action: TLObject) -> None:
        """Post a service message, except about members of broadcast channels."""
        if chat.megagroup or not chat.channel:
            post = Post(sender, self._date(), "", action=action)
            self._posts.add(self._accounts[sender], chat.marked, post)


def participant(chat: Chat, number: int) -> TLObject | None:
    """Build the TL participant of an account in a chat; return None if it is not a member."""
    since = chat.members.get(number)
    if since is None:
        return None
    rights = chat.admins.get(number)
    if chat.channel:
        if number == chat.creator:
            return types.ChannelParticipantCreator(
                number, types.ChatAdminRights(invite_users=True, other=True)
            )
        if rights is not None:
            return types.ChannelParticipantAdmin(number, chat.creator, since, rights)
        return types.ChannelParticipant(number, since)
    if number == chat.creator:
        return types.ChatParticipantCreator(number)
    kind = types.ChatParticipant if rights is None else types.ChatParticipantAdmin
    return kind(number, chat.creator, since)


def exported(invite: Invite) -> types.ChatInviteExported:
    """Build the TL form of an invite link."""
    return types.ChatInviteExported(
        f"https://t.me/+{invite.hash}",
        invite.admin,
        invite.date,
        revoked=invite.revoked or None,
        request_needed=invite.request_needed or None,
        usage=invite.usage or None,
        title=invite.title or None,
    )


def pending(chat: Chat) -> types.UpdatePendingJoinRequests:
    """Build the update about open requests for an admin who is not a bot."""
    peer = types.PeerChannel(chat.id) if chat.channel else types.PeerChat(chat.id)
    recent = list(chat.requests)[-3:]
    return types.UpdatePendingJoinRequests(peer, len(chat.requests), recent)
