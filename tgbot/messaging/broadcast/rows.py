"""The deliveries of a broadcast as a table (CSV): a row for each recipient."""

from __future__ import annotations

import asyncio
import csv
import os
import time
from collections.abc import AsyncIterable, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Final, TypeAlias

from tgbot.core.broadcasts import Broadcast
from tgbot.core.deliveries import BUTTONS, Chunk, Correction, Outcome
from tgbot.store.files import whole_file
from tgbot.store.transfer.cells import guarded

#: What the first row says.
HEADER: Final = ("id", "outcome", "error", "at", "language", "messages", "clicks", "correction")

#: How many rows are written between two turns of the event loop: they take half a millisecond.
_AT_ONCE: Final = 250

Row: TypeAlias = tuple[int | str, str, str, str, str, str, str, str]

#: The byte of an outcome, of clicks, of a correction → the cell.
_OUTCOMES: Final = [outcome.label for outcome in Outcome]
_CLICKS: Final = [
    " ".join(str(button + 1) for button in range(BUTTONS) if bits >> button & 1) for bits in range(256)
]
_CORRECTIONS: Final = ["" if one is Correction.NONE else one.name.lower() for one in Correction]


def rows(broadcast: Broadcast, chunk: Chunk) -> Iterator[Row]:
    """Return the cells of each recipient in a chunk, in order of their ids.

    They are: the user id, empty for one who had everything deleted; the outcome; the name of Telegram's
    error; when the outcome came, in UTC; the language of the text; the ids of the messages; the numbers of
    the buttons that were used, of those that are counted, from 1; what came of the last edit or deletion.
    """
    moments: dict[int, str] = {0: ""}
    for at in {*chunk.at} - {0}:
        moments[at] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    languages = ["", *map(guarded, broadcast.languages)]
    errors = ["", *map(guarded, chunk.errors)]
    corrections = _CORRECTIONS if chunk.round == broadcast.round else [""] * len(_CORRECTIONS)
    # Columns, not rows: a million recipients take half the time.
    return zip(
        (user or "" for user in chunk.ids),
        map(_OUTCOMES.__getitem__, chunk.outcomes),
        map(errors.__getitem__, chunk.why),
        map(moments.__getitem__, chunk.at),
        map(languages.__getitem__, chunk.languages),
        _messages(chunk),
        map(_CLICKS.__getitem__, chunk.clicks),
        map(corrections.__getitem__, chunk.corrections),
        strict=True,
    )


def _messages(chunk: Chunk) -> Iterator[str]:
    """Yield the ids of the messages that each recipient got."""
    if chunk.parts == 1:
        return (str(message) if message else "" for message in chunk.messages)
    each = map(chunk.messages_of, range(len(chunk.ids)))
    return (" ".join(str(message) for message in messages if message) for messages in each)


async def write_rows(
    file: IO[str],
    broadcast: Broadcast,
    chunks: AsyncIterable[Chunk],
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the table to an open file, one chunk in memory at a time; return how many recipients there were.

    Others have their turn after every few hundred rows. `progress` is told after each chunk how many
    recipients there were until then.
    """
    table = csv.writer(file, lineterminator="\r\n")  # as in the exports
    table.writerow(HEADER)
    count = 0
    async for chunk in chunks:
        left = rows(broadcast, chunk)
        for _ in range(0, len(chunk.ids), _AT_ONCE):
            table.writerows(islice(left, _AT_ONCE))
            await asyncio.sleep(0)
        count += len(chunk.ids)
        if progress is not None:
            progress(count)
    return count


async def write_table(
    path: Path,
    broadcast: Broadcast,
    chunks: AsyncIterable[Chunk],
    progress: Callable[[int], None] | None = None,
) -> int:
    """Make the file, which only its owner may read, and return how many recipients are in it.

    It gets its name only when it is complete and on disk, for which everybody else waits; a file of that name
    is replaced. Raise a StorageError if it cannot be written.
    """
    with whole_file(path) as part:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: ASYNC230 - it is new
            return await write_rows(file, broadcast, chunks, progress)
