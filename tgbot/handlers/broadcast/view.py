"""What the messages say that show a broadcast to an admin, and their buttons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace
from telethon import Button
from telethon.tl.custom import Button as Markup

from tgbot.core.broadcasts import Action, Broadcast, State
from tgbot.core.names import clean_name
from tgbot.handlers.live import View
from tgbot.handlers.wording import Words, clock_time, dashed
from tgbot.messaging.broadcast.buttons import counted

#: How many broadcasts a list has.
LISTED: Final = 5
#: What the buttons begin with.
DATA: Final = "broadcast:"
#: The states in which a broadcast changes by itself.
OPEN: Final = (State.SCHEDULED, State.RUNNING, State.PAUSED)
#: What a status counts beside the deliveries.
_NOT_DELIVERED: Final = (
    *("blocked", "deactivated", "not_allowed", "failed"),
    *("no_news", "not_in_time", "forgotten"),
)
#: How many names of errors are shown, and how long a name of a broadcast or an error is there.
_ERRORS: Final = 3
_NAME: Final = 48


class Status(msgspec.Struct, frozen=True):
    """What a message shows of the status of a broadcast; the fields are those of `Broadcasts.status`."""

    #: None before the audience is frozen.
    audience: int | None
    sent: int
    blocked: int
    deactivated: int
    not_allowed: int
    failed: int
    no_news: int
    not_in_time: int
    forgotten: int
    waiting: int
    rate: float
    flood_wait: int
    behind: int | None
    reason: str
    errors: dict[str, int]
    clicks: list[int]
    corrected: int
    refused: int
    left: int
    eta: int | None


class Plan(msgspec.Struct, frozen=True):
    """What a message shows of the plan of a broadcast; the fields are those of `Broadcasts.plan`."""

    recipients: int
    languages: dict[str, int]
    left_out: dict[str, int]
    rate: float
    seconds: int
    stars: int


def draft(
    say: Words, broadcast: Broadcast, plan: Plan | None, *, full: bool = False, trouble: str = ""
) -> View:
    """Return a draft, with its plan in short or in full; `trouble` says why there is none."""
    lines = [title(say, broadcast), say("broadcast-draft")]
    if broadcast.reason:
        lines.append(say("broadcast-reason", reason=broadcast.reason))
    if broadcast.at is not None:
        lines.append(say("broadcast-at", at=clock_time(broadcast.at)))
    if broadcast.audience.languages:
        lines.append(say("broadcast-languages", languages=", ".join(broadcast.audience.languages)))
    if not replace(broadcast.audience, languages=()).everybody:
        lines.append(say("broadcast-narrowed", id=str(broadcast.id)))
    if plan is not None:
        lines += ["", recipients(say, plan), *(_full(say, plan) if full else ())]
    if trouble:
        lines += ["", trouble]
    rows = [
        [_button(say, broadcast, "test"), _button(say, broadcast, "plan")],
        [_button(say, broadcast, "start"), _button(say, broadcast, "drop")],
    ]
    return View("\n".join(lines), rows)


def start_question(say: Words, broadcast: Broadcast, plan: Plan) -> View:
    """Return the question whether to send a draft; "yes" is for this edition and this price only."""
    lines = [title(say, broadcast), "", say("broadcast-start-question", n=plan.recipients)]
    if broadcast.at is not None:
        lines.append(say("broadcast-at", at=clock_time(broadcast.at)))
    lines.append(say("broadcast-takes", time=say.duration(plan.seconds)))
    if plan.stars:
        lines.append(say("broadcast-price", stars=plan.stars))
    yes = f"{DATA}{broadcast.id}:yes:{edition(broadcast)}:{plan.stars}"
    row = [_inline(say("broadcast-button-yes"), yes), _button(say, broadcast, "no")]
    return View("\n".join(lines), [row])


def edition(broadcast: Broadcast) -> int:
    """Return a number that another draft does not have, nor this one once it is changed.

    In a store that was restored from a backup, numbers of broadcasts are given again.
    """
    return (broadcast.salt + broadcast.revision) % 10**9


def progress(say: Words, broadcast: Broadcast, status: Status, now: float, *, asked: bool) -> View:
    """Return a broadcast that was started; with `asked` the question whether to cancel it."""
    state = broadcast.state
    doing = broadcast.action if state is State.RUNNING and broadcast.action is not Action.SEND else ""
    lines = [title(say, broadcast), say(dashed("broadcast", state, doing), at=clock_time(broadcast.at or 0))]
    if status.reason:
        lines.append(say("broadcast-reason", reason=status.reason))
    if status.behind is not None:
        lines.append(say("broadcast-behind", id=str(status.behind)))
    if status.audience is not None:
        lines += ["", *_numbers(say, broadcast, status, status.audience)]
    if state is State.RUNNING:
        lines += _speed(say, status, now)
    if broadcast.until is not None and state in OPEN:
        lines.append(say("broadcast-until", at=clock_time(broadcast.until)))
    if state not in OPEN:
        return View("\n".join(lines), _ended(say, broadcast, status))
    if asked:
        left = status.waiting if broadcast.action is Action.SEND else 0
        lines += ["", say("broadcast-cancel-question", n=left)]
        rows = [[_button(say, broadcast, "end"), _button(say, broadcast, "no")]]
    else:
        first = {State.SCHEDULED: "test", State.RUNNING: "pause", State.PAUSED: "resume"}[state]
        rows = [[_button(say, broadcast, first), _button(say, broadcast, "cancel")]]
    return View("\n".join(lines), rows, still=False)


def listed(say: Words, broadcasts: Iterable[Broadcast]) -> View:
    """Return how to make a broadcast, and the latest ones, each with a button that shows it."""
    latest = [*broadcasts][: -LISTED - 1 : -1]
    text = say("broadcast-usage")
    if latest:
        text = f"{text}\n\n{say('broadcast-list')}"
    rows = [[_inline(_line(say, one), f"{DATA}{one.id}:show")] for one in latest]
    return View(text, rows or None)


def title(say: Words, broadcast: Broadcast) -> str:
    """Return the number and the name of a broadcast."""
    name = clean_name(broadcast.name, _NAME)
    return say("chart-title" if name else "chart-title-nameless", id=str(broadcast.id), name=name)


def recipients(say: Words, plan: Plan) -> str:
    """Return how many people get it, and how long that takes."""
    return say("broadcast-recipients", n=plan.recipients, time=say.duration(plan.seconds))


def _full(say: Words, plan: Plan) -> list[str]:
    lines = [say("broadcast-rate", rate=_rate(plan.rate))]
    if len(plan.languages) > 1:
        texts = [(code or say("chart-language-default"), n) for code, n in plan.languages.items()]
        lines += [say("broadcast-text", code=code, n=n) for code, n in texts]
    left_out = [(name, n) for name, n in plan.left_out.items() if n]
    if left_out:
        lines += ["", say("broadcast-left-out")]
        lines += [say("broadcast-number", what=say(_reason(name)), n=n) for name, n in left_out]
    if plan.stars:
        lines += ["", say("broadcast-price", stars=plan.stars)]
    return lines


def _reason(name: str) -> str:
    """Return the name of the text that says why somebody is left out."""
    return {"no_news": "outcome-no-news", "not_in_audience": "broadcast-not-in-audience"}.get(
        name, dashed("reach", name)
    )


def _numbers(say: Words, broadcast: Broadcast, status: Status, audience: int) -> list[str]:
    percent = 100 * status.sent // audience if audience else 0
    lines = [say("broadcast-delivered", sent=status.sent, audience=audience, percent=percent)]
    lines += [
        say("broadcast-number", what=say(dashed("outcome", name)), n=number)
        for name in _NOT_DELIVERED
        if (number := getattr(status, name))
    ]
    errors = sorted(status.errors.items(), key=lambda error: -error[1])[:_ERRORS]
    lines += [say("broadcast-error", error=clean_name(name, _NAME), n=n) for name, n in errors]
    if status.waiting:
        lines.append(
            say("broadcast-left" if broadcast.state in OPEN else "broadcast-not-sent", n=status.waiting)
        )
    clicks = zip(counted(broadcast.buttons), status.clicks, strict=False)
    lines += [say("broadcast-clicks", button=clean_name(button.text), n=n) for button, n in clicks if n]
    if broadcast.action is not Action.SEND:
        name = dashed("broadcast-corrected", broadcast.action)
        lines.append(say(name, n=status.corrected, refused=status.refused, left=status.left))
    elif broadcast.started is not None and broadcast.ended is not None:
        lines.append(say("broadcast-took", time=say.duration(broadcast.ended - broadcast.started)))
    return lines


def _speed(say: Words, status: Status, now: float) -> list[str]:
    lines = []
    if status.rate:
        lines.append(say("broadcast-rate", rate=_rate(status.rate)))
    if status.flood_wait:
        lines.append(say("broadcast-flood", time=say.duration(status.flood_wait)))
    elif status.eta is not None:
        lines.append(say("broadcast-eta", time=say.duration(max(1, status.eta - now))))
    return lines


def _rate(rate: float) -> str:
    return f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"


def _ended(say: Words, broadcast: Broadcast, status: Status) -> list[list[Markup]] | None:
    """Return the buttons below a broadcast that has ended; None for one that never began."""
    if broadcast.size is None:
        return None
    rows = [[_button(say, broadcast, "report")]]
    if broadcast.state is State.DONE and status.not_in_time and broadcast.action is not Action.DELETE:
        rows.append([_button(say, broadcast, "late")])
    return rows


def _line(say: Words, broadcast: Broadcast) -> str:
    """Return a broadcast in a few words, for a button."""
    return f"{title(say, broadcast)}: {say(dashed('broadcast-short', broadcast.state))}"


def _button(say: Words, broadcast: Broadcast, word: str) -> Markup:
    return _inline(say(f"broadcast-button-{word}"), f"{DATA}{broadcast.id}:{word}")


def _inline(text: str, data: str) -> Markup:
    return Button.inline(text, data.encode())
