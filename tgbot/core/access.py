"""Judge evidence: may the bot write to this user, since when, and how is that known? Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
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
Span: TypeAlias = tuple[Evidence, Evidence]

_OPENING: Final = frozenset({Kind.MESSAGE, Kind.START, Kind.BOT_UNBLOCKED, Kind.WRITE_ACCESS})
_ACCEPTED: Final = frozenset({Kind.ACTION_ACCEPTED, Kind.SENT})
#: More of these never turns a reachable user into anything else.
LASTING: Final = _OPENING | _ACCEPTED | {Kind.LOGIN}
#: With nothing but these a user was never out of reach, and no update about them has a qts.
_ORDINARY: Final = LASTING - {Kind.BOT_UNBLOCKED}

_BLOCKS: Final = (Kind.BOT_STOPPED, Kind.USER_IS_BLOCKED)
_NUMBERED: Final = (Kind.BOT_STOPPED, Kind.BOT_UNBLOCKED, Kind.JOIN_REQUEST)

#: kind → what it says, and what undoes it when it is later. A chat action is accepted where a message would
#: be refused for want of premium or payment, so it undoes those no more than it undoes being a bot.
_REFUSALS: Final = {
    Kind.USER_IS_BOT: (Access.BOT, _ACCEPTED),
    Kind.IS_BOT: (Access.BOT, _ACCEPTED),
    Kind.INPUT_USER_DEACTIVATED: (Access.DEACTIVATED, _OPENING | _ACCEPTED),
    Kind.DELETED: (Access.DEACTIVATED, _OPENING | _ACCEPTED),
    Kind.BOT_STOPPED: (Access.BLOCKED, _OPENING | _ACCEPTED),
    Kind.USER_IS_BLOCKED: (Access.BLOCKED, _OPENING | _ACCEPTED),
    Kind.PEER_ID_INVALID: (Access.NOT_ALLOWED, _OPENING | _ACCEPTED | {Kind.LOGIN}),
    Kind.CHAT_WRITE_FORBIDDEN: (Access.NOT_ALLOWED, _OPENING | _ACCEPTED | {Kind.LOGIN}),
    Kind.PRIVACY_PREMIUM_REQUIRED: (Access.NOT_ALLOWED, _OPENING | {Kind.SENT, Kind.LOGIN}),
    Kind.ALLOW_PAYMENT_REQUIRED: (Access.NOT_ALLOWED, _OPENING | {Kind.SENT, Kind.LOGIN}),
    Kind.YOU_BLOCKED_USER: (Access.NOT_ALLOWED, _OPENING | {Kind.SENT, Kind.LOGIN}),
}
#: RPC error name → what it says about the user of the call; these kinds have the names of their errors.
_ERRORS: Final = {
    kind.name: kind for kind in _REFUSALS.keys() - {Kind.IS_BOT, Kind.DELETED, Kind.BOT_STOPPED}
}
_ERRORS["USER_BOT_TO_BOT_DISABLED"] = Kind.USER_IS_BOT
#: Evidence that comes from calls.
_CALLS: Final = _ACCEPTED.union(_ERRORS.values())
#: Of two refusals in one second the graver one is the verdict.
_GRAVITY: Final = {Access.BOT: 3, Access.DEACTIVATED: 2, Access.BLOCKED: 1, Access.NOT_ALLOWED: 0}


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
        place = _total(Evidence(kind, *seen))
        if place > _total(Evidence(kind, *last)):
            last = seen
        elif place < _total(Evidence(kind, *first)):
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
        return max(found, key=_total, default=None)

    @property
    def last_block(self) -> Evidence | None:
        """Return the latest block; apps clear the history then, so the user may not see older messages."""
        return self.last(*_BLOCKS)

    @property
    def last_qts(self) -> int:
        """Return the greatest qts of an update about the user, 0 for none."""
        return max([last.qts for kind in _NUMBERED if (last := self.last(kind)) is not None], default=0)

    @property
    def history_cleared(self) -> int | None:
        """Return when a user who has come back last blocked the bot; None if they never did, or still do.

        Apps clear the chat at a block: the user may see nothing of what was written before.
        """
        block = self.last_block
        return block.at if block and finally_judged(self).access is not Access.BLOCKED else None

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
        return f"Record.of({sorted(self, key=_total)!r})"


def judge(record: Record, now: float) -> Verdict:
    """Return whether the bot may write at `now`: the latest evidence decides, permissions end at their time.

    Within one second qts decides where both sides have one or are calls; else the refusal wins. `since` is
    the earliest known moment from which it has been so without contradiction.
    """
    if LASTING.issuperset(record.spans):  # nearly everyone, and the same answer as below
        return _reachable(record.spans)
    spans: dict[Kind, Span] = {
        kind: (Evidence(kind, *span[0]), Evidence(kind, *span[-1])) for kind, span in record.spans.items()
    }
    asked = spans.get(Kind.JOIN_REQUEST)
    passing = _window(asked)
    refusals: list[tuple[Access, Span, Evidence | None]] = []
    lifted: Evidence | None = None
    for kind in spans.keys() & _REFUSALS.keys():
        access, lifters = _REFUSALS[kind]
        span = spans[kind]
        answers = _kept(spans, lifters, passing if access is Access.NOT_ALLOWED else None)
        answer = max(answers, key=_total, default=None)
        # The flag in a profile is no event: a bot has been one all along. Only Telegram's acceptance counts.
        said = span[1] if kind is not Kind.IS_BOT else span[1]._replace(at=-1)
        if answer is not None and _after(answer, said):
            lifted = span[1] if lifted is None else max(lifted, span[1], key=_total)
        else:
            refusals.append((access, span, answer))

    if grave := [refusal for refusal in refusals if refusal[0] is not Access.NOT_ALLOWED]:
        return _refused(grave)
    if not refusals:
        standing = _kept(spans, LASTING, passing)
        if standing:
            since = [e.at for e in standing if lifted is None or _after(e, lifted)]
            latest = max(standing, key=_total)
            return Verdict(Access.REACHABLE, min(since, default=latest.at), None, latest)
    if asked is not None:
        request = asked[1]
        end = _end(request, spans.get(Kind.JOIN_REQUEST_CLOSED))
        if now < end and all(_after(request, span[1]) for _, span, _ in refusals):
            return Verdict(Access.REACHABLE, request.at, end, request)
        if not refusals:
            return Verdict(Access.NOT_ALLOWED, end, None, request)
    return _refused(refusals) if refusals else Verdict(Access.UNKNOWN)


def _reachable(spans: dict[Kind, tuple[Seen, ...]]) -> Verdict:
    """Return the verdict from lasting evidence alone."""
    if not spans:
        return Verdict(Access.UNKNOWN)
    kind, span = next(iter(spans.items()))
    since, latest = span[0][0], span[-1]
    for other, span in spans.items():
        if span[0][0] < since:
            since = span[0][0]
        last = span[-1]
        if last[0] < latest[0] or last == latest:
            continue
        if last[0] > latest[0] or _total(Evidence(other, *last)) > _total(Evidence(kind, *latest)):
            kind, latest = other, last
    return Verdict(Access.REACHABLE, since, None, Evidence(kind, *latest))


def finally_judged(record: Record) -> Verdict:
    """Return the verdict once every permission that ends by itself has ended."""
    return judge(record, math.inf)


def seen_of(at: int, qts: int, until: int | None, detail: str) -> Seen:
    """Return a piece of evidence in the form in which a record holds it."""
    if detail:
        return at, qts, until, detail
    if until is not None:
        return at, qts, until
    return (at, qts) if qts else (at,)


def from_rpc_error(name: str, at: int) -> Evidence | None:
    """Return what an RPC error says about the user whom the call was about; None if nothing.

    By name, because several have no class and wrong codes in Telethon; ALLOW_PAYMENT_REQUIRED_n carries its
    number as detail.
    """
    stem, _, number = name.rpartition("_")
    if stem in _ERRORS and number.isdecimal():
        return Evidence(_ERRORS[stem], at, detail=number)
    kind = _ERRORS.get(name.removesuffix("_X"))
    return None if kind is None else Evidence(kind, at)


def in_order(record: Record, evidence: Evidence) -> Evidence:
    """Return the evidence of a call with its place among Telegram's updates of the same second."""
    if _ORDINARY.issuperset(record.spans):
        return evidence  # nearly everyone: there is nothing to be before or after
    if qts := record.last_qts:
        evidence = evidence._replace(qts=qts)
    if evidence.kind not in _ACCEPTED:
        return evidence
    access, _, _, refusal = judge(record, evidence.at)
    at_once = refusal is not None and (refusal.at, refusal.qts) == (evidence.at, evidence.qts)
    if access is not Access.REACHABLE and at_once:
        return evidence._replace(detail=AFTER_REFUSAL)
    return evidence


def _total(evidence: Evidence) -> tuple[int, int, int, str]:
    """A total order, so that "the first" and "the last" are the same ones whatever came in first."""
    return evidence.at, evidence.qts, -1 if evidence.until is None else evidence.until, evidence.detail


def _after(yes: Evidence, no: Evidence) -> bool:
    if yes.at != no.at:
        return yes.at > no.at
    if not ((yes.qts or yes.kind in _CALLS) and (no.qts or no.kind in _CALLS)):
        return False
    return yes.qts > no.qts or (yes.qts == no.qts and yes.detail == AFTER_REFUSAL and no.kind in _CALLS)


def _until(request: Evidence) -> int:
    return request.at + JOIN_REQUEST_SECONDS if request.until is None else request.until


def _end(request: Evidence, closed: Span | None) -> int:
    if closed is not None and closed[1].at >= request.at:
        return min(_until(request), closed[1].at)
    return _until(request)


def _window(asked: Span | None) -> Callable[[Evidence], bool] | None:
    """Was a call accepted at a time when a join request alone may have been the reason?

    Of many requests only the first and the last are kept, so all between counts as such a time: better to
    probe once more than to believe a permission that had run out.
    """
    if asked is None:
        return None
    start, end = asked[0].at, max(_until(asked[0]), _until(asked[1]))
    return lambda evidence: start <= evidence.at <= end


def _kept(
    spans: dict[Kind, Span], kinds: frozenset[Kind], passing: Callable[[Evidence], bool] | None
) -> list[Evidence]:
    """Return the evidence of these kinds, without the accepted calls for which `passing` is true."""
    return [
        evidence
        for kind in kinds
        for evidence in spans.get(kind, ())
        if passing is None or kind not in _ACCEPTED or not passing(evidence)
    ]


def _refused(refusals: list[tuple[Access, Span, Evidence | None]]) -> Verdict:
    access, span, _ = max(
        refusals, key=lambda refusal: (refusal[1][1][1:3], _GRAVITY[refusal[0]], refusal[1][1].kind)
    )
    times = [
        evidence.at
        for said, both, answer in refusals
        if said is access
        for evidence in both
        if answer is None or not _after(answer, evidence)
    ]
    return Verdict(access, min(times, default=span[1].at), None, span[1])
