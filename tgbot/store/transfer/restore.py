"""Put a backup in the place of the bot's files, and keep what was there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tgbot.core.errors import RestoreError, StorageError, StorageFullError, StorageLockedError
from tgbot.store.files import beside, disk_errors, give_to_owner, private_directory, sync
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite import sessionfile, userschema
from tgbot.store.sqlite.connection import connect, connect_durable, new_file, sqlite_errors
from tgbot.store.transfer.backup import backup

#: Told the file that is copied, and the share of it that is.
Progress = Callable[[Path, float], None]


class Files(NamedTuple):
    """Where the bot's files are."""

    session: Path
    registry: Path
    logins: Path


class Restored(NamedTuple):
    """What a restore has done."""

    #: The files that are from the backup now.
    files: list[Path]
    #: Where those are that they replaced; None if there were none.
    aside: Path | None


def restore(
    source: Path, files: Files, *, bot_id: int | None, force: bool, now: datetime, progress: Progress
) -> Restored:
    """Put the copies in `source` in the place of the files, each whole and on disk on return.

    Interrupted at any instant, the bot has its files from before or, from the session on, those of the
    backup: users that are ahead of the update state are harmless. The used logins that are there stay,
    because they are newer. What is replaced is kept in a directory beside the files. All of it belongs to the
    owner of the directory, also if root restores.

    `bot_id` is the bot's by its token, if that is known. Raise RestoreError if the copies are incomplete or
    of different bots, which `force` allows; SessionInUseError while the bot runs; any StorageError for a copy
    that is damaged or too new, before anything is changed.
    """
    copies = [source / file.name for file in files]
    _check(source, Files(*copies), bot_id, force)
    private_directory(files.session.parent)
    with instance_lock(files.session):
        there = [file for file in files if file.exists()]
        aside = files.session.parent / f"before-restore-{now.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}"
        if there:
            _keep(there, aside, progress)
        taken = []
        for copy, file in zip(copies, files, strict=True):
            if copy.exists() and not (file == files.logins and file.exists()):
                _put(copy, file, progress)
                taken.append(file)
        give_to_owner(files.session.parent)
    return Restored(taken, aside if there else None)


def _check(source: Path, copies: Files, bot_id: int | None, force: bool) -> None:
    """Raise unless the copies are whole and of a known version, and without `force` complete, of this bot."""
    if not copies.session.exists() and not copies.registry.exists():
        advice = 'name a directory that "tgbot backup" has made'
        raise RestoreError(source, f"it has no {copies.session.name}", advice)
    owners: list[int] = []
    for copy, check in ((copies.session, sessionfile.check_whole), (copies.registry, userschema.check_whole)):
        if copy.exists():
            owners += filter(None, [check(copy)])
        elif not force:
            raise RestoreError(source, f"it has no {copy.name}", "add --force: the other file comes alone")
    if force:
        return
    if len(set(owners)) > 1:
        reason = f"its session is of bot {owners[0]}, its registry of bot {owners[1]}"
        raise RestoreError(source, reason, "take another backup, or add --force")
    if bot_id is not None and owners and owners[0] != bot_id:
        reason = f"it is of bot {owners[0]}, and the token of bot {bot_id}"
        raise RestoreError(source, reason, f"set the token of bot {owners[0]}, or add --force")


def _keep(there: list[Path], aside: Path, progress: Progress) -> None:
    """Copy the files to a directory; move one there that cannot be read, with what lies beside it."""
    try:
        backup(there, aside, progress)
    except (StorageFullError, StorageLockedError):
        raise
    except StorageError:
        with disk_errors(aside):
            aside.mkdir(mode=0o700, exist_ok=True)
            for file in there:
                for one in (file, *beside(file)):
                    if one.exists():
                        one.rename(aside / one.name)
            sync(aside)
        return
    for file in there:
        # What is in the log of a file goes into the file, so that no log is left beside the next one.
        with sqlite_errors(file), closing(connect_durable(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def _put(copy: Path, file: Path, progress: Progress) -> None:
    with sqlite_errors(file), new_file(file) as target, closing(connect(copy)) as original:
        original.backup(
            target, progress=lambda _, left, total: progress(copy, 1 - left / total if total else 1.0)
        )
