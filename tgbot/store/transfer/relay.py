"""Entries of an import on their way to the running bot, which merges them into its memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast

from tgbot.core.access import Access
from tgbot.store.json_text import dumps, loads
from tgbot.store.peers import Peer
from tgbot.store.transfer.entries import AHEAD, Entry, from_exported, from_fields, to_json
from tgbot.store.transfer.exported import from_values
from tgbot.store.user_json import PackedUser, pack

#: How much of what plugins keep goes into one command, in bytes.
_LONGEST: Final = 2 * 1024 * 1024

#: A user, as a line of a JSON export has it.
UserObject: TypeAlias = Mapping[str, object]
#: Marked id, access hash as text, usernames, phone, title, and when it was seen (unix seconds).
PeerRow: TypeAlias = tuple[int, str, tuple[str, ...], str | None, str | None, int]


def portions(chunk: Sequence[Entry], most: int) -> Iterator[Sequence[Entry]]:
    """Yield the entries of a chunk in parts of at most `most`, each short enough for one command.

    What plugins keep of a user may be as long as all else in a part; it is the only long thing of a user.
    """
    first = length = 0
    for place, entry in enumerate(chunk):
        said = entry.said
        kept = 0
        if said is not None and not isinstance(said, bytes) and (said.data or said.talks):
            # As long as in a command, where every other character is escaped.
            kept = len(dumps([said.data, said.talks]).encode("ascii", "backslashreplace"))
        if place - first == most or (place > first and length + kept > _LONGEST):
            yield chunk[first:place]
            first, length = place, 0
        length += kept
    if first < len(chunk):
        yield chunk[first:]


def to_objects(chunk: Iterable[Entry], bot_id: int) -> tuple[list[UserObject], list[PeerRow]]:
    """Return the users of these entries, each with its peer, and the peers that are no users."""
    users: list[UserObject] = []
    peers: list[PeerRow] = []
    for entry in chunk:
        peer = entry.peer
        if entry.user is not None:
            packed = PackedUser(pack(entry.user, Access.UNKNOWN), True)
            users.append(cast(UserObject, loads(to_json(packed, peer, bot_id))))
        elif peer is not None:
            phone = None if peer.phone is None else str(peer.phone)
            peers.append((entry.id, str(peer.access_hash), peer.names, phone, peer.title, peer.seen))
    return users, peers


def from_user(user: UserObject, *, partial: bool, now: int, bot_id: int) -> Entry:
    """Return the entry of a user. Raise EntryError for what cannot be understood, or is of another bot."""
    read = from_values(user, now + AHEAD, bot_id)
    entry = from_exported(read) if read is not None else from_fields(user, now, bot_id)
    entry.partial = partial
    return entry


def from_rows(peers: Sequence[PeerRow]) -> dict[int, Peer]:
    """Return the peers by marked id. Raise ValueError for an access hash that is no number."""
    return {
        marked: Peer(int(text), names, phone, title, seen)
        for marked, text, names, phone, title, seen in peers
    }
