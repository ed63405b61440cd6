"""The peers of a session: in memory, on their way to where they are kept, and there."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, TypeVar

from tgbot.core.clock import is_future
from tgbot.core.users import Keep
from tgbot.store.peers import RESOLVES_A_DAY, Entity, Peer, PeerChanges, UsernameRow, newer, peer_of

K = TypeVar("K")
V = TypeVar("V")

#: A peer seen again within this many seconds is not written again only for its date.
SEEN_GRAIN: Final = 600
#: How many peers stay in memory; each of the others costs one read by primary key.
KNOWN_LIMIT: Final = 50_000
#: How many users stay in memory whom the file does not get, those that were seen last. More than there can
#: be updates that wait, so that nobody who writes to the bot is among those who leave.
PASSING_LIMIT: Final = 50_000
#: How many ids are remembered as unknown to the file, so that it is not read for them again.
ABSENT_LIMIT: Final = 10_000
#: How many peers are read between two turns of the event loop.
_PAGE: Final = 500
_DAY: Final = 24 * 60 * 60


class PeerBook:
    """Who the peers of a session file are and whose the usernames: each answer is what Telegram said last.

    Changes are in effect at once, and wait in `_changes` until a `_saving` block has written them. With
    `Keep.PRIVATE` users are passing until `keep` names them: found in the same way, but in memory only, and
    not written.
    """

    def __init__(self, clock: Callable[[], float], keep: Keep) -> None:
        self._clock = clock
        self._selective = keep is Keep.PRIVATE
        #: The passing users, who were seen first first; newer than what is known of them from the file.
        self._passing: OrderedDict[int, Peer] = OrderedDict()
        self._known: OrderedDict[int, Peer] = OrderedDict()
        #: Username → marked id of the one among all of these that has it.
        self._named: dict[str, int] = {}
        self._absent: dict[int, None] = {}
        #: How often what is kept was changed: what was read before that may not be true any more.
        self.written = 0
        #: What no checkpoint has begun to write, and what one is writing now.
        self._changes = PeerChanges()
        self._writing = PeerChanges()
        #: When usernames were resolved in the last 24 hours.
        self._resolves: list[int] = []

    # ---- where they are kept; each raises a StorageError where that cannot be read -----------------

    @abstractmethod
    def _stored(self, marked_ids: Sequence[int]) -> Iterable[tuple[int, Peer]]:
        """Return those of these peers that are kept; the first username is the one plain Telethon knows."""

    async def _fetched(self, marked_ids: Sequence[int]) -> Iterable[tuple[int, Peer]]:
        """Return the same; where they are far away, without blocking the event loop."""
        return self._stored(marked_ids)

    @abstractmethod
    def _stored_hash(self, marked_id: int) -> int | None:
        """Return the access hash that is kept of a peer, None for none."""

    @abstractmethod
    def _stored_owners(self, name: str) -> Iterable[UsernameRow]:
        """Return who has a username by what is kept; what counts most comes first."""

    async def _fetched_owners(self, names: Sequence[str]) -> Mapping[str, Iterable[UsernameRow]]:
        """Return the same of each of these usernames; where they are far away, by one question."""
        return {name: self._stored_owners(name) for name in names}

    # ---- what Telegram says, and who asks ----------------------------------------------------------

    def remember(self, peers: Iterable[Entity]) -> int:
        """Store users and chats as they arrive, and return the time of that, in unix seconds.

        Min ones and those without access hash are left out. The others are found by every look-up at once,
        and on disk at the next checkpoint, but for passing users. A peer that has not changed and was seen
        within the last ten minutes costs one comparison and no write.
        """
        now = int(self._clock())
        passing, known = self._passing, self._known
        for entity in peers:
            found = peer_of(entity, now)
            if found is not None:
                marked, new = found
                old = passing.get(marked) or known.get(marked)
                if (
                    old is None
                    or not -SEEN_GRAIN < now - old.seen < SEEN_GRAIN
                    or (old.access_hash, old.names, old.title, old.phone)
                    != (new.access_hash, new.names, new.title, new.phone)
                ):
                    passes = self._selective and marked > 0 and not entity.is_self
                    if old is not None or new.names:
                        self._replace(marked, new, old, passes)
                    if passes:
                        passing[marked] = new
                    else:
                        self._put(marked, new)
        return now

    def keep(self, user_ids: Iterable[int]) -> None:
        """Let the file get those of these users who were passing."""
        passing = self._passing
        for user_id in user_ids:
            peer = passing.pop(user_id, None)
            if peer is not None:
                self._put(user_id, peer)

    async def merge(self, peers: Mapping[int, Peer]) -> int:
        """Store peers out of a file, those that are newer than what is known; return how many.

        On disk at the next checkpoint.
        """
        await self.load(peers)
        names = {name for theirs in peers.values() for name in theirs.names}
        asked = await self._current(self._fetched_owners, [*names - self._named.keys()])
        stored = 0
        for marked, theirs in peers.items():
            self._load((marked,))  # one that left memory again
            mine = self._in_memory(marked)
            owners = {name: row for name in theirs.names if (row := self._username(name, asked)) is not None}
            peer = newer(mine, theirs, marked, owners)
            if peer is not None:
                self._replace(marked, peer, mine, passes=False)
                self._put(marked, peer)
                stored += 1
        return stored

    def loaded(self, marked_ids: AbstractSet[int]) -> bool:
        """Return whether all of these peers, as far as there are any, are in memory."""
        passing, known, absent = self._passing, self._known, self._absent
        return known.keys() >= marked_ids or all(
            one in known or one in passing or one in absent for one in marked_ids
        )

    async def load(self, marked_ids: Iterable[int]) -> None:
        """Read these peers into memory, those that are not there, many in one read."""
        wanted = list(marked_ids)
        for start in range(0, len(wanted), _PAGE):
            if start:
                await asyncio.sleep(0)
            missing = self.missing(wanted[start : start + _PAGE])
            if missing:
                self.take_in(missing, await self._current(self._fetched, missing))

    async def _current(self, read: Callable[[Sequence[K]], Awaitable[V]], wanted: Sequence[K]) -> V:
        """Return what is read of what is kept; again, if it was changed meanwhile."""
        while True:
            written, found = self.written, await read(wanted)
            if written == self.written:
                return found

    def _load(self, marked_ids: Iterable[int]) -> None:
        if missing := self.missing(marked_ids):
            self.take_in(missing, self._stored(missing))

    def missing(self, marked_ids: Iterable[int]) -> list[int]:
        """Return those of these peers that have to be read."""
        passing, known, absent = self._passing, self._known, self._absent
        return [one for one in marked_ids if not (one in passing or one in known or one in absent)]

    def take_in(self, missing: Iterable[int], rows: Iterable[tuple[int, Peer]]) -> None:
        """Note what was read of peers that were missing; what arrived while they were read is newer."""
        for marked in self.missing(missing):
            self._absent[marked] = None
        for marked, peer in rows:
            if marked not in self._absent:
                continue
            del self._absent[marked]
            # A username may have gone elsewhere since the peer was written.
            peer.names = tuple(name for name in peer.names if not self._is_lost(name, marked))
            self._known[marked] = peer
            for name in peer.names:
                self._named[name] = marked
        self._make_room()

    def access_hash(self, marked_id: int) -> int | None:
        """Return the access hash of a peer (0 for a basic group), or None for one never met."""
        peer = self._passing.get(marked_id) or self._known.get(marked_id)
        if peer is not None:
            return peer.access_hash
        if marked_id in self._absent:
            return None
        return self._stored_hash(marked_id)

    def title(self, marked_id: int) -> str:
        """Return the title of a chat, or the name of a user, as last seen; "" if that is not known."""
        self._load((marked_id,))
        peer = self._in_memory(marked_id)
        return (peer.title if peer is not None else None) or ""

    def username(self, name: str) -> UsernameRow | None:
        """Return whom Telegram last said a username belongs to, and when; None if that is not known.

        When is 0 for a time of the future. Two index look-ups at most, whatever the number of peers.
        """
        row = self._username(name.lower().lstrip("@"))
        return row if row is None or not is_future(row.seen, self._clock()) else UsernameRow(row.marked_id, 0)

    def _username(
        self, name: str, asked: Mapping[str, Iterable[UsernameRow]] = MappingProxyType({})
    ) -> UsernameRow | None:
        """Return whom a username belongs to; `asked` has what is kept of some usernames."""
        marked = self._named.get(name)
        if marked is not None and (peer := self._in_memory(marked)) is not None:
            return UsernameRow(marked, peer.seen)
        if name in self._changes.names or name in self._writing.names:
            return None  # the file does not know yet that its owner lost it
        for row in asked[name] if name in asked else self._stored_owners(name):
            if self._is_claimed(name, row.marked_id):
                continue  # by a user who is not in memory any more
            peer = self._in_memory(row.marked_id)
            if peer is None or name in peer.names:  # else the peer lost it since it was written
                return row
        return None

    def usernames_of(self, marked_id: int) -> tuple[str, ...]:
        """Return all usernames that a peer was last seen with, lower-cased."""
        self._load((marked_id,))
        peer = self._in_memory(marked_id)
        # A name may have gone to somebody else since this peer was seen.
        rows = ((name, self.username(name)) for name in (peer.names if peer is not None else ()))
        return tuple(name for name, row in rows if row is not None and row.marked_id == marked_id)

    def drop_username(self, name: str) -> None:
        """Forget who a username belongs to: Telegram said that it is free, or somebody else's."""
        name = name.lower().lstrip("@")
        row = self.username(name)
        self._named.pop(name, None)
        if row is not None and (peer := self._in_memory(row.marked_id)) is not None:
            peer.names = tuple(other for other in self.usernames_of(row.marked_id) if other != name)
            if row.marked_id not in self._passing:
                self._changes.peers.setdefault(row.marked_id, peer)
                for other in peer.names:
                    self._changes.names.setdefault(other, row.marked_id)
        self._changes.names[name] = None

    def count_resolve(self) -> None:
        """Count one `contacts.resolveUsername` against the day's limit; on disk at the next checkpoint."""
        self._resolves.append(int(self._clock()))
        self._changes.resolves = tuple(self._resolves)

    def resolves_today(self) -> int:
        """Return how many usernames were resolved in the last 24 hours; those of the future are forgotten."""
        now = int(self._clock())
        self._resolves = [at for at in self._resolves if now - _DAY < at and not is_future(at, now)]
        return len(self._resolves)

    def resolves_again_in(self) -> int:
        """Return after how many seconds the limit allows one more resolve, 0 if it does now."""
        if self.resolves_today() < RESOLVES_A_DAY:
            return 0
        return max(1, self._resolves[-RESOLVES_A_DAY] + _DAY - int(self._clock()))

    @property
    def changed(self) -> bool:
        """Whether there are peers or counts that no checkpoint has written yet."""
        return bool(self._changes)

    def _drop(self, marked_id: int) -> None:
        """Drop a peer and its usernames from memory, after they were deleted from the file."""
        self._reread((marked_id,))
        self._take_out(marked_id)
        for changes in (self._changes, self._writing):
            peer = changes.peers.pop(marked_id, None)
            for name in peer.names if peer else ():
                changes.names.pop(name, None)

    def _reread(self, marked_ids: Iterable[int]) -> None:
        """Drop what was read of these peers, after the file changed."""
        self.written += 1
        for marked in marked_ids if self._known or self._absent else ():
            peer = self._known.pop(marked, None)
            if peer is not None:
                self._unname(marked, peer)
            self._absent.pop(marked, None)

    @contextmanager
    def _saving(self) -> Iterator[PeerChanges]:
        """Give the changes to a block that writes them; if it raises, they wait for the next one."""
        changes = self._writing = self._changes
        self._changes = PeerChanges()
        try:
            yield changes
        except BaseException:
            # A cancelled wait does not stop the thread: the rows may be written twice, which is harmless.
            changes.put_under(self._changes)
            raise
        finally:
            self.written += 1
            self._writing = PeerChanges()
            self._make_room()

    def _put(self, marked: int, peer: Peer) -> None:
        """Let the file get a peer, with its usernames."""
        self._known[marked] = self._changes.peers[marked] = peer
        for name in peer.names:
            self._changes.names[name] = marked

    def _replace(self, marked: int, new: Peer, old: Peer | None, passes: bool) -> None:
        """Let a peer take the place of what was known of it, and have its usernames instead of others.

        What the file says of others is put right; of one who `passes`, only what is no longer true.
        """
        self._passing.pop(marked, None)
        before = () if old is None else old.names
        for name in before:
            if name not in new.names and self._named.get(name) == marked:
                del self._named[name]
                self._changes.names[name] = None
        for name in new.names:
            if self._named.get(name) != marked:
                if not passes:
                    self._take_from_others(name, marked)
                elif name in self._named:
                    self.drop_username(name)
                else:
                    # Whoever has it in the file has it no more. Nobody asks who that is: most who write for
                    # the first time are kept a moment later.
                    self._changes.claims[name] = marked
                self._named[name] = marked

    def _give_away(self, names: Iterable[str]) -> None:
        """Forget who has these usernames, after the file got other owners for them."""
        kept = (self._named, self._changes.claims, self._changes.names)
        for name in names if any(kept) else ():
            for owners in kept:
                owners.pop(name, None)

    def _take_out(self, marked: int) -> None:
        """Take a user out of those who are passing, if it is one."""
        peer = self._passing.pop(marked, None)
        if peer is not None:
            self._unname(marked, peer)

    def _is_lost(self, name: str, marked_id: int) -> bool:
        """Return whether a username went elsewhere since the file was written."""
        changes, writing = self._changes, self._writing
        return (
            self._named.get(name, marked_id) != marked_id
            or changes.names.get(name, marked_id) != marked_id
            or writing.names.get(name, marked_id) != marked_id
            or self._is_claimed(name, marked_id)
        )

    def _is_claimed(self, name: str, marked_id: int) -> bool:
        """Return whether a username has a passing user other than this peer, which the file is to learn."""
        changes, writing = self._changes.claims, self._writing.claims
        owner = changes.get(name) or writing.get(name) if changes or writing else None
        return owner is not None and owner != marked_id

    def _make_room(self) -> None:
        """Drop from memory what is beyond the limits, the oldest first, but nothing that is to be written."""
        while len(self._passing) > PASSING_LIMIT:
            self._take_out(next(iter(self._passing)))
        for _ in range(len(self._known) - KNOWN_LIMIT):
            marked, peer = self._known.popitem(last=False)
            if marked in self._changes.peers or marked in self._writing.peers:
                self._known[marked] = peer
            else:
                self._absent.pop(marked, None)
                self._unname(marked, peer)
        for _ in range(len(self._absent) - ABSENT_LIMIT):
            del self._absent[next(iter(self._absent))]

    def _unname(self, marked: int, peer: Peer) -> None:
        for name in peer.names:
            if self._named.get(name) == marked and marked not in self._passing:
                del self._named[name]

    def _take_from_others(self, name: str, marked_id: int) -> None:
        """Take a name from the peers in memory that had it, so that it is noticed if it goes back."""
        owners = (self._named.get(name), self._changes.names.get(name), self._writing.names.get(name))
        for owner in owners:
            if owner is not None and owner != marked_id and (peer := self._in_memory(owner)):
                peer.names = tuple(other for other in peer.names if other != name)

    def _in_memory(self, marked_id: int) -> Peer | None:
        return self._passing.get(marked_id) or self._known.get(marked_id)
