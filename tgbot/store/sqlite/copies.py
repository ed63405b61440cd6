"""Copies of the SQLite files of a bot in memory, while it runs, and back again when it does not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from tgbot.store.sqlite.connection import connect

#: The files of a bot, in the order in which copies agree: a registry may be ahead of the update state.
FILES: Final = ("bot.session", "users.sqlite", "logins.sqlite")
#: What SQLite puts beside a file.
_BESIDE: Final = ("", "-wal", "-shm", "-journal")


def copies(directory: Path) -> Mapping[str, bytes]:
    """Return a copy of each file that is there; together they are like the files of a crash.

    Raise OSError if one cannot be read now, as in the middle of a start.
    """
    found: dict[str, bytes] = {}
    for name in FILES:
        path = directory / name
        if path.exists():
            try:
                with closing(connect(path)) as source, closing(sqlite3.connect(":memory:")) as target:
                    source.backup(target)
                    found[name] = target.serialize()
            except sqlite3.Error as error:
                raise OSError(f"{path} cannot be read: {error}") from None
    return found


def put_back(directory: Path, copied: Mapping[str, bytes]) -> None:
    """Make the files what they were; the bot must not run."""
    for name in FILES:
        for end in _BESIDE:
            (directory / f"{name}{end}").unlink(missing_ok=True)
        if name in copied:
            descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(copied[name])
