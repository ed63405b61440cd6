"""The copy of all files that is made before a new version of the program changes the form of one of them."""

from __future__ import annotations

import logging
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tgbot.store.files import beside, private_directory, sync
from tgbot.store.sqlite.connection import connect, new_file

logger = logging.getLogger(__name__)

#: The bot's SQLite files, in the order in which they are copied: users ahead of the session are harmless.
NAMES: Final = ("bot.session", "users.sqlite", "logins.sqlite")


def keep_before_upgrade(path: Path, found: int, known: int) -> None:
    """Copy a file, and the bot's other files beside it, into a directory beside them, and log where.

    The copies are whole and on disk on return; `tgbot restore` puts them back. `found` is the version of the
    file, `known` that of the program. Nothing is copied if there are copies from since the file was last
    written: a start may upgrade two files, and an upgrade may fail again and again. Raise sqlite3.Error or
    OSError if there can be no copy: then nothing may be changed.
    """
    if any(other.stat().st_mtime_ns >= _written(path) for other in path.parent.glob("before-upgrade-*")):
        return
    kept = path.parent / f"before-upgrade-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    part = kept.with_name(".before-upgrade.part")
    shutil.rmtree(part, ignore_errors=True)  # an interrupted start may have left it
    private_directory(part)
    names = dict.fromkeys((*NAMES, path.name))
    for source in (path.with_name(name) for name in names):
        # Before it can be read, what a killed process was writing may have to be rolled back.
        if source.exists():
            with new_file(part / source.name) as copy, closing(connect(source, "rw")) as original:
                original.backup(copy)
    part.rename(kept)
    sync(path.parent)
    message = "%s has version %d, and this program writes %d: it is upgraded; %s has all files from before"
    logger.warning(message, path, found, known, kept)


def _written(path: Path) -> int:
    """Return when a file, or its log, was last written, in nanoseconds."""
    log = beside(path)[0]  # made anew, and empty, whenever somebody reads
    return max(file.stat().st_mtime_ns for file in (path, log) if file == path or _is_filled(file))


def _is_filled(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0
