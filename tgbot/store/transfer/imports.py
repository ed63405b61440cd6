"""Import a file of users into the bot's files: merged, in bounded memory, repeatable, the bot not running."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from tgbot.core.errors import OwnFileError, WrongBotError
from tgbot.store.memory import MemoryRows
from tgbot.store.peers import Peer, newer
from tgbot.store.registry import Registry, UserRows
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.userfile import ReadOnlyUserRows
from tgbot.store.transfer.entries import Entry
from tgbot.store.transfer.forms import UserFile
from tgbot.store.transfer.sessions import Peers

#: Entries merged in one transaction.
_CHUNK: Final = 5_000
#: How many unreadable entries are reported one by one.
_REPORTED: Final = 20


@dataclass(slots=True)
class Summary:
    """What an import did, or would do."""

    #: Entries that could be read, and entries that could not.
    read: int = 0
    refused: int = 0
    #: Users that the registry did not have; that it had and knows more of now; that it had like this.
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    #: Access hashes stored in the session, with their usernames.
    peers: int = 0
    #: The first unreadable entries: line (or row of a session), and why.
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """Count an entry that could not be read."""
        self.refused += 1
        if len(self.refusals) < _REPORTED:
            self.refusals.append((line, reason))


async def take_in(
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
    """Merge a file into the session and the registry, and count in `summary`.

    A chunk of entries is on disk before the next is read: an import that is interrupted has done what it
    counted, and the same import again changes nothing. With `dry` no file is changed; without it, nothing
    else may have the files open. Raise OwnFileError and WrongBotError before anything is read, and any
    StorageError.
    """
    _check(file, session, registry, bot_id)
    with ExitStack() as stack:
        target: _DryRun | _Files
        if dry:
            target = _DryRun(session, registry, now, stack)
        else:
            target = _Files(session, registry, bot_id, now, stack)
        entries = file.entries(summary.refuse)
        while chunk := list(islice(entries, _CHUNK)):
            changed = _newer(target.peers, chunk)
            await _merge(target.users(), chunk, now, summary)
            await target.write(changed)
            summary.peers += len(changed)
            summary.read += len(chunk)
            progress(file.done)


def _check(file: UserFile, session: Path, registry: Path, bot_id: int) -> None:
    """Raise OwnFileError for one of the bot's own files, WrongBotError for another bot's session."""
    for own in (session, registry):
        if own.exists() and own.samefile(file.path):
            raise OwnFileError(file.path)
    if session.exists():
        with Peers(session) as peers:
            owner = peers.bot_id()
        if owner not in (None, bot_id):
            raise WrongBotError(session, int(owner or 0), bot_id)


class _Files:
    """The bot's own files, made if there are none."""

    def __init__(self, session: Path, registry: Path, bot_id: int, now: int, stack: ExitStack) -> None:
        self._store = SqliteStore(session, registry, clock=lambda: now, cached_users=_CHUNK)
        stack.callback(self._store.close)
        if self._store.session.bot_id() is None:
            self._store.session.set_bot_id(bot_id)
        self.peers: Peers | None = stack.enter_context(Peers(session))

    def users(self) -> Registry:
        return self._store.users

    async def write(self, changed: dict[int, Peer]) -> None:
        if changed:
            self._store.session.put(changed)
        await self._store.users.flush()


class _DryRun:
    """The bot's files as far as there are any, open for reading only; a chunk changes memory only."""

    def __init__(self, session: Path, registry: Path, now: int, stack: ExitStack) -> None:
        self.peers = stack.enter_context(Peers(session)) if session.exists() else None
        self._rows: UserRows = MemoryRows()
        if registry.exists():
            self._rows = stack.enter_context(closing(ReadOnlyUserRows(registry)))
        self._now = now

    def users(self) -> Registry:
        return Registry(self._rows, lambda: self._now)

    async def write(self, changed: dict[int, Peer]) -> None:
        """Drop the changes."""


async def _merge(users: Registry, chunk: list[Entry], now: int, summary: Summary) -> None:
    """Merge the users of a chunk, and count each of them once."""
    entries = [(entry, entry.user) for entry in chunk if entry.user is not None]
    await users.load({entry.id for entry, _ in entries})
    outcomes: dict[int, bool | None] = {}
    for entry, fields in entries:
        changed = users.merge(fields, partial=entry.partial, now=now)
        if outcomes.get(entry.id, False) is False:
            outcomes[entry.id] = changed
    found = list(outcomes.values())
    summary.new += found.count(None)
    summary.changed += found.count(True)
    summary.unchanged += found.count(False)


def _newer(known: Peers | None, chunk: list[Entry]) -> dict[int, Peer]:
    """Return the peers of the chunk that the session does not have, or has from an earlier time."""
    peers = [(entry.id, entry.peer) for entry in chunk if entry.peer is not None]
    names = [name for _, peer in peers for name in peer.names]
    had: dict[int, Peer] = {} if known is None else known.get([marked for marked, _ in peers])
    owners = {} if known is None or not names else known.owners(names)
    changed: dict[int, Peer] = {}
    for marked, theirs in peers:
        peer = newer(had.get(marked), theirs, marked, owners)
        if peer is not None:
            had[marked] = changed[marked] = peer
    return changed
