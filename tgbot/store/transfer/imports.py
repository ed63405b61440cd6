"""A file of users taken into the bot's files: merged, in bounded memory, repeatable, the bot not running."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from tgbot.core.access import Access, finally_judged, judge
from tgbot.core.errors import OwnFileError, RegistryDamagedError, WrongBotError
from tgbot.core.users import User
from tgbot.store.sqlite.connection import connect, connect_durable, transaction
from tgbot.store.sqlite.errors import sqlite_errors
from tgbot.store.sqlite.rows import pack, unpack
from tgbot.store.sqlite.schema import MIGRATIONS, NOTE, SCHEMA, prepare, schema_of
from tgbot.store.sqlite.sessionfile import Peer
from tgbot.store.transfer.entries import Entry, joined, newer
from tgbot.store.transfer.forms import UserFile
from tgbot.store.transfer.sessions import Peers, PeerWriter

#: Entries taken in one transaction.
_CHUNK: Final = 5_000
#: Refusals that are told one by one.
_TOLD: Final = 20

_SAVE: Final = """
    INSERT INTO users (key, value) SELECT json_extract(value, '$.id'), value FROM json_each(?) WHERE true
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""


@dataclass(slots=True)
class Summary:
    """What an import did, or would do."""

    #: Entries that could be read, and those that could not.
    read: int = 0
    refused: int = 0
    #: Users the registry did not have; had, and knows more of now; had as they are.
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    #: Access hashes that came into the session, with their usernames, or are known to be newer.
    peers: int = 0
    #: The first refusals: line (row of a session) and reason.
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        self.refused += 1
        if len(self.refusals) < _TOLD:
            self.refusals.append((line, reason))


def take_in(
    file: UserFile,
    *,
    session: Path,
    registry: Path,
    bot_id: int,
    now: int,
    summary: Summary,
    dry: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Join what the file has with what session and registry have, counting in `summary`.

    Chunk by chunk, each on disk before the next is read: interrupted, it has done what it counted, and done
    again it changes nothing. With `dry` the files stay as they are. Nothing else may have them open then,
    `dry` apart. Any StorageError; OwnFileError and WrongBotError before anything is read.
    """
    for own in (session, registry):
        if own.exists() and own.samefile(file.path):
            raise OwnFileError(file.path)
    entries = file.entries(summary.refuse)
    with ExitStack() as stack:
        if session.exists():
            with Peers(session) as peers:
                owner = peers.bot_id()
            if owner not in (None, bot_id):
                raise WrongBotError(session, int(owner or 0), bot_id)
        writer = None if dry else stack.enter_context(PeerWriter(session, bot_id))
        known = stack.enter_context(Peers(session)) if session.exists() else None
        users = stack.enter_context(closing(_Users(registry, now, dry=dry)))
        while chunk := list(islice(entries, _CHUNK)):
            changed = _newer(known, chunk)
            if writer is not None and changed:
                writer.write(changed)
            users.take(chunk, summary)
            summary.peers += len(changed)
            summary.read += len(chunk)
            progress(file.done)


def _newer(known: Peers | None, chunk: list[Entry]) -> dict[int, Peer]:
    """The peers of the chunk that the session does not have, or has from an earlier time."""
    ids = [entry.id for entry in chunk if entry.peer is not None]
    if not ids:
        return {}
    had: dict[int, Peer] = {} if known is None else known.get(ids)
    names = [name for entry in chunk if entry.peer is not None for name in entry.peer.names]
    owners = {} if known is None or not names else known.owners(names)
    changed: dict[int, Peer] = {}
    for entry in chunk:
        if entry.peer is not None:
            peer = newer(had.get(entry.id), entry.peer, entry.id, owners)
            if peer is not None:
                had[entry.id] = changed[entry.id] = peer
    return changed


class _Users:
    """The registry's file, with its counts kept true."""

    def __init__(self, path: Path, now: int, *, dry: bool) -> None:
        self._path = path
        self._now = now
        self._dry = dry
        self._counts: dict[str, int] | None = dict.fromkeys(Access, 0)
        self._passing: dict[str, list[int | str]] = {}
        self._connection: sqlite3.Connection | None = None
        with sqlite_errors(path, damaged=RegistryDamagedError):
            if not dry:
                path.parent.mkdir(parents=True, exist_ok=True)
                prepare(path, SCHEMA, MIGRATIONS)
            if path.exists():
                schema_of(path)
                self._connection = connect(path) if dry else connect_durable(path)
                self._read_notes(self._connection)

    def _read_notes(self, connection: sqlite3.Connection) -> None:
        notes = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('counts', 'passing')"))
        self._passing = json.loads(notes.get("passing", "{}"))
        if "counts" in notes:
            self._counts = {**dict.fromkeys(Access, 0), **json.loads(notes["counts"])}
        elif connection.execute("SELECT 1 FROM users LIMIT 1").fetchone():
            self._counts = None  # whoever opens the registry next counts

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def take(self, chunk: list[Entry], summary: Summary) -> None:
        """Join a chunk of entries; on disk on return."""
        entries = [entry for entry in chunk if entry.user is not None]
        texts = self._texts({entry.id for entry in entries})
        users: dict[int, User] = {}
        for entry in entries:
            mine = users.get(entry.id)
            if mine is None and (text := texts.get(entry.id)) is not None:
                mine = self._user(entry.id, text)
            users[entry.id] = joined(mine, entry, self._now)
        changed = []
        for user_id, user in users.items():
            had = texts.get(user_id)
            before = user.counted
            self._judge(user)
            text = pack(user)
            # SQLite leaves the blanks out, so the same may be spelt in two ways.
            if had is not None and (text == had or json.loads(text) == json.loads(had)):
                summary.unchanged += 1
                continue
            changed.append(text)
            if had is None or before is None:
                summary.new += 1
            else:
                summary.changed += 1
        if changed and not self._dry:
            self._save(changed)

    def _texts(self, ids: set[int]) -> dict[int, str]:
        if self._connection is None:
            return {}
        with sqlite_errors(self._path, damaged=RegistryDamagedError):
            rows = self._connection.execute(
                "SELECT key, value FROM users WHERE key IN (SELECT value FROM json_each(?))",
                (json.dumps([str(user_id) for user_id in ids]),),
            )
            return {int(key): text for key, text in rows}

    def _user(self, user_id: int, text: str) -> User:
        try:
            return unpack(text)
        except ValueError as error:
            raise RegistryDamagedError(self._path, f"the record of user {user_id}: {error}") from error

    def _judge(self, user: User) -> None:
        """Count the user where they belong now, as the registry does."""
        verdict = judge(user.record, self._now)
        access = verdict.access
        if verdict.until is not None:
            access = finally_judged(user.record).access
            self._passing[str(user.id)] = [verdict.until, verdict.access, access]
        else:
            self._passing.pop(str(user.id), None)
        if access is not user.counted and self._counts is not None:
            if user.counted is not None:
                self._counts[user.counted] -= 1
            self._counts[access] += 1
        user.counted = access

    def _save(self, texts: list[str]) -> None:
        assert self._connection is not None
        notes = {"passing": self._passing} | ({} if self._counts is None else {"counts": self._counts})
        with (
            sqlite_errors(self._path, damaged=RegistryDamagedError),
            transaction(self._connection) as cursor,
        ):
            cursor.execute(_SAVE, ("[" + ",".join(texts) + "]",))
            for name, note in notes.items():
                cursor.execute(NOTE, (name, json.dumps(note)))
