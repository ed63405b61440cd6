"""Whether the last backup failed: a file in the bot's directory says so until one succeeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tgbot.core.errors import StorageError, TgbotError
from tgbot.store.files import open_private

#: The name of the file. It holds the sentence that the command printed.
NOTE: Final = "bot.backup-failed"
#: How much of it is read, in bytes.
_LONGEST: Final = 2000


def backup_failure(directory: Path) -> str | None:
    """Return why the last backup failed, None if it did not, or if that cannot be read."""
    try:
        with (directory / NOTE).open("rb") as file:
            return file.read(_LONGEST).decode(errors="replace").strip() or None  # empty: it is being written
    except OSError:
        return None


@contextmanager
def backup_noted(directory: Path) -> Iterator[None]:
    """Note whether the backup that the block makes succeeds; raise what it raises.

    Where the note cannot be written, for example because the disk is full, there is none.
    """
    note = directory / NOTE
    try:
        yield
    except (TgbotError, OSError) as error:
        said = str(error) if isinstance(error, TgbotError) else error.strerror or type(error).__name__
        with suppress(OSError, StorageError), open(open_private(note), "wb") as file:
            # The end comes last: a reader meanwhile finds a note that is not empty.
            file.write(said.encode(errors="replace")[:_LONGEST])
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        raise
    with suppress(OSError):
        note.unlink(missing_ok=True)
