"""Users as the bot knows them, what every registry of users promises, and a registry in memory."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from tgbot.access import LASTING, Access, Evidence, Kind, Record, Verdict, finally_judged, judge

#: How many changes of a profile are kept for each user.
HISTORY_LENGTH: Final = 20
#: The preference that holds the language a user chose.
LANGUAGE: Final = "language"

#: How evidence alone makes a user known, where no profile came with it.
_KNOWN_BY: Final = {
    Kind.MESSAGE: "message",
    Kind.START: "message",
    Kind.WRITE_ACCESS: "login",
    Kind.LOGIN: "login",
    Kind.JOIN_REQUEST: "join_request",
}


class Profile(NamedTuple):
    """A full (never min) Telegram user as last seen; `language` is None where the update named none."""

    # A NamedTuple, not a frozen dataclass: compared on every update, in C.

    id: int
    first_name: str = ""
    last_name: str = ""
    usernames: tuple[str, ...] = ()
    language: str | None = None
    premium: bool = False
    bot: bool = False
    deleted: bool = False


class Change(NamedTuple):
    """At `at` the field took a new value; this was the old one."""

    at: int
    field: str
    old: str


@dataclass(slots=True)
class User:
    """All the bot knows of one user; only a registry changes it, and everyone else reads.

    It is the live object: after an await it may say more than before. `repr` shows the id and nothing else.
    """

    id: int
    profile: Profile = field(repr=False)
    #: The last language an update named, and when.
    language: str | None = field(default=None, repr=False)
    language_at: int = field(default=0, repr=False)
    first_seen: int = field(default=0, repr=False)
    #: When a profile came last; `profile` is of that time.
    last_seen: int = field(default=0, repr=False)
    #: How the user became known (message, username, join_request, login, difference, group …) → first when.
    known_by: dict[str, int] = field(default_factory=dict, repr=False)
    record: Record = field(default_factory=Record, repr=False)
    first_payload: str = field(default="", repr=False)
    first_payload_id: int = field(default=0, repr=False)
    last_payload: str = field(default="", repr=False)
    last_payload_id: int = field(default=0, repr=False)
    first_start_id: int = field(default=0, repr=False)
    first_message_id: int = field(default=0, repr=False)
    last_finished_id: int = field(default=0, repr=False)
    #: The greatest id of a message of the bot's own in the dialog, known when one was last finished.
    last_own_id: int = field(default=0, repr=False)
    history: list[Change] = field(default_factory=list, repr=False)
    preferences: dict[str, str] = field(default_factory=dict, repr=False)
    #: The registry's own notes: under which access the user is counted, in memory and on disk.
    counted: Access | None = field(default=None, repr=False, compare=False)
    saved: Access | None = field(default=None, repr=False, compare=False)

    @property
    def first_name(self) -> str:
        return self.profile.first_name

    @property
    def last_name(self) -> str:
        return self.profile.last_name

    @property
    def usernames(self) -> tuple[str, ...]:
        return self.profile.usernames

    @property
    def premium(self) -> bool:
        return self.profile.premium

    @property
    def bot(self) -> bool:
        return self.profile.bot

    @property
    def deleted(self) -> bool:
        return self.profile.deleted

    @property
    def chosen_language(self) -> str | None:
        """The language the user asked for, if they did; it goes before `language`."""
        return self.preferences.get(LANGUAGE)

    @property
    def met(self) -> bool:
        """False for somebody of whom no more is kept than which of their messages was finished last."""
        return bool(self.known_by or self.record.spans)

    def verdict(self, now: float) -> Verdict:
        """May the bot write to this user at `now` (Telegram's clock)?"""
        return judge(self.record, now)

    def is_first_message(self, message_id: int) -> bool:
        """Is this the message that began the dialog? The same answer when it is handled once more."""
        return not self.first_message_id or message_id <= self.first_message_id

    def is_first_start(self, message_id: int) -> bool:
        """Is this the user's first /start? The same answer before and after `payload`, and on a replay."""
        return not self.first_start_id or message_id <= self.first_start_id

    def see(self, profile: Profile, at: int, via: str) -> None:
        """Take a profile in; an older one than the last does not undo it, a language once known stays."""
        if profile.language == "":
            profile = profile._replace(language=None)
        self.known_by[via] = min(self.known_by.get(via, at), at)
        self.first_seen = min(self.first_seen or at, at)
        if profile.deleted:
            self.record.add(Evidence(Kind.DELETED, at))
        if profile.bot:
            self.record.add(Evidence(Kind.IS_BOT, at))
        if profile.language and at >= self.language_at:
            if self.language and self.language != profile.language:
                self._changed(at, "language", self.language)
            self.language, self.language_at = profile.language, at
        if at < self.last_seen:
            return
        if self.last_seen and profile != self.profile:
            for name in ("first_name", "last_name"):
                if getattr(profile, name) != getattr(self.profile, name):
                    self._changed(at, name, getattr(self.profile, name))
            if profile.usernames != self.profile.usernames:
                self._changed(at, "usernames", " ".join(self.profile.usernames))
        self.profile, self.last_seen = profile, at

    def started(self, payload: str, message_id: int) -> None:
        """Take a /start in, in any order and any number of times: message ids tell the first and the last."""
        self.first_start_id = min(self.first_start_id or message_id, message_id)
        if payload:
            if not self.first_payload_id or message_id < self.first_payload_id:
                self.first_payload, self.first_payload_id = payload, message_id
            if message_id > self.last_payload_id:
                self.last_payload, self.last_payload_id = payload, message_id

    def _changed(self, at: int, name: str, old: str) -> None:
        self.history.append(Change(at, name, old))
        del self.history[:-HISTORY_LENGTH]


class Counts(NamedTuple):
    """How many users are known, and how many of each access."""

    total: int
    by: Mapping[Access, int]


class UserReader(Protocol):
    """What can be asked of a registry, also while a bot is running on it."""

    def get(self, user_id: int) -> User | None:
        """The user, from memory or by one read by primary key; None if never met."""

    def count(self) -> Counts:
        """All users the bot met, by access at this moment; does not look at each."""

    def iterate(self, after_id: int = 0, access: Access | None = None) -> Iterator[User]:
        """Each user with a greater id, in order of ids, only those of that access if one is given.

        Streams: memory stays bounded, and the registry may be used and changed meanwhile; a user met after
        the first step may be left out.
        """

    def close(self) -> None:
        """Let go of everything; what was not flushed is dropped."""


class UserRegistry(UserReader, Protocol):
    """Everyone the bot has met, by user id.

    Each change is in effect on return, and safe on disk once a `flush` that began after it has returned; all
    but `flush` return without waiting for the disk to write. Everything may be told in any order and any
    number of times. One process, one thread (the event loop's).
    """

    def seen(self, profile: Profile, at: int, via: str) -> User:
        """Take in a full profile that Telegram handed out at `at`; `via` says how the user became known.

        `at` is when it arrived, not the date of an old message it came with.
        """

    def record(self, user_id: int, evidence: Evidence) -> User:
        """Take in one piece of evidence about a user, known or not."""

    def payload(self, user_id: int, payload: str, at: int, message_id: int) -> User:
        """Take in a /start with its payload, "" for none."""

    def opened(self, user_id: int, message_id: int) -> None:
        """A message of the user's came in; the first of them began the dialog. Service messages do not."""

    def finished(self, user_id: int, message_id: int, own_id: int = 0) -> None:
        """This message of the dialog was handled to its end. The id may be a marked chat id, too.

        `own_id` is the greatest id of a message of the bot's own in the dialog that is known by then.
        """

    def last_finished(self, user_id: int) -> int:
        """The greatest id ever given to `finished`, 0 for none."""

    def last_own(self, user_id: int) -> int:
        """The greatest `own_id` ever given to `finished`, 0 for none."""

    def prefer(self, user_id: int, name: str, value: str | None) -> User:
        """Set one of a user's preferences; None takes it away."""

    def choose_language(self, user_id: int, code: str | None) -> User:
        """The user asked for this language; None goes back to the one their app names."""

    def forget(self, user_id: int) -> None:
        """Delete all about a user but a block that stands, and which message was finished last."""

    async def flush(self) -> None:
        """Everything told before this call is on disk when it returns.

        What is told meanwhile may be, and stays to be flushed. StorageFullError or another StorageError if it
        could not be written: then nothing is lost from memory, and flush may be tried again.
        """


class MemoryRegistry:
    """A registry that lives as long as the process; the rules of all others are here, too.

    A registry with a disk behind it overrides `_load`, `_stored` and what has to do with files.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._users: MutableMapping[int, User] = {}
        self._dirty: dict[int, User] = {}
        #: By access once every window has run out: changes only when evidence comes in.
        self._finals: dict[Access, int] = dict.fromkeys(Access, 0)
        #: Users whose permission runs out by itself: until when, the access till then and the one after.
        self._passing: dict[int, tuple[int, Access, Access]] = {}

    def get(self, user_id: int) -> User | None:
        user = self._users.get(user_id) or self._load(user_id)
        return user if user is not None and user.met else None

    def seen(self, profile: Profile, at: int, via: str) -> User:
        user = self._users.get(profile.id) or self._obtain(profile.id)
        # Nearly every call: somebody known, nothing new but the time.
        if (
            user.profile == profile
            and at >= user.last_seen
            and via in user.known_by
            and not (profile.bot or profile.deleted)
        ):
            user.last_seen = at
            if profile.language:
                user.language_at = at
            self._dirty[user.id] = user
            return user
        user.see(profile, at, via)
        self._judged(user)
        return user

    def record(self, user_id: int, evidence: Evidence) -> User:
        user = self._users.get(user_id) or self._obtain(user_id)
        if user.record.add(evidence):
            # More of what makes reachable leaves a reachable user as they are: no need to judge again.
            if user.counted is Access.REACHABLE and evidence.kind in LASTING:
                self._dirty[user_id] = user
            else:
                via = _KNOWN_BY.get(evidence.kind)
                if via is not None and not user.known_by:
                    user.known_by[via] = evidence.at
                self._judged(user)
        return user

    def payload(self, user_id: int, payload: str, at: int, message_id: int) -> User:
        user = self.record(user_id, Evidence(Kind.START, at))
        user.started(payload, message_id)
        self._dirty[user_id] = user
        return user

    def opened(self, user_id: int, message_id: int) -> None:
        user = self._users.get(user_id) or self._obtain(user_id)
        if not user.first_message_id or message_id < user.first_message_id:
            user.first_message_id = message_id
            self._dirty[user_id] = user

    def finished(self, user_id: int, message_id: int, own_id: int = 0) -> None:
        user = self._users.get(user_id) or self._obtain(user_id)
        if message_id > user.last_finished_id or own_id > user.last_own_id:
            user.last_finished_id = max(message_id, user.last_finished_id)
            user.last_own_id = max(own_id, user.last_own_id)
            self._dirty[user_id] = user

    def last_finished(self, user_id: int) -> int:
        return (self._users.get(user_id) or self._obtain(user_id)).last_finished_id

    def last_own(self, user_id: int) -> int:
        return (self._users.get(user_id) or self._obtain(user_id)).last_own_id

    def prefer(self, user_id: int, name: str, value: str | None) -> User:
        user = self._obtain(user_id)
        if value is None:
            user.preferences.pop(name, None)
        else:
            user.preferences[name] = value
        self._dirty[user_id] = user
        return user

    def choose_language(self, user_id: int, code: str | None) -> User:
        return self.prefer(user_id, LANGUAGE, code)

    def forget(self, user_id: int) -> None:
        old = self._obtain(user_id)
        finished, own = old.last_finished_id, old.last_own_id
        rest = User(user_id, Profile(user_id), last_finished_id=finished, last_own_id=own)
        if finally_judged(old.record).access is Access.BLOCKED:
            rest.record = old.record.refusals()
        rest.counted, rest.saved = old.counted, old.saved
        self._users[user_id] = rest
        self._judged(rest)

    def count(self) -> Counts:
        by = dict(self._finals)
        total = sum(by.values())
        now = self._clock()
        for user_id, (until, access, afterwards) in list(self._passing.items()):
            if until <= now:
                del self._passing[user_id]
            else:
                by[afterwards] -= 1
                by[access] += 1
        return Counts(total, by)

    def iterate(self, after_id: int = 0, access: Access | None = None) -> Iterator[User]:
        ids = sorted(self._users)
        for user_id in ids[bisect_right(ids, after_id) :]:
            user = self.get(user_id)
            if user is not None and (access is None or judge(user.record, self._clock()).access is access):
                yield user

    async def flush(self) -> None:
        self._dirty.clear()

    def close(self) -> None:
        self._dirty.clear()

    def _load(self, user_id: int) -> User | None:
        """The user from wherever users are when they are not in memory."""
        return None

    def _obtain(self, user_id: int) -> User:
        """The user, or a new one of whom nothing is known yet; in memory from here on."""
        user = self._users.get(user_id) or self._load(user_id)
        if user is None:
            user = self._users[user_id] = User(user_id, Profile(user_id))
        return user

    def _judged(self, user: User) -> None:
        """Count the user where they now belong, and see to it that the change is saved."""
        self._dirty[user.id] = user
        counted: Access | None = None
        passing = False
        if user.met:
            spans = user.record.spans
            if LASTING.issuperset(spans):  # nearly everyone: what `judge` says then is known without it
                counted = Access.REACHABLE if spans else Access.UNKNOWN
            else:
                verdict = judge(user.record, self._clock())
                counted, passing = verdict.access, verdict.until is not None
                if verdict.until is not None:
                    counted = finally_judged(user.record).access
                    self._passing[user.id] = (verdict.until, verdict.access, counted)
        if not passing and self._passing:
            self._passing.pop(user.id, None)
        if counted is not user.counted:
            if user.counted is not None:
                self._finals[user.counted] -= 1
            if counted is not None:
                self._finals[counted] += 1
            user.counted = counted
