"""Users as the bot knows them, and what every registry of users promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from tgbot.core.access import Access, Evidence, Kind, Record, Verdict
from tgbot.core.talks import KeptTalk
from tgbot.core.verdicts import history_cleared, judge

T = TypeVar("T")

#: An object of JSON.
JsonObject: TypeAlias = dict[str, Any]  # Any: JSON, of which no type says what is in it

#: How many changes of a profile are kept for each user.
HISTORY_LENGTH: Final = 20
#: How many open join requests are kept for each user, the latest ones.
JOIN_REQUESTS_KEPT: Final = 20
#: How many bytes what a plugin keeps of a user may take as JSON text.
DATA_BYTES: Final = 16 * 1024
#: The preference that holds the language a user chose.
LANGUAGE: Final = "language"


class Way(StrEnum):
    """How a user became known; a member's value is how it is stored, so it never changes."""

    #: The user wrote to the bot in private.
    MESSAGE = "message"
    #: The bot looked a username up.
    USERNAME = "username"
    #: An admin looked the id up.
    ID = "id"
    #: The user asked to join a chat that the bot manages.
    JOIN_REQUEST = "join_request"
    #: The user logged in on a site, or let the bot write there or in a mini app.
    LOGIN = "login"
    #: The profile came with updates that the bot had missed.
    DIFFERENCE = "difference"
    #: The user wrote in a group that the bot is in.
    GROUP = "group"
    #: The profile came with a live update.
    UPDATE = "update"
    #: The profile came in the answer to another request.
    ANSWER = "answer"
    #: The user came out of a file that was imported.
    IMPORT = "import"
    #: Another way, named by a plugin, a file or another version of this program.
    OTHER = "other"


#: How a user becomes known who is only named to the bot: by a group, a forward, an inline query, an answer.
_NAMED: Final = frozenset({Way.DIFFERENCE, Way.GROUP, Way.UPDATE, Way.ANSWER})
#: How a user comes to the bot: of their own accord, or by an act of an admin.
CAME: Final = frozenset(Way) - _NAMED
#: How evidence alone makes a user known, where no profile came with it.
KNOWN_BY: Final = {
    Kind.MESSAGE: Way.MESSAGE,
    Kind.START: Way.MESSAGE,
    Kind.WRITE_ACCESS: Way.LOGIN,
    Kind.LOGIN: Way.LOGIN,
    Kind.JOIN_REQUEST: Way.JOIN_REQUEST,
}


class Keep(StrEnum):
    """Whom the bot keeps; a member's value is how the configuration spells it."""

    #: Who came to it: by a dialog, a request to join, a login, or an admin's look-up or import.
    PRIVATE = "private"
    #: Everybody it has seen, in groups too.
    ALL = "all"


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


class UserFields(msgspec.Struct, gc=False):  # a Struct is made in C, and nothing in it refers back to it
    """All that is kept of one user, field by field; a registry holds and changes it, others see a `User`.

    Times are unix seconds of Telegram's clock; 0 and "" stand for what is not known.
    """

    id: int
    profile: Profile
    evidence: Record = msgspec.field(default_factory=Record)
    # The rest is in the order in which `store.user_json` has it.
    #: The last language an update named, and when.
    language: str | None = None
    language_at: int = 0
    first_seen: int = 0
    #: When a profile came last; `profile` is of that time.
    last_seen: int = 0
    #: How the user became known → when first.
    known_by: dict[Way, int] = {}
    first_payload: str = ""
    first_payload_id: int = 0
    last_payload: str = ""
    last_payload_id: int = 0
    first_start_id: int = 0
    first_message_id: int = 0
    last_finished_id: int = 0
    #: The id of the message about write access that the bot greeted.
    greeted_access_id: int = 0
    history: list[Change] = []
    preferences: dict[str, str] = {}
    #: Marked chat id → when the user asked to join; open requests only, the oldest first.
    join_requests: dict[int, int] = {}
    #: Plugin → what it keeps of the user, as JSON has it.
    data: dict[str, JsonObject] = {}
    #: Marked chat id → the talk that is open there.
    talks: dict[int, KeptTalk] = {}

    def __repr__(self) -> str:
        return f"UserFields(id={self.id})"


def _live(read: Callable[[User], T]) -> T:
    """Return an attribute that is read anew each time and cannot be assigned."""
    return property(read)  # type: ignore[return-value]  # what an instance shows


class User:
    """What the bot knows of one user, for reading: nothing in it can be assigned or changed.

    It is live: after an await it may say more than before. `repr` shows the id and nothing else.
    """

    __slots__ = ("_fields",)

    _fields: UserFields

    #: Telegram's id of the user, a number of up to 64 bits.
    id: Final[int] = _live(lambda user: user._fields.id)
    #: The profile as last seen.
    profile: Final[Profile] = _live(lambda user: user._fields.profile)
    #: The first name as last seen; "" for a deleted account.
    first_name: Final[str] = _live(lambda user: user._fields.profile.first_name)
    #: The last name as last seen, "" for none.
    last_name: Final[str] = _live(lambda user: user._fields.profile.last_name)
    #: The active usernames as last seen, without "@".
    usernames: Final[tuple[str, ...]] = _live(lambda user: user._fields.profile.usernames)
    #: Whether the profile last seen was a premium account's.
    premium: Final[bool] = _live(lambda user: user._fields.profile.premium)
    #: Whether the profile last seen was a bot's.
    bot: Final[bool] = _live(lambda user: user._fields.profile.bot)
    #: Whether the profile last seen was that of a deleted account.
    deleted: Final[bool] = _live(lambda user: user._fields.profile.deleted)
    #: The last language code that an update named for the user, None if none ever did.
    language: Final[str | None] = _live(lambda user: user._fields.language)
    #: When an update last named the language, in unix seconds; 0 if none ever did.
    language_at: Final[int] = _live(lambda user: user._fields.language_at)
    #: The language code that the user chose in the chat, None if they chose none.
    chosen_language: Final[str | None] = _live(lambda user: user._fields.preferences.get(LANGUAGE))
    #: The language to write to the user in: the chosen one, else the last known, else None.
    spoken: Final[str | None] = _live(
        lambda user: user._fields.preferences.get(LANGUAGE) or user._fields.language
    )
    #: When a profile of the user came first, in unix seconds; 0 if none ever did.
    first_seen: Final[int] = _live(lambda user: user._fields.first_seen)
    #: When a profile of the user came last, in unix seconds; 0 if none ever did.
    last_seen: Final[int] = _live(lambda user: user._fields.last_seen)
    #: How the user became known → when first, in unix seconds.
    known_by: Final[Mapping[Way, int]] = _live(lambda user: MappingProxyType(user._fields.known_by))
    #: The payload of the first /start that had one, "" for none.
    first_payload: Final[str] = _live(lambda user: user._fields.first_payload)
    #: The id of the message that brought `first_payload`, 0 for none.
    first_payload_id: Final[int] = _live(lambda user: user._fields.first_payload_id)
    #: The payload of the last /start that had one, "" for none.
    last_payload: Final[str] = _live(lambda user: user._fields.last_payload)
    #: The id of the message that brought `last_payload`, 0 for none.
    last_payload_id: Final[int] = _live(lambda user: user._fields.last_payload_id)
    #: The id of the user's first /start, 0 for none.
    first_start_id: Final[int] = _live(lambda user: user._fields.first_start_id)
    #: The id of the message that began the dialog, 0 if none came yet.
    first_message_id: Final[int] = _live(lambda user: user._fields.first_message_id)
    #: The greatest id of a message of the dialog that was handled to its end, 0 for none.
    last_finished_id: Final[int] = _live(lambda user: user._fields.last_finished_id)
    #: The id of the message about write access that the bot greeted, 0 for none.
    greeted_access_id: Final[int] = _live(lambda user: user._fields.greeted_access_id)
    #: The last changes of the profile, the oldest first, at most `HISTORY_LENGTH`.
    history: Final[tuple[Change, ...]] = _live(lambda user: tuple(user._fields.history))
    #: The preferences set with `UserRegistry.prefer`: name → value.
    preferences: Final[Mapping[str, str]] = _live(lambda user: MappingProxyType(user._fields.preferences))
    #: The open join requests: marked chat id → when the user asked (unix seconds).
    join_requests: Final[Mapping[int, int]] = _live(lambda user: MappingProxyType(user._fields.join_requests))
    #: Plugin → what it keeps of the user; see `UserRegistry.data`.
    data: Final[Mapping[str, JsonObject]] = _live(lambda user: MappingProxyType(user._fields.data))
    #: The open talks: marked chat id → what is kept of the talk there.
    talks: Final[Mapping[int, KeptTalk]] = _live(lambda user: MappingProxyType(user._fields.talks))
    #: False for somebody of whom only the last finished message, a preference, or what plugins keep is kept.
    met: Final[bool] = _live(lambda user: bool(user._fields.known_by or user._fields.evidence.spans))
    #: Whether the user came to the bot, or an admin asked for them; else they were only named to it.
    came: Final[bool] = _live(lambda user: not CAME.isdisjoint(user._fields.known_by))
    #: All evidence that is kept: of each kind the first and the last.
    evidence: Final[tuple[Evidence, ...]] = _live(lambda user: tuple(user._fields.evidence))
    #: The evidence of the latest block, None if the user never blocked the bot.
    last_block: Final[Evidence | None] = _live(lambda user: user._fields.evidence.last_block)
    #: The greatest qts of an update about the user (stop, join request), 0 for none.
    last_qts: Final[int] = _live(lambda user: user._fields.evidence.last_qts)
    #: When a user who has come back last blocked the bot (unix seconds), else None. Apps clear the chat at a
    #: block, so the user may not see what was written before.
    history_cleared: Final[int | None] = _live(lambda user: history_cleared(user._fields.evidence))

    def __init__(self, fields: UserFields) -> None:
        self._fields = fields

    def verdict(self, now: float) -> Verdict:
        """Return whether the bot may write to this user at `now` (unix seconds of Telegram's clock)."""
        return judge(self._fields.evidence, now)

    def last_evidence(self, *kinds: Kind) -> Evidence | None:
        """Return the latest evidence of these kinds, None if there is none."""
        return self._fields.evidence.last(*kinds)

    def is_known_by(self, way: Way) -> bool:
        """Return whether the user became known in this way, and a profile of theirs has come."""
        fields = self._fields
        return way in fields.known_by and fields.last_seen > 0

    def is_first_message(self, message_id: int) -> bool:
        """Return whether this message began the dialog; the same when it is handled again."""
        return not self._fields.first_message_id or message_id <= self._fields.first_message_id

    def is_first_start(self, message_id: int) -> bool:
        """Return whether this is the user's first /start; the same when it is handled again."""
        return not self._fields.first_start_id or message_id <= self._fields.first_start_id

    def __eq__(self, other: object) -> bool:
        return self._fields == other._fields if isinstance(other, User) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # live, and equal by content

    def __repr__(self) -> str:
        return f"User(id={self._fields.id})"


class Counts(NamedTuple):
    """How many users are known, and how many of each access."""

    total: int
    by: Mapping[Access, int]


class UserReader(Protocol):
    """What can be read from a registry, also while a bot is running on it."""

    def get(self, user_id: int) -> User | None:
        """Return the user, from memory or by one read by primary key; None if the bot never met them."""

    def count(self) -> Counts:
        """Count the users the bot met, by their access at this moment; O(1) in the number of users."""

    def iterate(self, after_id: int = 0, access: Access | None = None) -> Iterator[User]:
        """Yield each user with a greater id, in order of ids, only those of that access if one is given.

        Memory stays bounded, and the registry may be used and changed meanwhile; a user met after the first
        step may be left out.
        """

    def scan(self, after_id: int = 0, access: Access | None = None) -> Iterator[tuple[int, User | None]]:
        """Yield the same users with their ids, and None for each one in between who is not wanted.

        So a caller can let others have their turn, however rare the access is.
        """

    def close(self) -> None:
        """Close the files; changes that were not flushed are dropped."""


class UserRegistry(UserReader, Protocol):
    """Everyone the bot has met, by user id.

    Each change is in effect on return, and safe on disk once a checkpoint (or a `flush`) that began after it
    has returned; all methods but `flush` return without waiting for a write. Calls may come in any order and
    any number of times, with the same result. One process, one thread (the event loop's).
    """

    def seen(self, profile: Profile, at: int, via: Way) -> User:
        """Store a full profile that Telegram handed out at `at`; `via` says how the user became known.

        `at` is when it arrived, not the date of an old message it came with. An older profile than the one
        stored does not replace it, and a language once known stays.
        """

    def record(self, user_id: int, evidence: Evidence) -> User:
        """Store one piece of evidence about a user, known or not."""

    def answered(self, user_id: int, kind: Kind, at: int, detail: str = "", *, strangers: bool) -> None:
        """Store what a call about a user says that was made at `at`, after what Telegram has numbered so far.

        Nothing is stored of somebody whom the bot has not met, unless `strangers` are kept.
        """

    def wrote(self, user_id: int, at: int, message_id: int, payload: str | None = None) -> User:
        """Store that the user sent a private message at `at`: a /start if there is a payload, "" for none.

        Message ids tell which message began the dialog, and which /start was the first and which the last.
        """

    def finished(self, user_id: int, message_id: int) -> None:
        """Note that this message of the dialog was handled to its end; the id may be a marked chat id."""

    def last_finished(self, user_id: int) -> int:
        """Return the greatest message id ever given to `finished`, 0 for none."""

    def prefer(self, user_id: int, name: str, value: str | None) -> User:
        """Set one of a user's preferences; None removes it."""

    def choose_language(self, user_id: int, code: str | None) -> User:
        """Set the language that the user chose; None goes back to the one their app names."""

    def data(self, user_id: int, plugin: str) -> JsonObject:
        """Return a copy of what a plugin keeps of a user, {} for nothing."""

    def keep_data(self, user_id: int, plugin: str, data: Mapping[str, object]) -> None:
        """Keep a small record of a user, in place of the plugin's earlier one; an empty one deletes it.

        Raise ValueError if it is not JSON, or is longer than `DATA_BYTES`. `forget` deletes it.
        """

    def talk(self, user_id: int, chat_id: int) -> KeptTalk | None:
        """Return the talk that is open with a user in a chat (marked id), None if there is none."""

    def keep_talk(self, user_id: int, chat_id: int, talk: KeptTalk | None) -> None:
        """Keep where a talk stands; None ends it.

        Raise ValueError if a value in it is not JSON, or it is longer than `TALK_BYTES`.
        """

    def join_requested(self, user_id: int, chat_id: int, at: int) -> User:
        """Note that the user asked at `at` to join a chat (marked id); the latest 20 requests are kept."""

    def join_request_closed(self, user_id: int, chat_id: int, at: int) -> User | None:
        """Note that a request was answered or withdrawn at `at`; return None if none was open by then.

        Where no other request lets the bot write at `at`, this is evidence (`Kind.JOIN_REQUEST_CLOSED`).
        """

    def join_request_dropped(self, user_id: int, chat_id: int, at: int) -> User | None:
        """Note at `at` that the bot tries no more to approve a request; return None if none was open by then.

        It may be open at Telegram still, so this is no evidence.
        """

    def access_greeted(self, user_id: int, message_id: int) -> User:
        """Note that the bot greeted the user for this message about write access."""

    def forget(self, user_id: int) -> None:
        """Delete all about a user but a block that stands, and which message was finished last."""

    async def flush(self) -> None:
        """Write every change made before this call; on disk on return.

        Changes made meanwhile may be written, too, and stay to be flushed. Raise a StorageError if it cannot
        be written: nothing is lost from memory then, and the next flush writes it.
        """

    def note(self, name: str) -> str | None:
        """Return the text that is kept under a name, None if there is none."""

    def keep_note(self, name: str, text: str) -> None:
        """Keep a text under a name of the bot's own; it is on disk after the next checkpoint."""
