"""Peers as a session keeps them, which of two is newer, and how many usernames were resolved today."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from telethon.tl import types

#: Telegram lets a bot resolve about this many usernames in any 24 hours (telegram-bot-api issue 521).
RESOLVES_A_DAY: Final = 200
_DAY: Final = 24 * 60 * 60

Entity: TypeAlias = types.User | types.Chat | types.Channel


@dataclass(frozen=True, slots=True)
class UsernameRow:
    """Who a username belonged to, and when Telegram last said so (unix seconds)."""

    marked_id: int
    seen: int


@dataclass(slots=True)
class Peer:
    """What a session keeps of one peer, under its marked id."""

    access_hash: int
    #: Active usernames, lower-cased; the first is the one that plain Telethon keeps.
    names: tuple[str, ...]
    phone: str | int | None
    title: str | None
    #: When Telegram said so, in unix seconds.
    seen: int


def peer_of(entity: Entity, now: int) -> tuple[int, Peer] | None:
    """Return the marked id and the peer that a user or chat is; None for a min one and one without hash."""
    kind = type(entity)
    if kind is types.User:
        if entity.min or not entity.access_hash:
            return None
        title = entity.first_name
        if entity.last_name:
            title = f"{title} {entity.last_name}" if title else entity.last_name
        return entity.id, Peer(entity.access_hash, active_names(entity), entity.phone, title or None, now)
    if kind is types.Channel:
        if entity.min or not entity.access_hash:
            return None
        names = active_names(entity)
        return -1_000_000_000_000 - entity.id, Peer(
            entity.access_hash, names, None, entity.title or None, now
        )
    if kind is types.Chat:
        return -entity.id, Peer(0, (), None, entity.title or None, now)
    return None


def active_names(entity: types.User | types.Channel) -> tuple[str, ...]:
    """Return the usernames of a user or channel that lead to it, lower-cased."""
    if entity.usernames:
        return tuple(name.username.lower() for name in entity.usernames if name.active)
    return (entity.username.lower(),) if entity.username else ()


def newer(mine: Peer | None, theirs: Peer, marked_id: int, owners: Mapping[str, UsernameRow]) -> Peer | None:
    """Return the peer to keep instead of `mine`; None if `mine` is as new, or newer.

    `owners` names who has the usernames of `theirs` by now; a username stays with whom Telegram named later.
    """
    if mine is not None and mine.access_hash and theirs.seen <= mine.seen:
        return None
    names = []
    for name in theirs.names:
        other = owners.get(name)
        if other is None or other.marked_id == marked_id or other.seen < theirs.seen:
            names.append(name)
    phone = theirs.phone or (mine.phone if mine is not None else None)
    title = theirs.title or (mine.title if mine is not None else None)
    return Peer(theirs.access_hash, tuple(names), phone, title, theirs.seen)


class Resolves:
    """When usernames were resolved in the last 24 hours, against Telegram's limit."""

    def __init__(self, clock: Callable[[], float], at: Iterable[int] = ()) -> None:
        self._clock = clock
        self._at = deque(at)

    def add(self) -> tuple[int, ...]:
        """Count one `contacts.resolveUsername`, and return the times of all."""
        self._at.append(int(self._clock()))
        return tuple(self._at)

    def today(self) -> int:
        """Return how many there were in the last 24 hours."""
        yesterday = int(self._clock()) - _DAY
        while self._at and self._at[0] <= yesterday:
            self._at.popleft()
        return len(self._at)

    def again_in(self) -> int:
        """Return after how many seconds the limit allows one more, 0 if it does now."""
        if self.today() < RESOLVES_A_DAY:
            return 0
        return max(1, self._at[-RESOLVES_A_DAY] + _DAY - int(self._clock()))
