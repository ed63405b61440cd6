"""Who is in a chat and as what: members come and go, become admins, are restricted and banned."""

from __future__ import annotations

from collections.abc import Callable

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .chats import Chat, Invite
from .dialogs import Post
from .feeds import Feeds
from .participants import all_of_group, exported, participant
from .posts import Posts
from .rights import FORBIDDABLE, Restriction, any_of, ends, forbidden
from .rpc import RpcError


class Members:
    """Change the members of chats. Bots that are admins, and whom it concerns, get an update with a qts."""

    def __init__(
        self,
        accounts: Accounts,
        chats: dict[int, Chat],
        feeds: Feeds,
        posts: Posts,
        date: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._chats = chats
        self._feeds = feeds
        self._posts = posts
        self._date = date

    def add(
        self,
        chat: Chat,
        account: Account,
        *,
        by: int,
        action: TLObject | None = None,
        invite: Invite | None = None,
    ) -> bool:
        """Make an account a member, with the service message `action`; return False if it was one already.

        A ban ends with it; other restrictions stay.
        """
        if account.id in chat.members:
            return False
        if account.profile is not None and not account.profile.joins_groups:
            raise RpcError(400, "BOT_GROUPS_BLOCKED")
        before = participant(chat, account.id, now=self._date())
        if chat.is_banned(account.id, self._date()):
            del chat.restrictions[account.id]
        chat.members[account.id] = self._date()
        chat.first_seen.pop(account.id, None)
        if chat.hides_history:
            chat.first_seen[account.id] = len(chat.box)
        if by != account.id:
            chat.inviters[account.id] = by
        request = chat.requests.pop(account.id, None)
        if request is not None:
            request.invite.requested -= 1
        chat.version += 1
        self._say(chat, by, action or types.MessageActionChatAddUser([account.id]))
        self._log_status(chat, account, before, by=by, invite=invite)
        self._tell(chat, account.id)
        return True

    def remove(self, chat: Chat, account: Account, *, by: int) -> None:
        """Remove a member and notify all members, the removed one included."""
        if account.id not in chat.members:
            raise RpcError(400, "USER_NOT_PARTICIPANT")
        before = participant(chat, account.id, now=self._date())
        self._drop(chat, account, by=by)
        self._log_status(chat, account, before, by=by)

    def _drop(self, chat: Chat, account: Account, *, by: int) -> None:
        self._say(chat, by, types.MessageActionChatDeleteUser(account.id))
        del chat.members[account.id]
        for kept in (chat.admins, chat.promoters, chat.ranks, chat.inviters):
            kept.pop(account.id, None)
        chat.version += 1
        self._tell(chat, account.id)

    def promote(
        self,
        chat: Chat,
        account: Account,
        rights: types.ChatAdminRights | None,
        *,
        by: int,
        rank: str | None = None,
    ) -> None:
        """Set the rights of an admin; None removes them. A bot that is not a member becomes one.

        A rank of None leaves the title that members see as it is.
        """
        before = participant(chat, account.id, now=self._date())
        chat.members.setdefault(account.id, self._date())
        if rights is None:
            chat.admins.pop(account.id, None)
            chat.promoters.pop(account.id, None)
            chat.ranks.pop(account.id, None)
        else:
            chat.admins[account.id] = rights
            chat.promoters.setdefault(account.id, by)
            chat.restrictions.pop(account.id, None)
        if rank:
            chat.ranks[account.id] = rank
        elif rank is not None:
            chat.ranks.pop(account.id, None)
        chat.version += 1
        self._log_status(chat, account, before, by=by)
        self._tell(chat, account.id)

    def set_rank(self, chat: Chat, account: Account, rank: str) -> None:
        """Set the title that members see beside the name of one of them; an empty one removes it."""
        if rank:
            chat.ranks[account.id] = rank
        else:
            chat.ranks.pop(account.id, None)
        chat.version += 1
        if chat.channel:
            self._tell(chat, account.id)
            return
        for member in chat.members:
            update = types.UpdateChatParticipantRank(chat.id, account.id, rank, chat.version)
            self._feeds.hand(member, update)

    def restrict(
        self, chat: Chat, number: int, rights: types.ChatBannedRights, until: int, *, by: int
    ) -> None:
        """Forbid something to a user, or to a channel that writes as itself; no right set: allow all again.

        Who may not see the chat any more is removed from it.
        """
        account, now = self._accounts.get(number), self._date()
        before = participant(chat, number, now=now)
        if any_of(rights, FORBIDDABLE):
            until = ends(until, now)
            chat.restrictions[number] = Restriction(forbidden(rights, until), by, now, until)
            chat.admins.pop(number, None)
            chat.promoters.pop(number, None)
        else:
            chat.restrictions.pop(number, None)
        chat.version += 1
        if account is None:
            return
        if rights.view_messages and number in chat.members:
            self._drop(chat, account, by=by)
        else:
            self._tell(chat, number)
        self._log_status(chat, account, before, by=by)

    def _tell(self, chat: Chat, number: int) -> None:
        """Tell the clients of whom it concerns that their status in a chat is another one."""
        if chat.channel:
            self._feeds.hand(number, types.UpdateChannel(chat.id))
            return
        update = types.UpdateChatParticipants(all_of_group(chat))
        for member in chat.members:
            self._feeds.hand(member, update)

    def _log_status(
        self, chat: Chat, account: Account, before: TLObject | None, *, by: int, invite: Invite | None = None
    ) -> None:
        """Log an account's new status in a chat: for itself, if a bot, and for all bots that are admins."""
        after = participant(chat, account.id, now=self._date())
        kind = types.UpdateChannelParticipant if chat.channel else types.UpdateChatParticipant
        for number in dict.fromkeys([account.id, *chat.admins]):
            told = self._accounts.get(number)
            if told is not None and told.is_bot:
                update = kind(
                    chat.id,
                    self._date(),
                    by,
                    account.id,
                    0,
                    prev_participant=before,
                    new_participant=after,
                    invite=exported(invite) if invite is not None else None,
                )
                self._feeds.log_bot(told, update)

    def _say(self, chat: Chat, sender: int, action: TLObject) -> None:
        """Post a service message, except about members of broadcast channels."""
        if chat.megagroup or not chat.channel:
            self._announce(chat, sender, action)

    def _announce(self, chat: Chat, sender: int, action: TLObject) -> None:
        """Post a service message in any chat."""
        post = Post(sender, self._date(), "", action=action)
        self._posts.add(self._accounts[sender], chat.marked, post, opens=False)
