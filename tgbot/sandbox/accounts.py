"""Accounts of users and bots: ids, usernames, phone numbers, tokens and access hashes."""

from __future__ import annotations

import hashlib
import re
import string
from dataclasses import dataclass, field
from random import Random
from typing import Final

from telethon.tl import TLObject, types

from .dialogs import Box
from .logs import Log
from .rpc import RpcError

TOKEN: Final = re.compile(r"([1-9][0-9]{0,18}):([A-Za-z0-9_-]{35})")
PHONE: Final = re.compile(r"99966([1-3])[0-9]{4}")
_USERNAME: Final = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_TOKEN_LETTERS: Final = string.ascii_letters + string.digits + "_-"
#: Ids are above 2^32, so that a client that stores them in 32 bits fails.
_FIRST_USER: Final = 5_000_000_000
_FIRST_BOT: Final = 7_000_000_000


def is_username(text: str, *, shortest: int = 5) -> bool:
    """Return whether a username may look like this; short ones exist, but nobody can choose one."""
    return shortest <= len(text) <= 32 and _USERNAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Bot:
    """A new bot as BotFather reports it. The token is not in its repr."""

    token: str = field(repr=False)
    id: int
    username: str


@dataclass(slots=True)
class BotProfile:
    """The profile and settings of a bot: command lists by (scope, language), texts by language."""

    commands: dict[tuple[str, str], list[types.BotCommand]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    abouts: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    menus: dict[int, TLObject] = field(default_factory=dict)
    version: int = 1
    #: Which rights apps propose for it in groups and in channels.
    group_rights: types.ChatAdminRights | None = None
    channel_rights: types.ChatAdminRights | None = None
    privacy_url: str = ""
    #: The only domain on which people may log in with it.
    domain: str = ""
    #: The user who made it at BotFather, 0 for nobody.
    owner: int = 0
    #: False: privacy mode, in groups the bot gets only what is addressed to it.
    sees_all: bool = False
    #: False: the bot cannot be added to groups.
    joins_groups: bool = True
    #: The text that apps show in the empty field of an inline query; None: the bot has no inline mode.
    inline: str | None = None
    #: Whether the bot is told which results are chosen, and where people are who ask it.
    inline_feedback: bool = False
    inline_geo: bool = False
    #: True: bot-to-bot mode. Two bots may write to each other if both have it.
    talks_to_bots: bool = False
    #: True: the private chats of the bot have topics.
    topics: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """A user or a bot, with its messages and its update log."""

    id: int
    first_name: str = field(repr=False)
    last_name: str = field(default="", repr=False)
    #: Only the first username can be edited.
    usernames: list[str] = field(default_factory=list)
    phone: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: BotProfile | None = field(default=None, repr=False)
    about: str = field(default="", repr=False)
    #: Profile photos, the one that is shown first.
    photos: tuple[types.Photo, ...] = field(default=(), repr=False)
    language: str | None = None
    premium: bool = False
    deleted: bool = False
    banned: bool = False
    #: Forwards of this user's messages name them without a link.
    hides_forwards: bool = False
    #: Only premium users and contacts may write first.
    only_premium: bool = False
    #: Stars that a stranger pays for each message.
    paid_stars: int = 0
    #: When this person was online last, and until when they are; 0: their app has never said so.
    seen_at: int = 0
    online_until: int = 0
    generation: int = 0
    #: The home data centre; 0: the first one of the sandbox.
    home: int = 0
    # Nearly all accounts share the empty set: there may be a million of them.
    blocked: frozenset[int] = field(default=frozenset(), repr=False)
    contacts: frozenset[int] = field(default=frozenset(), repr=False)
    #: Of a bot: users who started the dialog, and other users with the time until it may write to them.
    started: set[int] = field(default_factory=set, repr=False)
    allowed: dict[int, float] = field(default_factory=dict, repr=False)
    box: Box = field(default_factory=Box, repr=False)
    log: Log = field(default_factory=Log, repr=False)

    @property
    def is_bot(self) -> bool:
        return self.profile is not None

    @property
    def marked(self) -> int:
        """The marked id, which for an account is its id."""
        return self.id

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.first_name} {self.last_name}".strip()

    def check(self) -> None:
        """Raise 401 USER_DEACTIVATED or USER_DEACTIVATED_BAN if the account is deleted."""
        if self.banned:
            raise RpcError(401, "USER_DEACTIVATED_BAN")
        if self.deleted:
            raise RpcError(401, "USER_DEACTIVATED")


class Accounts:
    """All accounts by id, username, token and phone; access hashes differ for each viewing account."""

    def __init__(self, random: Random, dc_id: int) -> None:
        self._random = random
        self._secret = random.randbytes(32)
        self._dc_id = dc_id
        self._by_id: dict[int, Account] = {}
        self._by_phone: dict[str, Account] = {}
        #: Lower-cased username → user id, or marked id of a channel.
        self._by_username: dict[str, int] = {}
        self._revoked: set[str] = set()
        self._phones = 0
        self._last_user = _FIRST_USER
        self._last_bot = _FIRST_BOT

    def get(self, account_id: int) -> Account | None:
        return self._by_id.get(account_id)

    def __getitem__(self, account_id: int) -> Account:
        return self._by_id[account_id]

    def ids(self) -> list[int]:
        """Return the ids of all accounts."""
        return list(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def people(self) -> list[Account]:
        """Return the accounts with phone numbers."""
        return list(self._by_phone.values())

    def bots(self) -> list[Account]:
        """Return the bots."""
        return [account for account in self._by_id.values() if account.is_bot and not account.deleted]

    # -- access hashes

    def access_hash(self, viewer: int, target: int, *, kind: bytes = b"user") -> int:
        """Return the hash under which `viewer` knows `target`; never 0, different for every pair."""
        message = b"%b %d %d" % (kind, viewer, target)
        digest = hashlib.blake2b(message, digest_size=8, key=self._secret).digest()
        return int.from_bytes(digest, "little", signed=True) or 1

    # -- users

    def new_phone(self) -> str:
        """Return an unused test phone number of this DC."""
        while True:
            phone = f"99966{self._dc_id}{self._phones:04}"
            self._phones += 1
            if phone not in self._by_phone:
                return phone

    @property
    def code(self) -> str:
        """The login code of every test phone number."""
        return str(self._dc_id) * 5

    def phone(self, number: str) -> str:
        """Return the digits of a test phone number of this DC; raise PHONE_NUMBER_INVALID for any other."""
        digits = re.sub(r"[\s+()-]", "", number)
        match = PHONE.fullmatch(digits)
        if not match or int(match[1]) != self._dc_id:
            raise RpcError(400, "PHONE_NUMBER_INVALID")
        return digits

    def by_phone(self, phone: str) -> Account | None:
        return self._by_phone.get(phone)

    def new_user(self, first_name: str, last_name: str = "", *, phone: str | None = None) -> Account:
        """Add a user."""
        self._last_user += self._random.randrange(1, 1000)
        while self._last_user in self._by_id:
            self._last_user += 1
        user = Account(self._last_user, first_name, last_name, phone=phone)
        self._by_id[user.id] = user
        if phone is not None:
            self._by_phone[phone] = user
        return user

    def drop(self, account: Account) -> None:
        """Free the usernames and the phone number of a deleted account; its id is not used again."""
        self.rename(account, [])
        if account.phone is not None:
            self._by_phone.pop(account.phone, None)
            account.phone = None

    # -- bots

    def new_bot(self, username: str | None = None, name: str | None = None) -> Bot:
        """Add a bot with a fresh id and token."""
        self._last_bot += self._random.randrange(1, 1000)
        while self._last_bot in self._by_id:
            self._last_bot += 1
        token = self._new_token(self._last_bot)
        account = self._add_bot(self._last_bot, token, username, name)
        return Bot(token, account.id, account.usernames[0])

    def by_token(self, token: str) -> Account:
        """Return the bot of a token; add a new bot if the token is well-formed and its id is unknown."""
        match = TOKEN.fullmatch(token)
        if not match:
            raise RpcError(400, "ACCESS_TOKEN_INVALID")
        if token in self._revoked:
            raise RpcError(400, "ACCESS_TOKEN_EXPIRED")
        account = self._by_id.get(int(match[1]))
        if account is None:
            return self._add_bot(int(match[1]), token, None, None)
        if account.token != token:
            raise RpcError(400, "ACCESS_TOKEN_INVALID")
        return account

    def new_token(self, account: Account) -> str:
        """Revoke the bot's token, end its logins and return the new token."""
        if account.token is not None:
            self._revoked.add(account.token)
        account.token = self._new_token(account.id)
        account.generation += 1
        return account.token

    def add_bot(self, bot_id: int, username: str) -> Account:
        """Add a bot with a given id, named like its username."""
        return self._add_bot(bot_id, self._new_token(bot_id), username, username)

    def _new_token(self, bot_id: int) -> str:
        return f"{bot_id}:" + "".join(self._random.choices(_TOKEN_LETTERS, k=35))

    def _add_bot(self, bot_id: int, token: str, username: str | None, name: str | None) -> Account:
        if username is None:
            username = f"bot{bot_id}_bot"
            while username in self._by_username:
                username = f"{username}_bot"
        account = Account(bot_id, name or f"Bot {bot_id}", token=token, profile=BotProfile())
        if username.lower() in self._by_username:
            raise ValueError(f"the username {username} is taken")
        self._by_id[bot_id] = account
        self.rename(account, [username])
        return account

    # -- usernames

    def resolve(self, username: str) -> int:
        """Return the user id, or the marked id of the channel, with this username."""
        if not is_username(username, shortest=1):
            raise RpcError(400, "USERNAME_INVALID")
        found = self._by_username.get(username.lower())
        if found is None:
            raise RpcError(400, "USERNAME_NOT_OCCUPIED")
        return found

    def search(self, text: str) -> list[int]:
        """Return the ids of those with a username that begins with a text, the shortest username first."""
        found = [name for name in self._by_username if name.startswith(text)]
        return list(
            dict.fromkeys(self._by_username[name] for name in sorted(found, key=lambda it: (len(it), it)))
        )

    def holder(self, username: str) -> int | None:
        return self._by_username.get(username.lower())

    def take(self, username: str, marked: int) -> None:
        """Assign a free username to a user id or to the marked id of a channel."""
        if self._by_username.get(username.lower(), marked) != marked:
            raise ValueError(f"the username {username} is taken")
        self._by_username[username.lower()] = marked

    def free(self, username: str) -> None:
        """Release a username."""
        self._by_username.pop(username.lower(), None)

    def rename(self, account: Account, usernames: list[str]) -> None:
        """Replace all usernames of an account; each new one must be free or already its own."""
        for username in usernames:
            if self._by_username.get(username.lower(), account.id) != account.id:
                raise ValueError(f"the username {username} is taken")
        for username in account.usernames:
            self._by_username.pop(username.lower(), None)
        account.usernames = list(usernames)
        for username in usernames:
            self._by_username[username.lower()] = account.id
