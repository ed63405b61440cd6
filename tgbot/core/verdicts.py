"""Judge evidence: may the bot write to this user, since when, and how is that known? Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

from tgbot.core.access import (
    AFTER_REFUSAL,
    JOIN_REQUEST_SECONDS,
    Access,
    Evidence,
    Kind,
    Record,
    Seen,
    Verdict,
    chronological,
    evidence_of,
)

Span: TypeAlias = tuple[Evidence, Evidence]

_OPENING: Final = frozenset({Kind.MESSAGE, Kind.START, Kind.BOT_UNBLOCKED, Kind.WRITE_ACCESS})
_ACCEPTED: Final = frozenset({Kind.ACTION_ACCEPTED, Kind.SENT})
#: More of these never turns a reachable user into anything else.
LASTING: Final = _OPENING | _ACCEPTED | {Kind.LOGIN}
#: With nothing but these a user was never out of reach, and no update about them has a qts.
ORDINARY: Final = LASTING - {Kind.BOT_UNBLOCKED}

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
#: Names of their own, because they are needed for each call: a member of an enum is looked up slowly.
_REACHABLE: Final = Access.REACHABLE
_UNKNOWN: Final = Access.UNKNOWN
_new: Final = tuple.__new__  # of a NamedTuple: its own __new__ is a function in Python
#: RPC error name → what it says about the user of the call; these kinds have the names of their errors.
_ERRORS: Final = {
    kind.name: kind for kind in _REFUSALS.keys() - {Kind.IS_BOT, Kind.DELETED, Kind.BOT_STOPPED}
}
_ERRORS["USER_BOT_TO_BOT_DISABLED"] = Kind.USER_IS_BOT
#: Evidence that comes from calls.
_CALLS: Final = _ACCEPTED.union(_ERRORS.values())
_STOPPED: Final = Kind.BOT_STOPPED
#: Later, and earlier, than any evidence.
_NEVER: Final[int] = 2**63
_LEAST: Final[Seen] = (-1,)
_STOPPED_OR_LASTING: Final = LASTING | {_STOPPED}
#: Of two refusals in one second the graver one is the verdict.
_GRAVITY: Final = {Access.BOT: 3, Access.DEACTIVATED: 2, Access.BLOCKED: 1, Access.NOT_ALLOWED: 0}


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
        answer = max(answers, key=chronological, default=None)
        # The flag in a profile is no event: a bot has been one all along. Only Telegram's acceptance counts.
        said = span[1] if kind is not Kind.IS_BOT else span[1]._replace(at=-1)
        if answer is not None and _after(answer, said):
            lifted = span[1] if lifted is None else max(lifted, span[1], key=chronological)
        else:
            refusals.append((access, span, answer))

    if grave := [refusal for refusal in refusals if refusal[0] is not Access.NOT_ALLOWED]:
        return _refused(grave)
    if not refusals:
        standing = _kept(spans, LASTING, passing)
        if standing:
            since = [e.at for e in standing if lifted is None or _after(e, lifted)]
            latest = max(standing, key=chronological)
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
        return Verdict(_UNKNOWN)
    # A loop: there are so few that it is faster than `min` and `max`.
    since, last, of = _NEVER, _LEAST, _STOPPED
    try:
        for kind, span in spans.items():
            at, seen = span[0][0], span[-1]
            if at < since:
                since = at
            if seen > last or (seen == last and kind > of):  # as they are held, later ones are greater
                last, of = seen, kind
        latest = evidence_of(of, last)
    except TypeError:  # some of one moment end by themselves, and some do not
        since = min(span[0][0] for span in spans.values())
        latest = max((evidence_of(kind, span[-1]) for kind, span in spans.items()), key=chronological)
    return _new(Verdict, (_REACHABLE, since, None, latest))


def settled(kinds: Collection[Kind]) -> Access | None:
    """Return the access that follows from evidence of these kinds at any times; None if the times decide."""
    if not kinds:
        return _UNKNOWN
    return _REACHABLE if LASTING.issuperset(kinds) else None


def blocked_last(record: Record) -> bool:
    """Return whether a stop is later than all else, and all else is lasting: then the access is BLOCKED."""
    spans = record.spans
    stops = spans.get(_STOPPED)
    if stops is None or not _STOPPED_OR_LASTING.issuperset(spans):
        return False
    at = stops[-1][0]
    return all(kind is _STOPPED or span[-1][0] < at for kind, span in spans.items())


def finally_judged(record: Record) -> Verdict:
    """Return the verdict once every permission that ends by itself has ended."""
    return judge(record, math.inf)


def history_cleared(record: Record) -> int | None:
    """Return when a user who has come back last blocked the bot; None if they never did, or still do.

    Apps clear the chat at a block: the user may see nothing of what was written before.
    """
    block = record.last_block
    return block.at if block and finally_judged(record).access is not Access.BLOCKED else None


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
    """Return the evidence of a call with its place among Telegram's updates of the same second.

    Where all that is known is `ORDINARY`, there is nothing to be before or after.
    """
    if qts := record.last_qts:
        evidence = evidence._replace(qts=qts)
    if evidence.kind not in _ACCEPTED:
        return evidence
    access, _, _, refusal = judge(record, evidence.at)
    at_once = refusal is not None and (refusal.at, refusal.qts) == (evidence.at, evidence.qts)
    if access is not Access.REACHABLE and at_once:
        return evidence._replace(detail=AFTER_REFUSAL)
    return evidence


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
