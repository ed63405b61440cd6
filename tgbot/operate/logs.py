"""The log on standard error: lines for people or for programs, and storms of one line that are counted."""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO, TypeAlias

#: So many lines of one kind are written within `STORM_SECONDS`; how many more there were is told after it.
STORM_LINES: Final = 20
STORM_SECONDS: Final = 60.0
#: How many kinds of lines are told apart.
MOST_KINDS: Final = 1000
#: The priorities of the journal by level; INFO has 6.
_PRIORITIES: Final = {logging.DEBUG: 7, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
#: Libraries whose lines are of interest from WARNING on.
_LIBRARIES: Final = ("telethon", "asyncio", "aiohttp")

#: Return what the running code is about, such as its update: field → value, empty for nothing.
About: TypeAlias = Callable[[], Mapping[str, str | int]]


def log_to_stderr(
    level: str,
    *,
    levels: Iterable[tuple[str, str]] = (),
    as_json: bool = False,
    about: About = dict,
) -> None:
    """Send the log to standard error, from `level` on; that of libraries from WARNING on.

    `levels` has other levels for single loggers. `about` names what each line is about.
    """
    handler = LogHandler(sys.stderr, formatter(sys.stderr, as_json=as_json, about=about))
    logging.basicConfig(level=level, handlers=[handler])
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # They also raise what they log, and their callers report that.
    for library in ("sqlitedict", "psycopg"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    for name, own in levels:
        logging.getLogger(name).setLevel(own)
    atexit.register(handler.tell, everything=True)


def formatter(stream: TextIO, *, as_json: bool, about: About = dict) -> logging.Formatter:
    """Return what makes the lines for a stream."""
    if as_json:
        return JsonLines(about)
    return HumanLines(about, journal=_is_journal(stream))


class HumanLines(logging.Formatter):
    """Lines for people: time (UTC), level, logger and message.

    In the journal a line has no time, because it has one there, and begins with the priority by which
    `journalctl -p` chooses.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self, about: About, *, journal: bool) -> None:
        super().__init__(f"{'' if journal else '%(asctime)s '}%(levelname)s %(name)s: %(message)s")
        self._about = about
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        # Many lines name their update themselves.
        said = record.message
        fields = [f"{name} {value}" for name, value in self._about().items() if str(value) not in said]
        if fields:
            line += f" ({', '.join(fields)})"
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{line}" if self._journal else line


class JsonLines(logging.Formatter):
    """An object on each line: time, level, logger, message, and what the line is about."""

    def __init__(self, about: About) -> None:
        super().__init__()
        self._about = about

    def format(self, record: logging.LogRecord) -> str:
        made: dict[str, str | int] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            made["traceback"] = self.formatException(record.exc_info)
        return json.dumps(made | dict(self._about()))


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes the log, and counts the lines of a storm instead of writing them.

    A line that cannot be formatted is named by its place, without its arguments.
    """

    def __init__(
        self, stream: TextIO, lines: logging.Formatter, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self.setFormatter(lines)
        self._storms = Storms(clock)
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self._storms.admit(record):
            super().emit(record)
        elif self._timer is None:
            self._wait()

    def tell(self, *, everything: bool = False) -> None:
        """Write how many lines the storms had that are over; of `everything` also the others."""
        with self.lock or threading.RLock():
            self._timer = None
            for line in self._storms.over(everything=everything):
                super().emit(line)
            if self._storms.going_on:
                self._wait()

    def handleError(self, record: logging.LogRecord) -> None:
        place = f"{record.pathname}:{record.lineno}"
        with suppress(OSError):
            self.stream.write(f"tgbot: a line of the log cannot be written ({place})\n")

    def _wait(self) -> None:
        self._timer = timer = threading.Timer(STORM_SECONDS, self.tell)
        timer.daemon = True
        timer.start()


@dataclass(slots=True)
class _Kind:
    """The lines of one kind since a moment."""

    since: float
    shown: int = 0
    left_out: int = 0
    last: logging.LogRecord | None = None


class Storms:
    """Admits the first `STORM_LINES` lines of a kind within `STORM_SECONDS`, and counts the others.

    Lines from WARNING on are of one kind if they come from one place in the code, whatever they say of whom;
    those of INFO if they say the same. Lines of DEBUG are always admitted: who asks for them wants each.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kinds: dict[tuple[str, str, str], _Kind] = {}
        #: What is still to be told of storms that began again.
        self._over: list[_Kind] = []

    @property
    def going_on(self) -> bool:
        """Whether there are lines that nobody was told of."""
        return bool(self._over) or any(kind.left_out for kind in self._kinds.values())

    def admit(self, record: logging.LogRecord) -> bool:
        """Return whether a line is to be written; count it if it is not."""
        if record.levelno < logging.INFO:
            return True
        said = "" if record.levelno >= logging.WARNING else str(record.args)
        name, now = (record.name, str(record.msg), said), self._clock()
        kind = self._kinds.get(name)
        if kind is None or now - kind.since >= STORM_SECONDS:
            if kind is not None and kind.left_out:
                self._over.append(kind)
            elif len(self._kinds) >= MOST_KINDS:
                self._kinds = {one: found for one, found in self._kinds.items() if found.left_out}
            kind = self._kinds[name] = _Kind(now)
        if kind.shown < STORM_LINES:
            kind.shown += 1
            return True
        kind.left_out += 1
        kind.last = record
        return False

    def over(self, *, everything: bool = False) -> list[logging.LogRecord]:
        """Return a line for each storm that is over, and forget it; of `everything` also for the others."""
        now = self._clock()
        ended = self._over
        for name, kind in list(self._kinds.items()):
            if kind.left_out and (everything or now - kind.since >= STORM_SECONDS):
                ended.append(self._kinds.pop(name))
        self._over = []
        return [_summary(kind, now) for kind in ended]


def _summary(kind: _Kind, now: float) -> logging.LogRecord:
    last = kind.last
    assert last is not None
    text = "%d more lines such as the following came within %.0f s: %s"
    seconds = min(now - kind.since, STORM_SECONDS)
    arguments = (kind.left_out, seconds, last.getMessage())
    return logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, arguments, None)


def _is_journal(stream: TextIO) -> bool:
    """Return whether what is written to a stream goes to systemd's journal, as JOURNAL_STREAM says."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
