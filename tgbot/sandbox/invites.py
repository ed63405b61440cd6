"""Invite links of chats, and the requests to join that are made with them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from telethon.tl import types

from .accounts import Account, Accounts
from .chats import Chat, Invite, JoinRequest
from .dialogs import peer_of
from .feeds import Feeds
from .members import Members
from .participants import exported, pending
from .posts import Posts
from .rpc import RpcError

#: Seconds in which a bot may write to the user of an open request to join.
REQUEST_SECONDS: Final = 300
#: Seconds in which a guard bot may answer a request at once.
QUERY_SECONDS: Final = 10
#: The most members of a basic group.
GROUP_LIMIT: Final = 200


class Invites(Members):
    """Make, change and follow invite links; decide on requests to join."""

    def __init__(
        self,
        accounts: Accounts,
        chats: dict[int, Chat],
        feeds: Feeds,
        posts: Posts,
        date: Callable[[], int],
        random: Random,
    ) -> None:
        super().__init__(accounts, chats, feeds, posts, date)
        self._random = random
        self._invites: dict[str, Chat] = {}
        #: Requests that a guard bot was asked about: query → the chat, and the user.
        self._queries: dict[int, tuple[Chat, int]] = {}

    # -- links

    def invite(
        self,
        chat: Chat,
        admin: int,
        *,
        request_needed: bool = False,
        title: str = "",
        expires: int = 0,
        limit: int = 0,
        permanent: bool = False,
    ) -> Invite:
        """Make an invite link. An admin has one permanent link: the one before is revoked."""
        if permanent:
            for old in chat.invites.values():
                old.revoked |= old.permanent and old.admin == admin
        invite = Invite(
            f"{self._random.getrandbits(96):024x}",
            admin,
            self._date(),
            request_needed=request_needed,
            title=title,
            expires=expires,
            limit=limit,
            permanent=permanent,
        )
        chat.invites[invite.hash] = invite
        self._invites[invite.hash] = chat
        return invite

    def forget(self, chat: Chat, invite: Invite) -> None:
        """Delete a link, which nobody can name any more."""
        del chat.invites[invite.hash]
        self._invites.pop(invite.hash, None)

    def invited(self, hash_: str) -> tuple[Chat, Invite]:
        """Return the chat and the invite of a link; raise INVITE_HASH_INVALID or INVITE_HASH_EXPIRED."""
        chat = self._invites.get(hash_)
        if chat is None:
            raise RpcError(400, "INVITE_HASH_INVALID" if hash_ else "INVITE_HASH_EMPTY")
        invite = chat.invites[hash_]
        if invite.ended(self._date()):
            raise RpcError(400, "INVITE_HASH_EXPIRED")
        return chat, invite

    # -- joining

    def follow(self, user: Account, chat: Chat, invite: Invite, about: str = "") -> None:
        """Follow an invite link. If it needs approval, notify the admins and raise INVITE_REQUEST_SENT.

        For who is banned the link has expired; a basic group that is full raises USERS_TOO_MUCH.
        """
        if user.id in chat.members:
            raise RpcError(400, "USER_ALREADY_PARTICIPANT")
        if chat.is_banned(user.id, self._date()):
            raise RpcError(400, "INVITE_HASH_EXPIRED")
        if not chat.channel and len(chat.members) >= GROUP_LIMIT:
            raise RpcError(400, "USERS_TOO_MUCH")
        if not invite.request_needed:
            self._use(invite, user)
            action = types.MessageActionChatJoinedByLink(invite.admin)
            self.add(chat, user, by=user.id, action=action, invite=invite)
            return
        self._ask(user, chat, invite, about)

    def join(self, user: Account, chat: Chat, about: str = "") -> None:
        """Join a public chat; raise INVITE_REQUEST_SENT if its admins decide."""
        if user.id in chat.members:
            return
        if chat.join_request:
            self._ask(user, chat, Invite("", 0, self._date(), request_needed=True), about)
        self.add(chat, user, by=user.id)

    def _use(self, invite: Invite, user: Account) -> None:
        invite.usage += 1
        invite.joined[user.id] = self._date()

    def _ask(self, user: Account, chat: Chat, invite: Invite, about: str) -> None:
        if user.id not in chat.requests:
            asked = chat.requests[user.id] = JoinRequest(user.id, self._date(), invite, about)
            invite.requested += 1
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
                query = request.query if admin == chat.guard and request.query else None
                update = types.UpdateBotChatInviteRequester(
                    peer_of(chat.marked), request.date, request.user, request.about, invite, 0, query
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
            self.decide(chat, self._accounts[number], approved=approved, by=bot.id)

    def decide(self, chat: Chat, user: Account, *, approved: bool, by: int = 0) -> None:
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
        request.invite.requested -= 1
        if approved:
            self._use(request.invite, user)
            request.invite.approved[user.id] = by or chat.creator
            action = types.MessageActionChatJoinedByRequest()
            self.add(chat, user, by=user.id, action=action, invite=request.invite)
