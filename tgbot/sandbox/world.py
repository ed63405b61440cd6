"""The state of the pretended Telegram, in memory: accounts, dialogs, chats, update logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from telethon.tl import TLObject, types

from .accounts import Account, Accounts, Bot
from .agenda import Agenda
from .botprofiles import BotProfiles
from .chats import Chat
from .dialogs import Copy, Post
from .drafts import Drafts
from .feeds import Changed, Feeds, Passing, UpdatesTo
from .files import Files
from .groups import Groups
from .limits import Limits
from .logs import Entry
from .payments import Payments
from .pictures import Picture
from .polls import Polls
from .posts import Posts
from .presses import Presses
from .profiles import Profiles
from .queries import Queries
from .reacting import Reacting
from .rpc import RpcError
from .schedule import Schedule
from .sends import Sends
from .short import ShortUpdates
from .topics import Topics
from .view import View

FOREVER: Final = float("inf")


class Delivered(NamedTuple):
    """What became of one message of a bot."""

    user: int
    random_id: int
    #: The text as it is now.
    text: str
    #: Whether the user has it: not if they had blocked the sender, or if it was deleted for both.
    there: bool
    edited: bool
    #: Whether the sender has it no more.
    deleted: bool


class Resident(Protocol):
    """An account that the sandbox itself plays."""

    def listen(self) -> None:
        """Subscribe to what happens to the account."""


class World:
    """The whole state of the server. It can be pickled, and the copy continues where this one stopped.

    A method that changes something updates the logs of the accounts concerned and notifies the subscribers
    before it returns. `now` returns the true time. With a `seed`, ids, hashes and tokens are the same in
    every run.
    """

    def __init__(
        self, *, seed: int | None = None, now: Callable[[], float] = time.time, dc_id: int = 2
    ) -> None:
        self._true_time = now
        #: Seconds by which the server's clock is ahead of the true time; negative: behind.
        self.clock_error = 0.0
        self.random = Random(seed)
        self.dc_id = dc_id
        #: The address in the configuration for clients; the server sets it when it listens.
        self.address: tuple[str, int] = ("127.0.0.1", 443)
        #: The addresses of further data centres.
        self.dcs: dict[int, tuple[str, int]] = {}
        #: Exported authorizations that are not imported yet: (account, bytes) → data centre.
        self.exported: dict[tuple[int, bytes], int] = {}
        self.accounts = Accounts(self.random, dc_id)
        self.chats: dict[int, Chat] = {}
        self.view = View(self.accounts, self.chats, self.date)
        self.feeds = Feeds()
        self.agenda = Agenda(self.now)
        self.sends = Sends()
        self.posts = Posts(self.accounts, self.chats, self.feeds, self.sends, self.date)
        self.polls = Polls(self.accounts, self.chats, self.feeds, self.date, self.agenda)
        self.reacting = Reacting(self.accounts, self.chats, self.feeds, self.date)
        self.schedule = Schedule(
            self.accounts, self.feeds, self.posts, self.polls, self.agenda, self.date, self.check_write
        )
        self.payments = Payments(self.accounts, self.feeds, self.posts, self.random, self.now)
        self.drafts = Drafts(self.feeds, self.date)
        self.presses = Presses(self.accounts, self.feeds, self.random)
        self.queries = Queries(self.accounts, self.feeds, self.random, self.now, dc_id)
        self.groups = Groups(self.accounts, self.chats, self.feeds, self.posts, self.date, self.random)
        self.profiles = Profiles(self.accounts, self.feeds, self.date)
        self.bots = BotProfiles(self.accounts, self.chats, self.feeds)
        self.topics = Topics()
        self.files = Files()
        self.limits = Limits(self.now)
        #: Accounts that the sandbox plays, by id.
        self.residents: dict[int, Resident] = {}
        #: Whether a difference holds an updateMessageID for each message that the account sent.
        self.message_ids_in_difference = True
        #: The most updates in one difference; the rest is in further slices.
        self.difference_limit: int | None = None
        self.difference_too_long = False
        #: Whose pushed updates come in Telegram's short forms, where these say enough.
        self.short_updates = ShortUpdates.OFF
        #: To which of a bot's sessions an update is pushed.
        self.updates_to = UpdatesTo.ALL
        #: Returns the (pts, qts) up to which differences of a log reach, by marked id; None: all of it.
        self.horizon: Callable[[int], tuple[int, int] | None] | None = None
        #: Names of called methods that the sandbox does not have.
        self.unknown_methods: set[str] = set()

    def __getstate__(self) -> dict[str, object]:
        # A clock belongs to the process: a restored world uses time.time.
        return self.__dict__ | {"_true_time": time.time, "clock_error": 0.0, "horizon": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.updates_to = UpdatesTo.ALL  # the file of an earlier version has none
        self.__dict__.update(state)
        for resident in self.residents.values():
            resident.listen()

    # -- for the server

    def subscribe(self, callback: Changed, passing: Passing | None = None) -> Callable[[], None]:
        """Call `callback` with the account id after each change of a log; return the function that ends it.

        `passing` gets (account id, entry) for updates that are in no log: typing, pressed buttons, new names.
        They are for the connected sessions, after everything that is in the log now.
        """
        return self.feeds.subscribe(callback, passing)

    def state(self, account_id: int) -> tuple[int, int, int, int]:
        """Return (pts, qts, date, seq) of an account."""
        log = self.accounts[account_id].log
        return log.pts, log.qts, self.date(), 1

    def entries(self, account_id: int, pts: int, qts: int, limit: int | None = None) -> list[Entry]:
        """Return the entries above a state in an account's log, oldest first, at most `limit` of them."""
        return self.accounts[account_id].log.above(pts, qts, limit)

    def render(self, account_id: int, entries: Iterable[Entry]) -> types.Updates:
        """Build one Updates object from entries, with their users and chats as this account sees them."""
        viewer = self.accounts[account_id]
        updates: list[TLObject] = []
        marked: dict[int, None] = {}
        for entry in entries:
            updates.append(entry.update)
            marked.update(dict.fromkeys(entry.named()))
        users, chats = self.view.beside(viewer, marked)
        return types.Updates(updates, users, chats, self.date(), 0)

    def alive(self, account_id: int, generation: int) -> Account:
        """Return the account of a valid login; raise 401 with the reason if it is not valid."""
        account = self.accounts[account_id]
        account.check()
        if account.generation != generation:
            raise RpcError(401, "SESSION_REVOKED")
        return account

    def now(self) -> float:
        """Return the time of the server's clock, on which dates, salts and msg_ids are based."""
        return self._true_time() + self.clock_error

    def date(self) -> int:
        """Return the time of the server's clock in whole seconds."""
        return int(self.now())

    # -- accounts

    def new_bot(self, username: str | None = None, name: str | None = None) -> Bot:
        """Add a bot, as BotFather does."""
        return self.accounts.new_bot(username, name)

    def new_phone(self) -> str:
        """Return a phone number without an account."""
        return self.accounts.new_phone()

    def new_user(self, first_name: str, last_name: str = "", *, username: str | None = None) -> Account:
        """Add a user who has a phone number and can log in with it."""
        user = self.accounts.new_user(first_name, last_name, phone=self.new_phone())
        if username is not None:
            self.accounts.rename(user, [username])
        return user

    def delete_account(self, account_id: int, *, banned: bool = False) -> None:
        """Delete an account: remove its usernames and phone number, and end its logins."""
        account = self.accounts[account_id]
        account.deleted, account.banned = True, banned
        account.generation += 1
        self.accounts.drop(account)

    def number(self, dc_id: int) -> int:
        """Return the number of a data centre, where 0 stands for the first one."""
        return dc_id or self.dc_id

    def move(self, account_id: int, dc_id: int) -> None:
        """Make a data centre the home of an account; raise ValueError if there is no such data centre."""
        if dc_id != self.dc_id and dc_id not in self.dcs:
            raise ValueError(f"there is no data centre {dc_id}")
        self.accounts[account_id].home = 0 if dc_id == self.dc_id else dc_id

    def end_sessions(self, account_id: int) -> None:
        """End all logins of an account (SESSION_REVOKED)."""
        self.accounts[account_id].generation += 1

    def revoke_token(self, bot_id: int) -> str:
        """Give a bot a new token, as BotFather's /revoke does, and end its logins."""
        return self.accounts.new_token(self.accounts[bot_id])

    def set_usernames(self, account_id: int, *usernames: str) -> None:
        """Replace the usernames of an account and notify the others in its dialogs."""
        account = self.accounts[account_id]
        self.accounts.rename(account, list(usernames))
        self.profiles.tell_name(account)

    def set_name(self, account_id: int, first_name: str, last_name: str = "") -> None:
        """Rename an account and notify the others in its dialogs."""
        account = self.accounts[account_id]
        account.first_name, account.last_name = first_name, last_name
        self.profiles.tell_name(account)

    def new_photo(self, picture: Picture, owner: Account) -> types.Photo:
        """Store a photo in the data centre of its owner, and return it."""
        numbers = (self.random.getrandbits(62) or 1 for _ in range(2))
        home = self.number(owner.home)
        photo = types.Photo(*numbers, self.files.reference, self.date(), picture.shown(), home)
        self.files.store(photo, picture=picture)
        return photo

    # -- who may write to whom

    def may_write(self, sender: Account, to: Account, *, typing: bool = False) -> None:
        """Raise the RPC error with which Telegram refuses a message, or a chat action if `typing`."""
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

    def check_write(self, sender: Account, peer: int) -> None:
        """Raise the RPC error with which Telegram refuses a message to a marked id."""
        if peer > 0:
            self.may_write(sender, self.accounts[peer])
        elif not self.chats[peer].may_post(sender.id):
            raise RpcError(403, "CHAT_WRITE_FORBIDDEN")

    def allow(
        self, bot_id: int, user_id: int, *, domain: str | None = None, **reason: bool | TLObject
    ) -> Copy:
        """Give a bot write access to a user, with the service message and its reason.

        The reason is `domain`, `from_request`, `app` or `attach_menu` of messageActionBotAllowed.
        """
        self.accounts[bot_id].allowed[user_id] = FOREVER
        action = types.MessageActionBotAllowed(domain=domain, **reason)
        return self.send_as(user_id, bot_id, action=action, opens=False)

    def block(self, user_id: int, peer_id: int, *, blocked: bool = True) -> bool:
        """Block or unblock a peer, with an updateBotStopped for a bot; return whether anything changed."""
        user, peer = self.accounts[user_id], self.accounts[peer_id]
        if (peer_id in user.blocked) == blocked:
            return False
        if blocked:
            user.blocked |= {peer_id}
        else:
            user.blocked -= {peer_id}
        self.feeds.hand(user_id, types.UpdatePeerBlocked(types.PeerUser(peer_id), blocked=blocked or None))
        if peer.is_bot and (user_id in peer.started or user_id in peer.allowed):
            self.feeds.log_bot(peer, types.UpdateBotStopped(user_id, self.date(), blocked, 0))
        return True

    # -- messages and other updates

    def crowd(self, bot_id: int, count: int, text: str | None = "/start") -> list[Account]:
        """Add people without phone numbers who have started a bot, and return them.

        They write this text to it now; None: they did so long ago, and nothing of that is left.
        """
        bot = self.accounts[bot_id]
        people = [self.accounts.new_user(f"Person {number + 1}") for number in range(count)]
        bot.started.update(person.id for person in people)
        if text is not None:
            for person in people:
                self.send_as(person.id, bot_id, text)
        return people

    def delivered(self, account_id: int) -> Iterator[Delivered]:
        """Yield each message that an account has sent into private chats with a random_id, in their order."""
        for key, copy in self.sends.of(account_id):
            if key.peer > 0:
                there = any(each.owner == key.peer for each in copy.post.copies)
                edited = copy.post.edit_date is not None
                yield Delivered(key.peer, key.random_id, copy.post.text, there, edited, copy.deleted)

    def send_as(
        self,
        sender_id: int,
        peer: int,
        text: str = "",
        *,
        action: TLObject | None = None,
        opens: bool = True,
        **fields: Any,
    ) -> Copy:
        """Post any message to a marked id, without checks; return the sender's copy.

        `fields` are fields of the TL message: `media`, `entities`, `reply_markup`, `fwd_from`, `from_id`,
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

    def push_update(self, account_id: int, update: TLObject) -> None:
        """Send an account any update; set its pts or qts, if it has one, to the next of the account's log."""
        account = self.accounts[account_id]
        if hasattr(update, "pts"):
            self.feeds.log(account, update, update.pts_count or 1)
        elif hasattr(update, "qts"):
            self.feeds.log_bot(account, update)
        else:
            self.feeds.hand(account_id, update)

    def typing(self, sender: Account, peer: int, action: TLObject, topic: int | None = None) -> None:
        """Send a chat action, which may be in a topic, to the others in a dialog who are connected."""
        if peer > 0:
            to = self.accounts[peer]
            # A bot hears of no typing, only of a person who stops the draft that it streams.
            heard = not to.is_bot or isinstance(action, types.SendMessageStopDraftAction)
            if heard and to is not sender and sender.id not in to.blocked:
                self.feeds.hand(peer, types.UpdateUserTyping(sender.id, action, topic))
            return
        for member in self.chats[peer].members:
            if member == sender.id or self.accounts[member].is_bot:
                continue
            who, chat = types.PeerUser(sender.id), self.chats[peer]
            if chat.channel:
                update = types.UpdateChannelUserTyping(chat.id, who, action, topic)
            else:
                update = types.UpdateChatUserTyping(chat.id, who, action)
            self.feeds.hand(member, update)

    def forget_random_ids(self, account_id: int | None = None) -> None:
        """Forget the used random_ids of one account, or of all: a repeated send is sent again."""
        self.sends.forget(account_id)

    # -- chats

    def new_group(self, title: str, creator: int, *members: int) -> Chat:
        """Add a basic group and notify its members."""
        return self.groups.new_group(title, creator, *members)

    def new_channel(
        self, title: str, username: str | None = None, *, megagroup: bool = False, creator: int = 0
    ) -> Chat:
        """Add a channel or a supergroup; without a creator it has no member."""
        return self.groups.new_channel(title, username, megagroup=megagroup, creator=creator)
