"""How jobs are kept: the entry of a job that comes again and again, and of one that is planned once."""

from __future__ import annotations

import json
from typing import Final, TypeAlias

import msgspec

from tgbot.store.base import Planned

#: The note with the names of the jobs that come again and again.
JOBS: Final = "jobs"

_EVERY: Final = "every "
_ONCE: Final = "once "


class Every(msgspec.Struct, tag="every", omit_defaults=True, frozen=True):
    """Where a job that comes again and again stands. Times are planned ones, unless it says otherwise."""

    #: The schedule that `since` is about.
    schedule: str
    #: The last time that is over: run, or left out. The next one is the first after it.
    since: int
    #: The time that a run has begun for, and that is not over; 0 for none.
    begun: int = 0
    #: How often that run has failed.
    failed: int = 0
    #: The last time that was run, 0 for none.
    last: int = 0
    #: Why the last run failed: the class or Telegram's name of the error; "" if it did not.
    error: str = ""
    #: The first time after `since` and `begun`.
    next: int = 0


class Once(msgspec.Struct, tag="once", omit_defaults=True, frozen=True):
    """What is kept of a job that is planned once."""

    #: When it is planned; the entry may be due later, when it is tried again.
    at: int
    #: What its sends are named after.
    origin: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    #: How often it has failed for a reason that does not pass.
    failed: int = 0


Kept: TypeAlias = Every | Once
_DECODER: Final = msgspec.json.Decoder(Kept)


def every_key(name: str) -> str:
    """Return the key of the entry of a job that comes again and again."""
    return _EVERY + name


def once_key(key: str) -> str:
    """Return the key of the entry of a job that was planned once with this key."""
    return _ONCE + key


def own_key(entry: Planned) -> str:
    """Return the key that `once` returned for an entry."""
    return entry.key.removeprefix(_ONCE)


def raw(data: object) -> msgspec.Raw:
    """Return data as JSON text; ValueError if it is not JSON, and would come back as something else."""
    try:
        text = json.dumps(data, allow_nan=False, separators=(",", ":"))
        same = json.loads(text) == data
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"data has to be JSON ({type(error).__name__})") from None
    if not same:
        raise ValueError("data has to be JSON: it has keys that are no texts, or tuples")
    return msgspec.Raw(text)


def pack(kept: Kept) -> str:
    """Return what is kept as the text of an entry."""
    return msgspec.json.encode(kept).decode()


def unpack(entry: Planned) -> Kept | None:
    """Return what is kept in an entry, None if it cannot be read."""
    try:
        kept: Kept = _DECODER.decode(entry.data)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return kept


def row(entry: Planned, *, running: bool) -> dict[str, object]:
    """Return how a job that comes again and again stands, as JSON holds it."""
    kept = unpack(entry)
    if not isinstance(kept, Every):
        kept = Every("", 0)
    return {
        "name": entry.name,
        "schedule": kept.schedule,
        "next": kept.next or None,
        "last": kept.last or None,
        "error": kept.error,
        "running": running,
    }
