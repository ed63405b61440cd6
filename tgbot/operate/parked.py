"""The commands for parked updates: of the running bot, and of the command line where no bot runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, Protocol

from telethon.extensions import BinaryReader

from tgbot.core.errors import NotParkedError
from tgbot.operate.control import Command, Say
from tgbot.store.base import Parked, ParkedUpdates, Reason

#: How many entries are in one answer at most, and how many are read between two turns of the event loop.
PAGE: Final = 100


class Retry(Protocol):
    """Give parked updates to the handlers again, now or at the next start; return which were found."""

    async def __call__(self, keys: Sequence[str], /) -> Collection[str]: ...


def commands(parked: ParkedUpdates, retry: Retry, save: Callable[[], Awaitable[None]]) -> dict[str, Command]:
    """Return the commands by name; `save` puts on disk what was dropped."""

    async def show_all(
        say: Say, reason: Reason | None = None, after: tuple[int, str] | None = None
    ) -> object:
        page = list(islice(parked.entries(after), PAGE))
        following = [page[-1].parked_at, page[-1].key] if len(page) == PAGE else None
        return {"entries": [_summary(entry) for entry in _chosen(page, reason)], "after": following}

    async def show(say: Say, key: str, text: bool = False) -> object:
        entry = parked.get(key)
        if entry is None:
            raise NotParkedError(key)
        words = {"text": _text_of(entry.update)} if text else {}
        return _summary(entry) | {"trace": entry.trace} | words

    async def retry_some(
        say: Say, keys: Sequence[str] = (), all: bool = False, reason: Reason | None = None
    ) -> object:
        # All without a reason are those that did not end the process.
        chosen = await keys_of(reason, but=Reason.POISON) if all else list(dict.fromkeys(keys))
        found = set(await retry(chosen))
        return {"done": [k for k in chosen if k in found], "unknown": [k for k in chosen if k not in found]}

    async def drop(
        say: Say, keys: Sequence[str] = (), all: bool = False, reason: Reason | None = None
    ) -> object:
        chosen = await keys_of(reason) if all else list(dict.fromkeys(keys))
        done = [key for key in chosen if parked.drop(key)]
        await save()
        return {"done": done, "unknown": [key for key in chosen if key not in set(done)]}

    async def keys_of(reason: Reason | None, *, but: Reason | None = None) -> list[str]:
        keys: list[str] = []
        entries = parked.entries()
        while page := list(islice(entries, PAGE)):
            keys += [entry.key for entry in _chosen(page, reason) if reason or entry.reason is not but]
            await asyncio.sleep(0)  # others have their turn
        return keys

    return {"parked.list": show_all, "parked.show": show, "parked.retry": retry_some, "parked.drop": drop}


def at_the_next_start(parked: ParkedUpdates) -> Retry:
    """Return a retry for a bot that does not run: the updates are due when it starts."""

    async def retry(keys: Sequence[str], /) -> list[str]:
        found = [entry for key in keys if (entry := parked.get(key)) is not None]
        for entry in found:
            # A time that has passed on Telegram's clock, which is not known here.
            parked.park(replace(entry, retry_at=entry.parked_at))
        return [entry.key for entry in found]

    return retry


def _chosen(entries: Sequence[Parked], reason: Reason | None) -> Iterator[Parked]:
    return (entry for entry in entries if reason is None or entry.reason == reason)


def _summary(entry: Parked) -> dict[str, object]:
    """Return an entry as JSON holds it, without what may be the text of a message."""
    return {
        "key": entry.key,
        "reason": entry.reason,
        "handler": entry.handler,
        "error": entry.error,
        "dialog": entry.dialog,
        "user": entry.user,
        "parked_at": entry.parked_at,
        "attempts": entry.attempts,
        "retry_at": entry.retry_at,
    }


def _text_of(update: bytes) -> str | None:
    """Return the texts of the messages in a parked update, None where it cannot be read."""
    try:
        read = BinaryReader(update).tgread_object()
    except Exception:  # whatever Telethon raises for bytes of another layer
        return None
    messages = [getattr(one, "message", None) for one in getattr(read, "updates", None) or [read]]
    texts = [one if isinstance(one, str) else getattr(one, "message", None) for one in messages]
    return "\n".join(filter(None, texts))
