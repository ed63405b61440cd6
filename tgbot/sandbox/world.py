"""The pretended Telegram: accounts, dialogs, chats and everybody's update log, in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Final

from telethon.tl import types

from .accounts import Account, Accounts, Bot
from .chats import Chat
from .dialogs import Copy, Post
from .feeds import Changed, Feeds, Passing
from .files import Files
from .groups import Groups
from .logs import Entry
from .posts import Posts
from .presses import Presses
from .rpc import RpcError
from .sends import Sends
from .view import View

FOREVER: Final = float("inf")


class World:
    """Everything the server knows; it can be pickled, and the copy goes on where this one stopped.

    Each change is in the logs of the accounts it concerns before the method that made it returns, and the
    subscribers have been told. `now` is the true time; `seed` makes ids, hashes and tokens repeatable.
    """

    def __init__(
        self, *, seed: int | None = None, now: Callable[[], float] = time.time, dc_id: int = 2
    ) -> None:
        self._true_time = now
        #: Seconds that the server's clock is ahead of the true time; negative if it is behind.
        self.clock_error = 0.0
        self.random = Random(seed)
        self.dc_id = dc_id
        #: Where clients are told to connect; the server sets it when it listens.
        self.address: tuple[str, int] = ("127.0.0.1", 443)
        self.accounts = Accounts(self.random, dc_id)
        self.chats: dict[int, Chat] = {}
        self.view = View(self.accounts, self.chats)
        self.feeds = Feeds()
        self.sends = Sends()
        self.posts = Posts(self.accounts, self.chats, self.feeds, self.sends, self.date)
        self.presses = Presses(self.accounts, self.feeds, self.random)
        self.groups = Groups(self.accounts, self.chats, self.feeds, self.posts, self.date, self.random)
        self.files = Files()
        #: Whether a difference holds an updateMessageID for each message that the account sent.
        self.message_ids_in_difference = True
        #: At most this many updates in one difference; the rest comes in further slices.
        self.difference_limit: int | None = None
        self.difference_too_long = False
        #: Whether others in a dialog are told of a new name by updateUserName.
        self.tells_names = True
        #: Names of the methods that were called and are not here.
        self.unknown_methods: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        # A clock is the process's: a restored world runs on time.time until it is given another one.
        return self.__dict__ | {"_true_time": time.time, "clock_error": 0.0}

    # -- for the server

    def subscribe(self, callback: Changed, passing: Passing | None = None) -> Callable[[], None]:
        """Calls back with the account id after each change of its log, and returns how to end that.

        `passing` gets (account id, entry) for what is in no log: typing, pressed buttons, new names. It is
        for the sessions that are connected now, after what is in the log by then.
        """
        return self.feeds.subscribe(callback, passing)

    def state(self, account_id: int) -> tuple[int, int, int, int]:
        """Returns (pts, qts, date, seq) of an account."""
        log = self.accounts[account_id].log
        return log.pts, log.qts, self.date(), 1

    def entries(self, account_id: int, pts: int, qts: int, limit: int | None = None) -> list[Entry]:
        """Returns what lies above a state in an account's log, in order, at most `limit` entries."""
        return self.accounts[account_id].log.above(pts, qts, limit)

    def render(self, account_id: int, entries: Iterable[Entry]) -> Any:
        """Builds one `updates` with the users and chats that the entries name, as this account sees them."""
        viewer = self.accounts[account_id]
        updates: list[Any] = []
        marked: dict[int, None] = {}
        for entry in entries:
            updates.append(entry.update)
            marked.update(dict.fromkeys(entry.named()))
        users, chats = self.view.beside(viewer, marked)
        return types.Updates(updates, users, chats, self.date(), 0)

    def alive(self, account_id: int, generation: int) -> Account:
        """Returns the account of a login that is still good; raises the 401 that says why it is not."""
        account = self.accounts[account_id]
        account.check()
        if account.generation != generation:
            raise RpcError(401, "SESSION_REVOKED")
        return account

    def now(self) -> float:
        """Return the time of the server's clock: dates, salts and msg_ids are made of it."""
        return self._true_time() + self.clock_error

    def date(self) -> int:
        """The server's time in whole seconds."""
        return int(self.now())

    # -- accounts

    def new_bot(self, username: str | None = None, name: str | None = None) -> Bot:
        """Adds a bot, as BotFather would."""
        return self.accounts.new_bot(username, name)

    def new_phone(self) -> str:
        """Returns a phone number that nobody has signed up with."""
        return self.accounts.new_phone()

    def new_user(self, first_name: str, last_name: str = "", *, username: str | None = None) -> Account:
        """Adds a user who has a phone number and can log in with it."""
        user = self.accounts.new_user(first_name, last_name, phone=self.new_phone())
        if username is not None:
            self.accounts.rename(user, [username])
        return user

    def delete_account(self, account_id: int, *, banned: bool = False) -> None:
        """Deletes an account: it loses name, usernames and phone, and its logins end."""
        account = self.accounts[account_id]
        account.deleted, account.banned = True, banned
        account.generation += 1
        self.accounts.drop(account)

    def end_sessions(self, account_id: int) -> None:
        """Ends all logins of an account (SESSION_REVOKED)."""
        self.accounts[account_id].generation += 1

    def revoke_token(self, bot_id: int) -> str:
        """Gives a bot a new token, as BotFather's /revoke does: the old one and its logins are over."""
        return self.accounts.new_token(self.accounts[bot_id])

    def set_usernames(self, account_id: int, *usernames: str) -> None:
        """Replaces the usernames of an account and tells whom it concerns."""
        account = self.accounts[account_id]
        self.accounts.rename(account, list(usernames))
        self._tell_name(account)

    def set_name(self, account_id: int, first_name: str, last_name: str = "") -> None:
        """Renames an account and tells whom it concerns."""
        account = self.accounts[account_id]
        account.first_name, account.last_name = first_name, last_name
        self._tell_name(account)

    def _tell_name(self, account: Account) -> None:
        """Sends updateUserName to the account and to everybody it has a private dialog with."""
        audience = [account.id]
        if self.tells_names and not account.is_bot:
            audience += [peer for peer in account.box.dialogs if peer > 0 and peer != account.id]
        for viewer in audience:
            usernames = [
                types.Username(name, active=True, editable=index == 0 or None)
                for index, name in enumerate(account.usernames)
            ]
            update = types.UpdateUserName(account.id, account.first_name, account.last_name, usernames)
            self.feeds.hand(viewer, update)

    # -- who may write to whom

    def may_write(self, sender: Account, to: Account, *, typing: bool = False) -> None:
        """Raises the RPC error with which Telegram refuses a message (or `typing`) from one to the other."""
        if to.deleted:
            raise RpcError(400, "INPUT_USER_DEACTIVATED")
        if sender.profile is not None:
            if to.profile is not None:
                if not sender.profile.talks_to_bots or to is sender:
                    raise RpcError(400, "USER_IS_BOT")
                if not to.profile.talks_to_bots:
                    raise RpcError(403, "USER_BOT_TO_BOT_DISABLED")
                return
            if sender.id in to.blocked:
                raise RpcError(403, "USER_IS_BLOCKED")
            if to.id not in sender.started and sender.allowed.get(to.id, 0.0) <= self.now():
                raise RpcError(400, "PEER_ID_INVALID")
        elif to.id in sender.blocked and not typing:
            raise RpcError(400, "YOU_BLOCKED_USER")
        if typing or sender is to or sender.id in to.contacts:
            return
        if to.only_premium and not sender.premium:
            raise RpcError(403, "PRIVACY_PREMIUM_REQUIRED")
        if to.paid_stars:
            raise RpcError(403, f"ALLOW_PAYMENT_REQUIRED_{to.paid_stars}")

    def allow(self, bot_id: int, user_id: int, *, domain: str | None = None, **reason: Any) -> Copy:
        """Lets a bot write to a user: the service message of write access, for the reason named.

        The reason is `domain`, `from_request`, `app` or `attach_menu`, as messageActionBotAllowed has them.
        """
        self.accounts[bot_id].allowed[user_id] = FOREVER
        action = types.MessageActionBotAllowed(domain=domain, **reason)
        return self.send_as(user_id, bot_id, action=action, opens=False)

    def block(self, user_id: int, peer_id: int, *, blocked: bool = True) -> bool:
        """Blocks or unblocks; a bot whose dialog was open is told with a qts. Returns whether it changed."""
        user, peer = self.accounts[user_id], self.accounts[peer_id]
        if (peer_id in user.blocked) == blocked:
            return False
        if blocked:
            user.blocked.add(peer_id)
        else:
            user.blocked.discard(peer_id)
        self.feeds.hand(user_id, types.UpdatePeerBlocked(types.PeerUser(peer_id), blocked=blocked or None))
        if peer.is_bot and (user_id in peer.started or user_id in peer.allowed):
            self.feeds.log_bot(peer, types.UpdateBotStopped(user_id, self.date(), blocked, 0))
        return True

    # -- messages and other updates

    def send_as(
        self,
        sender_id: int,
        peer: int,
        text: str = "",
        *,
        action: Any = None,
        opens: bool = True,
        **fields: Any,
    ) -> Copy:
        """Posts anything at all to a marked id, past every rule; returns the sender's copy.

        `fields` are the TL message's own: `media`, `entities`, `reply_markup`, `fwd_from`, `from_id`,
        `date`, `grouped_id` …; with `action` it is a service message.
        """
        post = Post(
            sender_id,
            fields.pop("date", self.date()),
            text,
            entities=fields.pop("entities", None),
            media=fields.pop("media", None),
            markup=fields.pop("reply_markup", None),
            forwarded=fields.pop("fwd_from", None),
            action=action,
            extras=fields or None,
        )
        return self.posts.add(self.accounts[sender_id], peer, post, opens=opens)

    def push_update(self, account_id: int, update: Any) -> None:
        """Sends an account any update at all; one that has a pts or a qts takes the next of its log."""
        account = self.accounts[account_id]
        if hasattr(update, "pts"):
            self.feeds.log(account, update, update.pts_count or 1)
        elif hasattr(update, "qts"):
            self.feeds.log_bot(account, update)
        else:
            self.feeds.hand(account_id, update)

    def typing(self, sender: Account, peer: int, action: Any) -> None:
        """Shows a chat action to the others in a dialog who are connected."""
        if peer > 0:
            to = self.accounts[peer]
            if to is not sender and sender.id not in to.blocked:
                self.feeds.hand(peer, types.UpdateUserTyping(sender.id, action))
            return
        for member in self.chats[peer].members:
            if member == sender.id or self.accounts[member].is_bot:
                continue
            who, chat = types.PeerUser(sender.id), self.chats[peer]
            kind = types.UpdateChannelUserTyping if chat.channel else types.UpdateChatUserTyping
            self.feeds.hand(member, kind(chat.id, who, action))

    def forget_random_ids(self, account_id: int | None = None) -> None:
        """Forget which random_ids were used, by one account or by all: a repeated send is sent again."""
        self.sends.forget(account_id)

    # -- chats

    def new_group(self, title: str, creator: int, *members: int) -> Chat:
        """Adds a basic group and tells its members."""
        return self.groups.new_group(title, creator, *members)

    def new_channel(
        self, title: str, username: str | None = None, *, megagroup: bool = False, creator: int = 0
    ) -> Chat:
        """Adds a channel or a supergroup; without a creator it belongs to nobody."""
        return self.groups.new_channel(title, username, megagroup=megagroup, creator=creator)
