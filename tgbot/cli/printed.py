"""How results look on a terminal and as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tgbot.core.access import Verdict


def line(text: str) -> None:
    """Prints one line."""
    sys.stdout.write(text + "\n")


def as_json(value: dict[str, Any]) -> None:
    """Prints one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")


def complain(text: str) -> None:
    """Prints a complaint on standard error."""
    sys.stderr.write(f"tgbot: {text}\n")


def clean(text: str) -> str:
    """The text without anything that a terminal would obey: names come from strangers."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def moment(at: int) -> str:
    """A server time for people: 2026-01-31 09:30:00 UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


#: Values that are times.
_MOMENTS = ("since", "until", "evidence_at", "first_seen", "last_seen")


def card(values: dict[str, Any]) -> None:
    """Prints a name and its value a line; what is not known has no line."""
    known = {name: value for name, value in values.items() if value not in (None, "", [])}
    for name, value in known.items():
        if name in _MOMENTS:
            value = moment(value)
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        line(f"{name.replace('_', ' '):<13} {clean(str(value))}")


def verdict(found: Verdict) -> dict[str, Any]:
    """May the bot write, since and until when, and on what evidence; times are unix seconds of the server."""
    evidence = found.evidence
    return {
        "access": found.access.value,
        "since": found.since,
        "until": found.until,
        "evidence": evidence.kind.value if evidence else None,
        "evidence_at": evidence.at if evidence else None,
        "evidence_detail": (evidence.detail or None) if evidence else None,
    }


def log_to_stderr(level: str) -> None:
    """Sends the log of this process to standard error: ours from `level` on, Telethon's from WARNING on."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("telethon").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # It logs, with tracebacks of two threads, what it raises as well: that is told by whoever had called it.
    logging.getLogger("sqlitedict").setLevel(logging.CRITICAL)
