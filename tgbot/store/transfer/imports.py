"""Import a file of users into the bot's files, or elsewhere: merged, in bounded memory, repeatable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from tgbot.core.errors import OwnFileError, WrongBotError
from tgbot.store.opened import OpenStore
from tgbot.store.opening import Place, kept_at
from tgbot.store.peers import KeptPeers, Peer, newer
from tgbot.store.registry import Registry
from tgbot.store.sqlite.connection import sqlite_errors
from tgbot.store.sqlite.peers import Peers
from tgbot.store.sqlite.userfile import ReadOnlyUserRows
from tgbot.store.sqlite.userschema import prepare
from tgbot.store.stored import UserRows
from tgbot.store.transfer.entries import Entry
from tgbot.store.transfer.fields import A_CHAT
from tgbot.store.transfer.forms import UserFile
from tgbot.store.transfer.merging import merge_users
from tgbot.store.transfer.newcomers import Newcomers, pack_as_new, told_apart
from tgbot.store.transfer.sessions import make_session
from tgbot.store.transfer.tables import Refused

#: Entries merged in one transaction.
_CHUNK: Final = 5_000
#: Entries read between two turns of the event loop.
_SLICE: Final = 500
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


class Destination(Protocol):
    """Where an import goes."""

    def prepare(self, entries: Sequence[Entry]) -> None:
        """Do beforehand what a merge of these entries needs and can be done while others are written."""

    async def merge(self, chunk: Sequence[Entry]) -> tuple[Sequence[bool | None], int]:
        """Merge entries; return what came of each user (see `Registry.merge`), and how many peers are new."""

    async def write(self) -> None:
        """Put on disk what was merged before this call; a merge may follow meanwhile."""


class Source(Protocol):
    """Where the entries of an import come from."""

    #: How much of the file has been read, as `UserFile.done`.
    done: int

    def entries(self, refused: Refused) -> Iterator[Entry]:
        """Yield each entry in the order of the file; unreadable entries are reported and skipped."""


async def take_in(
    file: Source,
    into: Destination,
    *,
    summary: Summary,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Merge a file into a destination, and count in `summary`.

    A chunk of entries is on disk before the next is written: an import that is interrupted has done what it
    counted, and the same import again changes nothing. Raise any StorageError.
    """
    entries = file.entries(summary.refuse)
    chunk = await _read(entries, into)
    while chunk:
        done = file.done
        outcomes, peers = await into.merge(chunk)
        counted = partial(summary.count, len(chunk), outcomes, peers)
        # This chunk is written while the next one is read.
        writing = asyncio.ensure_future(_write(into, counted))
        try:
            chunk = await _read(entries, into)
        finally:
            await _complete(writing)
        progress(done)


async def _write(into: Destination, counted: Callable[[], None]) -> None:
    await into.write()
    counted()


async def _complete(work: asyncio.Future[None]) -> None:
    """Await work, to its end even if the caller is cancelled meanwhile."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise


@asynccontextmanager
async def into_place(place: Place, *, bot_id: int, now: int) -> AsyncIterator[Destination]:
    """Give what is kept for a bot that does not run as a destination (see `Kept.store`)."""
    kept = kept_at(place)
    async with kept.store("users import", clock=lambda: now, cached_users=_CHUNK) as store:
        if store.session.bot_id() is None:
            store.session.set_bot_id(bot_id)
        with kept.peers() as peers:
            assert peers is not None  # the store has made what was missing
            yield _Kept(store, peers, now)


@contextmanager
def nowhere(place: Place, *, now: int) -> Iterator[Destination]:
    """Give a destination that finds out what an import would change; nothing is changed."""
    with ExitStack() as stack:
        yield _Nowhere(*_readable(place, stack), now)


class _Kept:
    def __init__(self, store: OpenStore, peers: KeptPeers, now: int) -> None:
        self._store = store
        self._peers = peers
        self._now = now
        self._changed: dict[int, Peer] = {}
        self._unknown = False
        self._new = Newcomers()

    def prepare(self, entries: Sequence[Entry]) -> None:
        pack_as_new(entries, self._now)

    async def merge(self, chunk: Sequence[Entry]) -> tuple[Sequence[bool | None], int]:
        self._changed, self._unknown = _newer(self._peers, chunk)
        users = self._store.users
        self._new, others = await told_apart(users, chunk)
        return _outcomes(self._new) + await merge_users(users, others, self._now), len(self._changed)

    async def write(self) -> None:
        users, new = self._store.users, self._new
        work = [self._store.session.put(self._changed, unknown=self._unknown), users.flush()]
        if new.texts:
            work.append(users.add(new.texts, new.accesses))
        await asyncio.gather(*work)


class _Nowhere:
    def __init__(self, rows: UserRows, peers: KeptPeers, now: int) -> None:
        self._rows = rows
        self._peers = peers
        self._now = now

    def prepare(self, entries: Sequence[Entry]) -> None:
        pack_as_new(entries, self._now)

    async def merge(self, chunk: Sequence[Entry]) -> tuple[Sequence[bool | None], int]:
        # Nothing leaves the memory of this registry, so each chunk gets its own.
        users = Registry(self._rows, lambda: self._now)
        new, others = await told_apart(users, chunk)
        outcomes = _outcomes(new) + await merge_users(users, others, self._now)
        return outcomes, len(_newer(self._peers, chunk)[0])

    async def write(self) -> None:
        """Write nothing."""


def _readable(place: Place, stack: ExitStack) -> tuple[UserRows, KeptPeers]:
    """Open users and peers for reading only; empty ones elsewhere stand for those that do not exist."""
    kept = kept_at(place)
    rows = stack.enter_context(kept.rows())
    peers = stack.enter_context(kept.peers())
    if rows is None or peers is None:
        elsewhere = Path(stack.enter_context(TemporaryDirectory()))
        registry, session = elsewhere / "users.sqlite", elsewhere / "bot.session"
        with sqlite_errors(elsewhere):
            prepare(registry)
            make_session(session, None, ())
        rows = rows or stack.enter_context(closing(ReadOnlyUserRows(registry)))
        peers = peers or stack.enter_context(Peers(session))
    return rows, peers


def check(file: UserFile, place: Place, bot_id: int) -> None:
    """Raise OwnFileError for one of the bot's own files, WrongBotError if it has another bot's session."""
    for own in (place.session, place.registry):
        if own.exists() and own.samefile(file.path):
            raise OwnFileError(file.path)
    with kept_at(place).peers() as peers:
        owner = None if peers is None else peers.bot_id()
    if owner not in (None, bot_id):
        raise WrongBotError(kept_at(place).name, int(owner or 0), bot_id)


async def _read(entries: Iterator[Entry], into: Destination) -> list[Entry]:
    """Return the next chunk of entries, prepared, in small slices between turns of the event loop."""
    chunk: list[Entry] = []
    while len(chunk) < _CHUNK and (part := list(islice(entries, min(_SLICE, _CHUNK - len(chunk))))):
        into.prepare(part)
        chunk += part
        await asyncio.sleep(0)
    return chunk


def _outcomes(new: Newcomers) -> list[bool | None]:
    """Return what came of each of these users."""
    return [None] * len(new.texts) + [False] * new.unchanged


def _newer(known: KeptPeers, chunk: Sequence[Entry]) -> tuple[dict[int, Peer], bool]:
    """Return the peers of the chunk that the session does not have, or has from an earlier time.

    Also return whether it has none of the peers of the chunk, and nobody under their usernames.
    """
    peers = [(entry.id, entry.peer) for entry in chunk if entry.peer is not None]
    had = known.get([marked for marked, _ in peers])
    owners = known.owners([name for _, peer in peers for name in peer.names])
    unknown, changed = not (had or owners), dict(peers)
    if len(changed) == len(peers) and unknown:
        return changed, True
    changed.clear()
    for marked, theirs in peers:
        peer = newer(had.get(marked), theirs, marked, owners)
        if peer is not None:
            had[marked] = changed[marked] = peer
    return changed, unknown
