"""Import a file of users into the bot's files: merged, in bounded memory, repeatable, the bot not running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tgbot.core.errors import OwnFileError, WrongBotError
from tgbot.store.peers import Peer, newer
from tgbot.store.registry import Registry
from tgbot.store.sqlite.connection import sqlite_errors
from tgbot.store.sqlite.locks import patiently
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.userfile import ReadOnlyUserRows
from tgbot.store.sqlite.userschema import prepare
from tgbot.store.stored import UserRows
from tgbot.store.transfer.entries import Entry
from tgbot.store.transfer.fields import A_CHAT
from tgbot.store.transfer.forms import UserFile
from tgbot.store.transfer.sessions import Peers, make_session

#: Entries merged in one transaction.
_CHUNK: Final = 5_000
#: Entries read between two turns of the event loop.
_SLICE: Final = 100
#: How many unreadable entries are reported one by one.
_REPORTED: Final = 20


@dataclass(slots=True)
class Summary:
    """What an import did, or would do."""

    #: Entries that could be read, and entries that could not.
    read: int = 0
    refused: int = 0
    #: How many of those that could not be read are groups or channels.
    chats: int = 0
    #: Users that the registry did not have; that it had and knows more of now; that it had like this.
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    #: Access hashes stored in the session, with their usernames.
    peers: int = 0
    #: The first unreadable entries: line (or row of a session), and why.
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def count(self, read: int, outcomes: Sequence[bool | None], peers: int) -> None:
        """Count entries that were merged, what came of each user, and the peers that were stored."""
        self.read += read
        self.new += outcomes.count(None)
        self.changed += outcomes.count(True)
        self.unchanged += outcomes.count(False)
        self.peers += peers

    def refuse(self, line: int, reason: str) -> None:
        """Count an entry that could not be read."""
        self.refused += 1
        self.chats += reason == A_CHAT
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

    A chunk of entries is on disk before the next is merged: an import that is interrupted has done what it
    counted, and the same import again changes nothing. With `dry` no file is changed; without it, nothing
    else may have the files open. Raise OwnFileError and WrongBotError before anything is read, and any
    StorageError.
    """
    _check(file, session, registry, bot_id)
    with ExitStack() as stack:
        if dry:
            rows, peers = _readable(session, registry, stack)
        else:
            store = patiently(lambda: SqliteStore(session, registry, clock=lambda: now, cached_users=_CHUNK))
            stack.callback(store.close)
            if store.session.bot_id() is None:
                store.session.set_bot_id(bot_id)
            peers = stack.enter_context(Peers(session))
        entries = file.entries(summary.refuse)
        chunk = await _read(entries)
        while chunk:
            done = file.done
            # Nothing leaves the memory of a dry run's registry, so each chunk gets its own.
            users = Registry(rows, lambda: now) if dry else store.users
            changed = _newer(peers, chunk)
            outcomes = await _merge(users, chunk, now)
            counted = partial(summary.count, len(chunk), outcomes, len(changed))
            if dry:
                counted()
                chunk = await _read(entries)
            else:
                # Threads write this chunk while the next one is read.
                writing = asyncio.ensure_future(_write(store, changed, counted))
                try:
                    chunk = await _read(entries)
                finally:
                    await _complete(writing)
            progress(done)


async def _write(store: SqliteStore, changed: Mapping[int, Peer], counted: Callable[[], None]) -> None:
    """Write a chunk that was merged, and count it."""
    await asyncio.gather(store.session.put(changed), store.users.flush())
    counted()


async def _complete(work: asyncio.Future[None]) -> None:
    """Await work, to its end even if the caller is cancelled meanwhile."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise


def _readable(session: Path, registry: Path, stack: ExitStack) -> tuple[UserRows, Peers]:
    """Open both files for reading only; empty ones elsewhere stand for those that do not exist."""
    elsewhere = Path(stack.enter_context(TemporaryDirectory()))
    with sqlite_errors(elsewhere):
        if not registry.exists():
            registry = elsewhere / "users.sqlite"
            prepare(registry)
        if not session.exists():
            session = elsewhere / "bot.session"
            make_session(session, None, ())
    return stack.enter_context(closing(ReadOnlyUserRows(registry))), stack.enter_context(Peers(session))


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


async def _read(entries: Iterator[Entry]) -> list[Entry]:
    """Return the next chunk of entries, read in small slices between turns of the event loop."""
    chunk: list[Entry] = []
    while len(chunk) < _CHUNK and (part := list(islice(entries, min(_SLICE, _CHUNK - len(chunk))))):
        chunk += part
        await asyncio.sleep(0)
    return chunk


async def _merge(users: Registry, chunk: list[Entry], now: int) -> list[bool | None]:
    """Merge the users of a chunk, and return what came of each of them (see `Registry.merge`)."""
    entries = [(entry, entry.user) for entry in chunk if entry.user is not None]
    await users.load({entry.id for entry, _ in entries})
    outcomes: dict[int, bool | None] = {}
    for entry, fields in entries:
        changed = users.merge(fields, partial=entry.partial, now=now)
        if users.imported(entry.id, now):
            changed = None if changed is None else True
        if outcomes.get(entry.id, False) is False:
            outcomes[entry.id] = changed
    return list(outcomes.values())


def _newer(known: Peers, chunk: list[Entry]) -> dict[int, Peer]:
    """Return the peers of the chunk that the session does not have, or has from an earlier time."""
    peers = [(entry.id, entry.peer) for entry in chunk if entry.peer is not None]
    had = known.get([marked for marked, _ in peers])
    owners = known.owners([name for _, peer in peers for name in peer.names])
    changed: dict[int, Peer] = {}
    for marked, theirs in peers:
        peer = newer(had.get(marked), theirs, marked, owners)
        if peer is not None:
            had[marked] = changed[marked] = peer
    return changed
