"""Peers as a session keeps them, and which of two is newer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import msgspec
from telethon.tl import types

from tgbot.core.ids import marked_channel, marked_chat
from tgbot.core.names import usernames_of

#: Telegram lets a bot resolve about this many usernames in any 24 hours (telegram-bot-api issue 521).
RESOLVES_A_DAY: Final = 200

Entity: TypeAlias = types.User | types.Chat | types.Channel


@dataclass(frozen=True, slots=True)
class UsernameRow:
    """Who a username belonged to, and when Telegram last said so (unix seconds)."""

    marked_id: int
    seen: int


class Peer(msgspec.Struct, gc=False):  # made in C: there is one for each user who arrives
    """What a session keeps of one peer, under its marked id."""

    access_hash: int
    #: Active usernames, lower-cased; the first is the one that plain Telethon keeps.
    names: tuple[str, ...]
    phone: str | int | None
    title: str | None
    #: When Telegram said so, in unix seconds.
    seen: int

    def __repr__(self) -> str:
        return f"Peer(seen={self.seen})"  # access hash, phone and names have no place in a log


@dataclass(slots=True)
class PeerChanges:
    """Changes of peers, usernames and resolves that no checkpoint has written yet."""

    peers: dict[int, Peer] = field(default_factory=dict)
    #: Username → marked id of its owner among `peers`; None where no known peer has it any more.
    names: dict[str, int | None] = field(default_factory=dict)
    #: Username → a user who is not written and has it, unless `names` says more: nobody else has it any more.
    claims: dict[str, int] = field(default_factory=dict)
    #: When usernames were resolved (unix seconds), all of the last day; None if that has not changed.
    resolves: tuple[int, ...] | None = None
    #: Whether none of these peers and usernames is kept yet, so that nothing is to be replaced.
    unknown: bool = False

    def __bool__(self) -> bool:  # claims wait for something else to be written
        return bool(self.peers or self.names or self.resolves is not None)

    def put_under(self, newer: PeerChanges) -> None:
        """Add these older changes to newer ones; where both say something, the newer ones stay."""
        newer.peers = {**self.peers, **newer.peers}
        newer.names = {**self.names, **newer.names}
        newer.claims = {**self.claims, **newer.claims}
        if newer.resolves is None:
            newer.resolves = self.resolves


class KeptPeers(Protocol):
    """The peers as a checkpoint wrote them last, for reading; a running bot is not disturbed."""

    def bot_id(self) -> int | None:
        """Return the id of the bot whose peers they are; None if it is not known."""

    def iterate(self, above: int = -(2**63)) -> Iterator[tuple[int, Peer]]:
        """Yield every peer with a greater marked id, in order of ids; memory stays bounded."""

    def get(self, ids: Iterable[int]) -> dict[int, Peer]:
        """Return the peers of these marked ids, as far as there are any."""

    def owners(self, names: Iterable[str]) -> dict[str, UsernameRow]:
        """Return who has these usernames, as far as that is known."""


def peer_of(entity: Entity, now: int) -> tuple[int, Peer] | None:
    """Return the marked id and the peer that a user or chat is; None for a min one and one without hash."""
    if isinstance(entity, types.User):
        if entity.min or not entity.access_hash:
            return None
        names = _lowered(entity) if entity.username or entity.usernames else ()
        first, last = entity.first_name, entity.last_name
        title = f"{first} {last}" if first and last else first or last or None
        return entity.id, Peer(entity.access_hash, names, entity.phone, title, now)
    if isinstance(entity, types.Chat):
        return marked_chat(entity.id), Peer(0, (), None, entity.title or None, now)
    if not isinstance(entity, types.Channel) or entity.min or not entity.access_hash:
        return None
    title = entity.title or None
    return marked_channel(entity.id), Peer(entity.access_hash, _lowered(entity), None, title, now)


def _lowered(entity: types.User | types.Channel) -> tuple[str, ...]:
    return tuple([name.lower() for name in usernames_of(entity)])


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
