"""Evidence of who may be written to, what is kept of it, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

import msgspec

#: How long the bot may write to somebody who asked to join, in seconds (Telegram's documentation).
JOIN_REQUEST_SECONDS: Final = 5 * 60


class Kind(StrEnum):
    """What was seen; a member's value is how it is stored, so it never changes."""

    # A StrEnum because its hash is the string's, computed once; a plain Enum's is computed in Python, always.

    #: The user sent a private message.
    MESSAGE = "message"
    #: The user sent /start.
    START = "start"
    #: Telegram says that the user stopped the bot.
    BOT_STOPPED = "bot_stopped"
    #: Telegram says that the user lifted the block.
    BOT_UNBLOCKED = "bot_unblocked"
    #: Telegram accepted a chat action.
    ACTION_ACCEPTED = "action_accepted"
    #: Telegram accepted a message.
    SENT = "sent"
    #: The user allowed the bot to write; detail tells where: domain, app, attach, request.
    WRITE_ACCESS = "write_access"
    #: The user logged in on a site through the bot; detail is the domain. Does not lift a block.
    LOGIN = "login"
    #: The user asked to join a chat the bot manages: the bot may write until `until`. Does not lift a block.
    JOIN_REQUEST = "join_request"
    #: That request was approved, declined or withdrawn.
    JOIN_REQUEST_CLOSED = "join_request_closed"
    #: A call was refused: the user blocked the bot.
    USER_IS_BLOCKED = "user_is_blocked"
    #: A call was refused: the account is gone.
    INPUT_USER_DEACTIVATED = "input_user_deactivated"
    #: The profile says that the account was deleted.
    DELETED = "deleted"
    #: A call was refused: the user is a bot.
    USER_IS_BOT = "user_is_bot"
    #: The profile says that the user is a bot.
    IS_BOT = "is_bot"
    #: A call was refused: to a bot it says "you may not begin this conversation" (or: wrong access hash).
    PEER_ID_INVALID = "peer_id_invalid"
    #: A call was refused: nobody like the bot may write there.
    CHAT_WRITE_FORBIDDEN = "chat_write_forbidden"
    #: A message was refused: only premium accounts may write to this user.
    PRIVACY_PREMIUM_REQUIRED = "privacy_premium_required"
    #: A message was refused: this user takes paid messages only; detail is the price in stars.
    ALLOW_PAYMENT_REQUIRED = "allow_payment_required"
    #: A message was refused: the bot's account blocked the user.
    YOU_BLOCKED_USER = "you_blocked_user"


class Access(StrEnum):
    """May the bot write to a user?"""

    #: Yes.
    REACHABLE = "reachable"
    #: No: the user stopped the bot.
    BLOCKED = "blocked"
    #: No: the account is gone.
    DEACTIVATED = "deactivated"
    #: No: a bot that takes no messages from bots.
    BOT = "bot"
    #: No: the user never let the bot, or does not any more.
    NOT_ALLOWED = "not_allowed"
    #: Nothing is known either way.
    UNKNOWN = "unknown"


class Evidence(NamedTuple):
    """One thing that was seen, at a second of Telegram's clock.

    `qts` orders what Telegram numbers (stops, join requests) within a second; 0 means that it had no number.
    A call's is the last number that had come about the user when it was answered: what is numbered above
    happened later, or before without changing the answer.
    """

    kind: Kind
    at: int
    qts: int = 0
    until: int | None = None
    detail: str = ""


#: Detail of an accepted call that was made after a refused one of the same second and number.
AFTER_REFUSAL: Final = "after a refusal"

#: A piece of evidence without its kind: at, qts, until and detail, without default values at the end. Records
#: hold it in this form, and stores write it as it is.
Seen: TypeAlias = (
    tuple[int] | tuple[int, int] | tuple[int, int, int | None] | tuple[int, int, int | None, str]
)

_new: Final = tuple.__new__  # of a NamedTuple: its own __new__ is a function in Python
#: The number of values that a piece of evidence is held with → its other values.
_ABSENT: Final = ((), (0, None, ""), (None, ""), ("",), ())

_BLOCKS: Final = (Kind.BOT_STOPPED, Kind.USER_IS_BLOCKED)
_NUMBERED: Final = (Kind.BOT_STOPPED, Kind.BOT_UNBLOCKED, Kind.JOIN_REQUEST)


class Verdict(NamedTuple):
    """The answer for one user at one time; `until` is set where the permission runs out by itself."""

    access: Access
    since: int | None = None
    until: int | None = None
    evidence: Evidence | None = None


class Record(msgspec.Struct, gc=False):  # made in C: there is one for each user
    """All evidence about one user that can still matter: of each kind the first and the last.

    Adding and merging in any order, any number of times, gives the same record; its size is bounded by the
    number of kinds.
    """

    #: Of each kind the first and the last, or one that is both.
    spans: dict[Kind, tuple[Seen, ...]] = {}

    @classmethod
    def of(cls, evidence: Iterable[Evidence]) -> Record:
        """Return a record of these pieces of evidence."""
        record = cls()
        for one in evidence:
            record.add(one)
        return record

    def add(self, evidence: Evidence) -> bool:
        """Add one piece of evidence; return whether it was new."""
        return self.note(evidence.kind, seen_of(*evidence[1:]))

    def note(self, kind: Kind, seen: Seen) -> bool:
        """Add one piece of evidence of a kind; return whether it was new."""
        span = self.spans.get(kind)
        if span is None:
            self.spans[kind] = (seen,)
            return True
        first, last = span[0], span[-1]
        if seen[0] > last[0]:  # nearly always: the stream is in order
            self.spans[kind] = (first, seen)
            return True
        place = chronological(Evidence(kind, *seen))
        if place > chronological(Evidence(kind, *last)):
            last = seen
        elif place < chronological(Evidence(kind, *first)):
            first = seen
        else:
            return False
        self.spans[kind] = (first, last)
        return True

    def merge(self, other: Record) -> bool:
        """Add all evidence of another record; return whether any of it was new."""
        new = [self.note(kind, seen) for kind, span in other.spans.items() for seen in span]
        return any(new)

    def last(self, *kinds: Kind) -> Evidence | None:
        """Return the latest evidence of these kinds, None if there is none."""
        spans = self.spans
        found = [Evidence(kind, *spans[kind][-1]) for kind in kinds if kind in spans]
        return max(found, key=chronological, default=None)

    @property
    def last_block(self) -> Evidence | None:
        """Return the latest block; apps clear the history then, so the user may not see older messages."""
        return self.last(*_BLOCKS)

    @property
    def last_qts(self) -> int:
        """Return the greatest qts of an update about the user, 0 for none."""
        return max([last.qts for kind in _NUMBERED if (last := self.last(kind)) is not None], default=0)

    def refusals(self) -> Record:
        """Return a copy with only the blocks in it, which are the user's own refusals."""
        return Record({kind: self.spans[kind] for kind in _BLOCKS if kind in self.spans})

    def __iter__(self) -> Iterator[Evidence]:
        for kind, span in self.spans.items():
            for seen in span:
                yield Evidence(kind, *seen)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __repr__(self) -> str:
        return f"Record.of({sorted(self, key=chronological)!r})"


def seen_of(at: int, qts: int, until: int | None, detail: str) -> Seen:
    """Return a piece of evidence in the form in which a record holds it."""
    if detail:
        return at, qts, until, detail
    if until is not None:
        return at, qts, until
    return (at, qts) if qts else (at,)


def evidence_of(kind: Kind, seen: Seen) -> Evidence:
    """Return a piece of evidence of a kind, from the form in which a record holds it."""
    return _new(Evidence, (kind, *seen, *_ABSENT[len(seen)]))


def chronological(evidence: Evidence) -> tuple[int, int, int, str]:
    """A total order, so that "the first" and "the last" are the same ones whatever came in first."""
    return evidence.at, evidence.qts, -1 if evidence.until is None else evidence.until, evidence.detail
