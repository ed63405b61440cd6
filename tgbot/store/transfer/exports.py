"""Export the users to a file that an import takes; the bot may run meanwhile."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeAlias

from tgbot.core.errors import ExportExistsError
from tgbot.store.files import sync
from tgbot.store.peers import KeptPeers, Peer
from tgbot.store.sqlite.connection import sqlite_errors
from tgbot.store.stored import StoredUsers
from tgbot.store.transfer.entries import to_json
from tgbot.store.transfer.exportcells import to_cells
from tgbot.store.transfer.fields import COLUMNS
from tgbot.store.transfer.forms import Form
from tgbot.store.transfer.sessions import make_session
from tgbot.store.user_json import PackedUser

#: After so many users it is told how many there were.
_TOLD: Final = 100

#: Id, user, and what the session has of them.
Rows: TypeAlias = Iterator[tuple[int, PackedUser, Peer | None]]


def rows(users: StoredUsers, peers: KeptPeers | None, progress: Callable[[int], None] | None = None) -> Rows:
    """Yield every user in order of ids, with what the session has of each; memory stays bounded.

    `progress` is told now and then how many there were.
    """
    stream = iter(()) if peers is None else peers.iterate(above=0)
    marked, peer = next(stream, (0, None))
    for number, (user_id, user) in enumerate(users.packed(), 1):
        if progress is not None and number % _TOLD == 0:
            progress(number)
        while peer is not None and marked < user_id:
            marked, peer = next(stream, (0, None))
        yield user_id, user, peer if marked == user_id and peer is not None and peer.access_hash else None


def write_text(file: IO[str], form: Form, entries: Rows, bot_id: int | None) -> int:
    """Write JSON, one user a line, or CSV to an open file; return how many users there were."""
    # With this line end, which RFC 4180 asks for, the writer also quotes a CR within a name.
    table = csv.writer(file, lineterminator="\r\n")
    if form is Form.CSV:
        table.writerow(COLUMNS)
    count = 0
    for _, user, peer in entries:
        count += 1
        if form is Form.CSV:
            table.writerow(to_cells(user, peer, bot_id))
        else:
            file.write(to_json(user, peer, bot_id) + "\n")
    return count


def write_file(path: Path, form: Form, entries: Rows, bot_id: int | None) -> int:
    """Make the file, which only its owner may read, and return how many users are in it.

    It gets its name only when it is complete. A session holds the users whose access hash is known, and no
    login. Raise ExportExistsError if the file exists, and a StorageError if it cannot be written.
    """
    part = path.with_name(f".{path.name}.part.session" if form is Form.SESSION else f".{path.name}.part")
    with sqlite_errors(path):
        part.unlink(missing_ok=True)
        if path.exists():
            raise ExportExistsError(path)
    with sqlite_errors(path), _deleted_unless_renamed(part):
        if form is Form.SESSION:
            known = ((user_id, peer) for user_id, _, peer in entries if peer is not None)
            count = make_session(part, bot_id, known)
        else:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
                count = write_text(file, form, entries, bot_id)
                file.flush()
                os.fsync(file.fileno())
        part.rename(path)
        sync(path.parent)
    return count


@contextmanager
def _deleted_unless_renamed(part: Path) -> Iterator[None]:
    try:
        yield
    finally:
        part.unlink(missing_ok=True)
