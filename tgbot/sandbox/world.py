"""The pretended Telegram: accounts, dialogs, chats and everybody's update log, in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from telethon.tl import types

from .accounts import Account, Accounts, Bot
from .chats import Chat
from .dialogs import Copy, Post, peer_of
from .files import Files
from .logs import Entry
from .rpc import BOT_ANSWER_SECONDS, Later, RpcError
from .view import View, mentioned, named

FOREVER = float("inf")


@dataclass(slots=True)
class _Query:
    """A pressed button whose bot has not answered yet."""

    bot: int
    later: Later


class World:
    """Everything the server knows; it can be pickled, and a copy goes on where this one stopped.

    Each change is in the logs of the accounts it concerns before the method that made it returns, and the
    subscribers have been told. `now` is the server's clock; `seed` makes ids, hashes and tokens repeatable.
    """

    def __init__(
        self, *, seed: int | None = None, now: Callable[[], float] = time.time, dc_id: int = 2
    ) -> None:
        self.now = now
        self.random = Random(seed)
        self.dc_id = dc_id
        #: Where clients are told to connect; the server sets it when it listens.
        self.address: tuple[str, int] = ("127.0.0.1", 443)
        self.accounts = Accounts(self.random, dc_id)
        self.chats: dict[int, Chat] = {}
        self.view = View(self.accounts, self.chats)
        #: Whether a difference tells the random_id of one's own messages.
        self.message_ids_in_difference = True
        #: At most this many updates in one difference; the rest comes in further slices.
        self.difference_limit: int | None = None
        self.difference_too_long = False
        #: Whether others in a dialog are told of a new name by updateUserName.
        self.tells_names = True
        #: Names of the methods that were called and are not here.
        self.unknown_methods: set[str] = set()
        self.files = Files()
        self._random_ids: dict[int, set[int]] = {}
        self._queries: dict[int, _Query] = {}
        self._subscribers: list[Callable[[int], None]] = []
        self._passing: list[Callable[[int, Entry], None]] = []
        self._last_chat = 4_000_000
        self._last_channel = 1_500_000_000

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"now": None, "_subscribers": [], "_passing": [], "_queries": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.now = time.time

    # -- for the server

    def subscribe(
        self, callback: Callable[[int], None], passing: Callable[[int, Entry], None] | None = None
    ) -> Callable[[], None]:
        """Calls back with the account id after each change of its log, and returns how to end that.

        `passing` gets (account id, entry) for what is in no log: typing, pressed buttons, new names. Only
        sessions connected now are to be sent it, after what is in the log by then.
        """
        self._subscribers.append(callback)
        if passing is not None:
            self._passing.append(passing)

        def end() -> None:
            self._subscribers.remove(callback)
            if passing is not None:
                self._passing.remove(passing)

        return end

    def state(self, account_id: int) -> tuple[int, int, int, int]:
        """Returns (pts, qts, date, seq) of an account."""
        log = self.accounts[account_id].log
        return log.pts, log.qts, self.date(), 1

    def entries(self, account_id: int, pts: int, qts: int, limit: int | None = None) -> list[Entry]:
        """Returns what lies above a state in an account's log, in order."""
        return self.accounts[account_id].log.above(pts, qts, limit)

    def render(self, account_id: int, entries: Iterable[Entry]) -> Any:
        """Builds one `updates` with the users and chats that the entries name, as this account sees them."""
        viewer = self.accounts[account_id]
        updates, marked = [], {}
        for entry in entries:
            updates.append(entry.update)
            content = entry.content
            marked.update(dict.fromkeys(mentioned(content) if isinstance(content, Copy) else named(content)))
        users, chats = self.view.beside(viewer, marked)
        return types.Updates(updates, users, chats, self.date(), 0)

    def alive(self, account_id: int, generation: int) -> Account:
        """Returns the account of a login that is still good; raises the 401 that says why it is not."""
        account = self.accounts[account_id]
        if account.banned:
            raise RpcError(401, "USER_DEACTIVATED_BAN")
        if account.deleted:
            raise RpcError(401, "USER_DEACTIVATED")
        if account.generation != generation:
            raise RpcError(401, "SESSION_REVOKED")
        return account

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
        self.tell_name(account)

    def set_name(self, account_id: int, first_name: str, last_name: str = "") -> None:
        """Renames an account and tells whom it concerns."""
        account = self.accounts[account_id]
        account.first_name, account.last_name = first_name, last_name
        self.tell_name(account)

    def tell_name(self, account: Account) -> None:
        """Sends updateUserName to the account and to everybody it has a private dialog with."""
        usernames = [
            types.Username(name, active=True, editable=index == 0 or None)
            for index, name in enumerate(account.usernames)
        ]
        audience = [account.id]
        if self.tells_names and not account.is_bot:
            audience += [peer for peer in account.box.dialogs if peer > 0 and peer != account.id]
        for viewer in audience:
            # Each gets an object of its own: what is sent may be changed on the way.
            self._pass(
                viewer,
                types.UpdateUserName(account.id, account.first_name, account.last_name, list(usernames)),
            )

    # -- who may write to whom

    def may_write(self, sender: Account, to: Account, *, typing: bool = False) -> None:
        """Raises the RPC error with which Telegram refuses a message, or a chat action, from one to the other."""
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
        """Lets a bot write to a user who gave write access; `domain`, `from_request`, `app` or `attach_menu` says how."""
        self.accounts[bot_id].allowed[user_id] = FOREVER
        return self.send_as(
            user_id, bot_id, action=types.MessageActionBotAllowed(domain=domain, **reason), opens=False
        )

    def block(self, user_id: int, peer_id: int, *, blocked: bool = True) -> bool:
        """Blocks or unblocks; a bot that the user had started is told with a qts. Returns whether it changed."""
        user, peer = self.accounts[user_id], self.accounts[peer_id]
        if (peer_id in user.blocked) == blocked:
            return False
        if blocked:
            user.blocked.add(peer_id)
        else:
            user.blocked.discard(peer_id)
        self._pass(user_id, types.UpdatePeerBlocked(types.PeerUser(peer_id), blocked=blocked or None))
        if peer.is_bot and (user_id in peer.started or user_id in peer.allowed):
            self.log_bot(peer, types.UpdateBotStopped(user_id, self.date(), blocked, 0))
        return True

    # -- messages

    def post(
        self,
        sender: Account,
        peer: int,
        post: Post,
        *,
        random_id: int | None = None,
        reply_to: int | None = None,
        opens: bool = True,
    ) -> Copy:
        """Gives the sender and everybody in the dialog a copy of the post; returns the sender's."""
        if random_id:
            known = self._random_ids.setdefault(sender.id, set())
            if random_id in known:
                raise RpcError(500, "RANDOM_ID_DUPLICATE")
            known.add(random_id)
        mine = Copy(sender.id, peer, post, out=True, reply_to=reply_to)
        mine.random_id = random_id or None
        copies = [mine]
        if peer > 0:
            to = self.accounts[peer]
            if to is not sender and sender.id not in to.blocked:
                copies.append(
                    Copy(peer, sender.id, post, out=False, reply_to=self._reply(sender, reply_to, peer))
                )
            if to.is_bot and not sender.is_bot and opens:
                to.started.add(sender.id)
        else:
            copies += [
                Copy(member, peer, post, out=False, reply_to=self._reply(sender, reply_to, member))
                for member in self.chats[peer].members
                if member != sender.id and self._hears(self.accounts[member], sender, post, reply_to)
            ]
        for copy in copies:
            owner = self.accounts[copy.owner]
            owner.box.add(copy)
            owner.log.add(copy)
        for copy in copies:
            self._changed(copy.owner)
        return mine

    def send_as(
        self,
        sender_id: int,
        peer: int,
        text: str = "",
        *,
        opens: bool = True,
        action: Any = None,
        **fields: Any,
    ) -> Copy:
        """Posts anything at all, past every rule; `fields` are the TL message's own. Returns the sender's copy.

        `media`, `entities`, `reply_markup`, `fwd_from`, `from_id`, `grouped_id` … go into the message as they are;
        with `action` it is a service message.
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
        return self.post(self.accounts[sender_id], peer, post, opens=opens)

    def edited(self, copy: Copy) -> Entry:
        """Logs that the post of a copy was changed, for all who have it; returns the owner's entry."""
        copy.post.edit_date = self.date()
        entries = {
            each.owner: self.accounts[each.owner].log.add(each, edited=True)
            for each in copy.post.copies
            if not each.deleted
        }
        for owner in entries:
            self._changed(owner)
        return entries[copy.owner]

    def delete(self, copies: Iterable[Copy], *, revoke: bool) -> dict[int, int]:
        """Deletes copies, with `revoke` everybody's; returns how many messages each account lost."""
        lost: dict[int, list[int]] = {}
        for copy in copies:
            for each in list(copy.post.copies) if revoke else [copy]:
                if not each.deleted:
                    self.accounts[each.owner].box.remove(each)
                    each.post.copies.remove(each)
                    lost.setdefault(each.owner, []).append(each.id)
        for owner, ids in lost.items():
            self.accounts[owner].log.add(types.UpdateDeleteMessages(ids, 0, 0), len(ids))
            self._changed(owner)
        return {owner: len(ids) for owner, ids in lost.items()}

    def read(self, account: Account, peer: int, max_id: int) -> int:
        """Marks a dialog as read up to a message id; returns how much pts that took."""
        dialog = account.box.dialogs.get(peer)
        if dialog is None:
            return 0
        top = min(max_id or len(account.box), dialog.ids[-1] if dialog.ids else 0)
        if top <= dialog.read_in:
            return 0
        unread = [number for number in dialog.ids if number > dialog.read_in]
        copies = [copy for number in unread if (copy := account.box.get(number)) is not None and not copy.out]
        read = [copy for copy in copies if copy.id <= top]
        dialog.read_in = top
        dialog.unread = len(copies) - len(read)
        account.log.add(types.UpdateReadHistoryInbox(peer_of(peer), top, dialog.unread, 0, 0))
        self._changed(account.id)
        other = self.accounts.get(peer) if peer > 0 else None
        if read and other is not None and other is not account and not other.is_bot:
            twin = read[-1].twin(peer)
            if twin is not None:
                other.box.dialogs[account.id].read_out = twin.id
                other.log.add(types.UpdateReadHistoryOutbox(types.PeerUser(account.id), twin.id, 0, 0))
                self._changed(peer)
        return 1

    def forget_random_ids(self, account_id: int | None = None) -> None:
        """Lets the server forget which sends it has seen, of one account or of all."""
        if account_id is None:
            self._random_ids.clear()
        else:
            self._random_ids.pop(account_id, None)

    # -- what passes

    def typing(self, sender: Account, peer: int, action: Any) -> None:
        """Shows a chat action to the others in a dialog who are connected."""
        if peer > 0:
            to = self.accounts[peer]
            if to is not sender and sender.id not in to.blocked:
                self._pass(peer, types.UpdateUserTyping(sender.id, action))
            return
        for member in self.chats[peer].members:
            if member != sender.id and not self.accounts[member].is_bot:
                self._pass(member, types.UpdateChatUserTyping(-peer, types.PeerUser(sender.id), action))

    def press(self, user: Account, copy: Copy, data: bytes) -> Later:
        """Presses a button under a bot's message; the answer comes when the bot gives it."""
        bot = self.accounts[copy.post.sender]
        twin = copy.twin(bot.id)
        if not bot.is_bot or twin is None:
            raise RpcError(400, "MESSAGE_ID_INVALID")
        query_id = self.random.getrandbits(62)
        later = Later(self.now() + BOT_ANSWER_SECONDS)
        self._queries[query_id] = _Query(bot.id, later)
        later.then(lambda _: self._queries.pop(query_id, None))
        chat_instance = self.accounts.access_hash(
            min(user.id, bot.id), max(user.id, bot.id), kind=b"instance"
        )
        peer = peer_of(twin.peer)
        self._pass(
            bot.id, types.UpdateBotCallbackQuery(query_id, user.id, peer, twin.id, chat_instance, data=data)
        )
        return later

    def answer_press(self, bot: Account, query_id: int, answer: Any) -> None:
        """Answers a pressed button; a query that is unknown, over or another bot's is QUERY_ID_INVALID."""
        query = self._queries.get(query_id)
        if query is None or query.bot != bot.id:
            raise RpcError(400, "QUERY_ID_INVALID")
        query.later.answer(answer)

    def push_update(self, account_id: int, update: Any) -> None:
        """Sends an account any update at all; one that has a pts or a qts takes the next of its log."""
        account = self.accounts[account_id]
        if hasattr(update, "pts"):
            account.log.add(update, update.pts_count or 1)
            self._changed(account_id)
        elif hasattr(update, "qts"):
            self.log_bot(account, update)
        else:
            self._pass(account_id, update)

    def log_bot(self, bot: Account, update: Any) -> None:
        """Logs an update that takes a qts, for a bot."""
        bot.log.add_bot(update)
        self._changed(bot.id)

    def _pass(self, account_id: int, update: Any) -> None:
        for callback in self._passing:
            callback(account_id, Entry(update))

    def _changed(self, account_id: int) -> None:
        for callback in self._subscribers:
            callback(account_id)

    # -- chats

    def new_group(self, title: str, creator: int, *members: int) -> Chat:
        """Adds a basic group and tells its members."""
        self._last_chat += 1
        chat = Chat(self._last_chat, title, creator, self.date())
        chat.members = dict.fromkeys((creator, *members), self.date())
        self.chats[chat.marked] = chat
        self.send_as(creator, chat.marked, action=types.MessageActionChatCreate(title, list(chat.members)))
        return chat

    def new_channel(
        self, title: str, username: str | None = None, *, megagroup: bool = False, creator: int = 0
    ) -> Chat:
        """Adds a channel or a supergroup; without a creator it belongs to nobody."""
        self._last_channel += 1
        names = [username] if username else []
        chat = Chat(
            self._last_channel,
            title,
            creator,
            self.date(),
            channel=True,
            megagroup=megagroup,
            usernames=names,
        )
        if creator:
            chat.members[creator] = self.date()
        if username:
            self.accounts.take(username, chat.marked)
        self.chats[chat.marked] = chat
        return chat

    def join(self, chat: Chat, account: Account, *, by: Account) -> None:
        """Adds an account to a chat, with the service message if it is a group."""
        if account.id in chat.members:
            return
        chat.members[account.id] = self.date()
        chat.version += 1
        if not chat.channel:
            self.send_as(by.id, chat.marked, action=types.MessageActionChatAddUser([account.id]))

    def _reply(self, sender: Account, reply_to: int | None, owner: int) -> int | None:
        """Translates a message id of the sender's into another account's id of the same post."""
        copy = sender.box.get(reply_to) if reply_to else None
        twin = copy.twin(owner) if copy is not None else None
        return twin.id if twin is not None else None

    def _hears(self, member: Account, sender: Account, post: Post, reply_to: int | None) -> bool:
        """Says whether a group message reaches this member; bots in privacy mode hear what is meant for them."""
        profile = member.profile
        if profile is None or profile.sees_all or post.action is not None:
            return True
        if sender.is_bot:
            return False
        if post.text.startswith("/"):
            addressee = post.text.split(maxsplit=1)[0].partition("@")[2].lower()
            return not addressee or addressee in (name.lower() for name in member.usernames)
        answered = sender.box.get(reply_to) if reply_to else None
        return answered is not None and answered.post.sender == member.id
