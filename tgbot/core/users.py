"""Users as the bot knows them, and what every registry of users promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from tgbot.core.access import Access, Evidence, Kind, Record, Verdict, judge

#: How many changes of a profile are kept for each user.
HISTORY_LENGTH: Final = 20
#: The preference that holds the language a user chose.
LANGUAGE: Final = "language"


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
