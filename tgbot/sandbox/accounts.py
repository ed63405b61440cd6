"""Who has an account in the pretended Telegram, how they log in, and how others refer to them."""

from __future__ import annotations

import hashlib
import re
import string
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from .dialogs import Box
from .logs import Log
from .rpc import RpcError

TOKEN: Final = re.compile(r"([1-9][0-9]{0,18}):([A-Za-z0-9_-]{35})")
PHONE: Final = re.compile(r"99966([1-3])[0-9]{4}")
_USERNAME: Final = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_TOKEN_LETTERS: Final = string.ascii_letters + string.digits + "_-"
#: Ids above 2^32, so that a client that keeps them in 32 bits is caught.
_FIRST_USER: Final = 5_000_000_000
_FIRST_BOT: Final = 7_000_000_000


def is_username(text: str, *, shortest: int = 5) -> bool:
    """Return whether a username may look like this; short ones exist, but nobody can choose one."""
    return shortest <= len(text) <= 32 and _USERNAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Bot:
    """What BotFather would say of a new bot. The token is not in its repr."""

    token: str = field(repr=False)
    id: int
    username: str


@dataclass(slots=True)
class BotProfile:
    """What a bot says of itself: command lists by (scope, language), texts by language."""

    commands: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    abouts: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    menus: dict[int, Any] = field(default_factory=dict)
    version: int = 1
    #: False: in groups it sees only what is addressed to it.
    sees_all: bool = False
    #: False: it cannot be added to groups.
    joins_groups: bool = True
    #: True: other bots may write to it, and it to them if they allow it, too.
    talks_to_bots: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """A user or a bot, with its messages and its update log."""

    id: int
    first_name: str = field(repr=False)
    last_name: str = field(default="", repr=False)
    #: The first one is the editable one.
    usernames: list[str] = field(default_factory=list)
    phone: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: BotProfile | None = field(default=None, repr=False)
    about: str = field(default="", repr=False)
    language: str | None = None
    premium: bool = False
    deleted: bool = False
    banned: bool = False
    #: Forwards of this user's messages name them without a link.
    hides_forwards: bool = False
    #: Only premium users and contacts may write first.
    only_premium: bool = False
    #: Strangers pay this many stars a message.
    paid_stars: int = 0
    generation: int = 0
    blocked: set[int] = field(default_factory=set, repr=False)
    contacts: set[int] = field(default_factory=set, repr=False)
    #: Of a bot: users who opened the dialog, and others it may write to until a time.
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
        """First and last name as one."""
        return f"{self.first_name} {self.last_name}".strip()

    def check(self) -> None:
        """Raises the 401 of an account that is gone."""
        if self.banned:
            raise RpcError(401, "USER_DEACTIVATED_BAN")
        if self.deleted:
            raise RpcError(401, "USER_DEACTIVATED")


class Accounts:
    """All accounts by id, username, token and phone; access hashes are one per viewing account."""

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

    def __len__(self) -> int:
        return len(self._by_id)

    # -- access hashes

    def access_hash(self, viewer: int, target: int, *, kind: bytes = b"user") -> int:
        """Returns the hash under which `viewer` knows `target`; never 0, different for every pair."""
        message = b"%b %d %d" % (kind, viewer, target)
        digest = hashlib.blake2b(message, digest_size=8, key=self._secret).digest()
        return int.from_bytes(digest, "little", signed=True) or 1

    # -- users

    def new_phone(self) -> str:
        """Returns a test number of this DC that nobody has."""
        while True:
            phone = f"99966{self._dc_id}{self._phones:04}"
            self._phones += 1
            if phone not in self._by_phone:
                return phone

    @property
    def code(self) -> str:
        """The login code of every test number."""
        return str(self._dc_id) * 5

    def phone(self, number: str) -> str:
        """Returns the digits of a test number of this DC; raises PHONE_NUMBER_INVALID for any other."""
        digits = re.sub(r"[\s+()-]", "", number)
        match = PHONE.fullmatch(digits)
        if not match or int(match[1]) != self._dc_id:
            raise RpcError(400, "PHONE_NUMBER_INVALID")
        return digits

    def by_phone(self, phone: str) -> Account | None:
        return self._by_phone.get(phone)

    def new_user(self, first_name: str, last_name: str = "", *, phone: str | None = None) -> Account:
        """Adds a user."""
        self._last_user += self._random.randrange(1, 1000)
        while self._last_user in self._by_id:
            self._last_user += 1
        user = Account(self._last_user, first_name, last_name, phone=phone)
        self._by_id[user.id] = user
        if phone is not None:
            self._by_phone[phone] = user
        return user

    def drop(self, account: Account) -> None:
        """Frees the names, phone and token of an account that is gone; its id stays."""
        self.rename(account, [])
        if account.phone is not None:
            self._by_phone.pop(account.phone, None)
            account.phone = None

    # -- bots

    def new_bot(self, username: str | None = None, name: str | None = None) -> Bot:
        """Adds a bot with a fresh id and token."""
        self._last_bot += self._random.randrange(1, 1000)
        while self._last_bot in self._by_id:
            self._last_bot += 1
        token = self._new_token(self._last_bot)
        account = self._add_bot(self._last_bot, token, username, name)
        return Bot(token, account.id, account.usernames[0])

    def by_token(self, token: str) -> Account:
        """Returns the bot of a token; a well-formed token that nobody has seen makes a new bot."""
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
        """Revokes the bot's token, ends its logins and returns the next token."""
        if account.token is not None:
            self._revoked.add(account.token)
        account.token = self._new_token(account.id)
        account.generation += 1
        return account.token

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
        """Returns the user id, or the marked id of the channel, that has this username."""
        if not is_username(username, shortest=1):
            raise RpcError(400, "USERNAME_INVALID")
        found = self._by_username.get(username.lower())
        if found is None:
            raise RpcError(400, "USERNAME_NOT_OCCUPIED")
        return found

    def holder(self, username: str) -> int | None:
        return self._by_username.get(username.lower())

    def take(self, username: str, marked: int) -> None:
        """Gives a username that is free to a user or to the marked id of a channel."""
        if self._by_username.get(username.lower(), marked) != marked:
            raise ValueError(f"the username {username} is taken")
        self._by_username[username.lower()] = marked

    def free(self, username: str) -> None:
        """Takes a username away from whoever has it."""
        self._by_username.pop(username.lower(), None)

    def rename(self, account: Account, usernames: list[str]) -> None:
        """Replaces all usernames of an account; each must be free or its own."""
        for username in usernames:
            if self._by_username.get(username.lower(), account.id) != account.id:
                raise ValueError(f"the username {username} is taken")
        for username in account.usernames:
            self._by_username.pop(username.lower(), None)
        account.usernames = list(usernames)
        for username in usernames:
            self._by_username[username.lower()] = account.id
