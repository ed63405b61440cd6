"""The chart of a broadcast: what it shows in which words, and the process that draws it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, tzinfo
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tgbot.core.broadcasterrors import ChartFailedError, ChartFormError, ChartMissingError
from tgbot.core.deliveries import Outcome
from tgbot.core.errors import system_reason
from tgbot.core.names import clean_name
from tgbot.messaging.broadcast.picture import Band, Bar, Form, Picture
from tgbot.messaging.broadcast.report import OF_TURNS, LanguageCounts, Report
from tgbot.signals import send

#: How long drawing may take, in seconds; it takes one or two, and at the first time fonts are looked for.
SECONDS: Final = 120.0
#: How many languages have a bar; the others share one.
MOST_BARS: Final = 8
#: How many characters of a name or a code are shown.
_TITLE: Final = 48
_LANGUAGE: Final = 12
#: Stands between groups of three digits, in every language.
_SPACE: Final = "\u00a0"
_SENT: Final = Outcome.SENT.label


class Say(Protocol):
    """Returns a text of the bot in one language, by its name; `handlers.wording.Words` is one."""

    def __call__(self, text: str, **args: str | int | float) -> str: ...


def form_of(path: Path) -> Form:
    """Return the form that the ending of a file's name asks for; raise ChartFormError for another ending."""
    try:
        return Form(path.suffix[1:].lower())
    except ValueError:
        raise ChartFormError(path) from None


def picture(report: Report, say: Say, zone: tzinfo = UTC) -> Picture:
    """Return what the chart of a broadcast shows, in the words of a language, with times of a zone."""
    shown = [outcome.label for outcome in OF_TURNS if report.outcomes.get(outcome.label)]
    # The first step begins with the first turn, and the last one ends with the last turn.
    times = [max(step.at, report.first or 0) for step in report.steps]
    if times and report.last is not None:
        times.append(report.last + 1)
    name = clean_name(report.name, _TITLE)
    return Picture(
        title=say("chart-title" if name else "chart-title-nameless", id=str(report.id), name=name),
        summary=_summary(report, say),
        over_time=say("chart-over-time"),
        by_language=say("chart-by-language"),
        time=say("chart-time", zone=_zone_name(zone, report.last or 0)),
        zone=getattr(zone, "key", None) or _offset(zone, report.last or 0),
        times=times,
        bands=[
            Band(
                label,
                f"{say('outcome-' + label.replace('_', '-'))}: {number(report.outcomes[label])}",
                [0, *accumulate(step.outcomes.get(label, 0) for step in report.steps)],
            )
            for label in shown
        ],
        bars=list(_bars(report.languages, shown, say)),
    )


async def draw(shown: Picture, form: Form) -> bytes:
    """Return the chart as a file of this form, drawn by a process of its own.

    Raise ChartMissingError where matplotlib is not installed, ChartFailedError if the process fails. The
    process ends with this coroutine.
    """
    if find_spec("matplotlib") is None:
        raise ChartMissingError()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tgbot.messaging.broadcast.drawing", form),
            env={name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the bot
        )
    except OSError as error:
        raise ChartFailedError(system_reason(error)) from None
    try:
        async with asyncio.timeout(SECONDS):
            file, said = await process.communicate(msgspec.json.encode(shown))
    except TimeoutError:
        raise ChartFailedError(f"it took longer than {SECONDS:g} s") from None
    finally:
        send(process, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise ChartFailedError(clean_name(last, 200) or f"status {process.returncode}")
    return file


def number(value: int) -> str:
    """Return a number with its digits in groups of three."""
    return f"{value:,}".replace(",", _SPACE)


def _summary(report: Report, say: Say) -> str:
    turns = sum(report.outcomes.get(outcome.label, 0) for outcome in OF_TURNS)
    if not turns:
        return say("chart-nothing")
    sent = report.outcomes.get(_SENT, 0)
    shown = say(
        "chart-summary",
        sent=number(sent),
        turns=number(turns),
        percent=_percent(sent, turns),
        time=_duration(report.seconds),
        rate=f"{report.per_second:.1f}" if report.per_second >= 1 else f"{report.per_second:.2g}",
    )
    left = sum(report.outcomes.get(outcome.label, 0) for outcome in (Outcome.WAITING, Outcome.LATE))
    return f"{shown}; {say('chart-left', left=number(left))}" if left else shown


def _bars(languages: list[LanguageCounts], shown: list[str], say: Say) -> list[Bar]:
    """Return a bar for each of the largest languages, and one for all others."""
    rows: list[tuple[str, list[int]]] = []
    for one in languages:
        if one.language is None:
            text = say("chart-language-none")
        else:
            text = one.language or say("chart-language-default")
        parts = [one.outcomes.get(label, 0) for label in shown]
        if any(parts):
            rows.append((text, parts))
    rows.sort(key=lambda row: -sum(row[1]))
    if len(rows) > MOST_BARS:
        rest = [sum(column) for column in zip(*(parts for _, parts in rows[MOST_BARS - 1 :]), strict=True)]
        rows[MOST_BARS - 1 :] = [(say("chart-language-others", n=len(rows) - MOST_BARS + 1), rest)]
    where = shown.index(_SENT) if _SENT in shown else None
    return [
        Bar(
            clean_name(text, _LANGUAGE),
            say(
                "chart-bar",
                turns=number(sum(parts)),
                percent=_percent(0 if where is None else parts[where], sum(parts)),
            ),
            parts,
        )
        for text, parts in rows
    ]


def _percent(part: int, whole: int) -> str:
    """Return how many of a hundred that is; 100.0 and 0.0 only for all and for none."""
    if part in (0, whole):
        return "0" if not part else "100"
    return f"{min(99.9, max(0.1, 100 * part / whole)):.1f}"


def _duration(seconds: int) -> str:
    """Return hours, minutes and seconds, which are read in every language."""
    minutes, left = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{left:02}"


def _offset(zone: tzinfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _zone_name(zone: tzinfo, at: int) -> str:
    key = getattr(zone, "key", None)
    return str(key) if key else datetime.fromtimestamp(at, zone).strftime("%Z")
