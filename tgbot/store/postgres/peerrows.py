"""Peers, usernames, resolves and the update state in a PostgreSQL database: how they are read and written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tgbot.store.base import UpdateState
from tgbot.store.peers import Peer, PeerChanges, UsernameRow
from tgbot.store.postgres.database import Cursor, Row

#: Peers with their usernames, those of a list of marked ids.
PEERS: Final = """
    SELECT id, hash, phone, title, seen,
        ARRAY(SELECT name FROM tgbot.usernames WHERE usernames.id = peers.id ORDER BY place)
    FROM tgbot.peers WHERE id = ANY(%s::bigint[])"""
HASH: Final = "SELECT hash FROM tgbot.peers WHERE id = ANY(%s::bigint[])"
#: Who has the usernames of a list, and when they were seen last.
OWNERS: Final = """
    SELECT name, id, coalesce((SELECT seen FROM tgbot.peers WHERE peers.id = usernames.id), 0)
    FROM tgbot.usernames WHERE name = ANY(%s::text[])"""
#: Their indexes have the first 64 characters.
BY_PHONE: Final = """
    SELECT id, hash FROM tgbot.peers WHERE left(phone, 64) = left(%(phone)s, 64) AND phone = %(phone)s
    ORDER BY id LIMIT 1"""
BY_TITLE: Final = """
    SELECT id, hash FROM tgbot.peers WHERE left(title, 64) = left(%(title)s, 64) AND title = %(title)s
    ORDER BY id LIMIT 1"""
RESOLVES: Final = "SELECT at FROM tgbot.resolves ORDER BY at"
STATES: Final = "SELECT channel, pts, qts, date, seq FROM tgbot.states"

_PUT_PEERS: Final = """
    INSERT INTO tgbot.peers (id, hash, phone, title, seen)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[])
    ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, phone = excluded.phone, title = excluded.title,
        seen = excluded.seen"""
#: A username that somebody else has by now goes to the peer that is written; one at its place is left alone.
_PUT_NAMES: Final = """
    INSERT INTO tgbot.usernames (name, id, place)
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::integer[])
    ON CONFLICT (name) DO UPDATE SET id = excluded.id, place = excluded.place
    WHERE (usernames.id, usernames.place) IS DISTINCT FROM (excluded.id, excluded.place)"""
#: Each peer, and each name below, is looked up by index, whatever the server knows of the table by now.
_DROP_OTHER_NAMES: Final = """
    DELETE FROM tgbot.usernames WHERE name = ANY(ARRAY(
        SELECT held.name FROM unnest(%s::bigint[]) AS written (id)
        CROSS JOIN LATERAL (SELECT name FROM tgbot.usernames WHERE usernames.id = written.id OFFSET 0) AS held
        WHERE NOT EXISTS (SELECT FROM unnest(%s::text[]) AS kept WHERE kept = held.name)))"""
_DROP_NAMES: Final = "DELETE FROM tgbot.usernames WHERE name = ANY(%s::text[])"
_TAKE_NAMES: Final = """
    DELETE FROM tgbot.usernames WHERE name = ANY(ARRAY(
        SELECT held.name FROM unnest(%s::text[], %s::bigint[]) AS claim (name, owner)
        CROSS JOIN LATERAL (
            SELECT name, id FROM tgbot.usernames WHERE usernames.name = claim.name OFFSET 0) AS held
        WHERE held.id <> claim.owner))"""
_ADD_RESOLVES: Final = "INSERT INTO tgbot.resolves SELECT * FROM unnest(%s::bigint[])"
_PUT_STATES: Final = """
    INSERT INTO tgbot.states (channel, pts, qts, date, seq)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    ON CONFLICT (channel) DO UPDATE SET pts = excluded.pts, qts = excluded.qts, date = excluded.date,
        seq = excluded.seq
    WHERE states.channel = 0 OR states.pts <> excluded.pts"""


def write(cursor: Cursor, changes: PeerChanges, state: UpdateState | None) -> None:
    """Write changes, and the update state if one is given, inside a transaction; it may be done twice."""
    gone = [name for name, owner in changes.names.items() if owner is None]
    if gone:
        cursor.execute(_DROP_NAMES, (storable(gone),))
    claims = {name: owner for name, owner in changes.claims.items() if name not in changes.names}
    if claims:
        cursor.execute(_TAKE_NAMES, (storable(claims), [*claims.values()]))
    if changes.peers:
        _write_peers(cursor, changes)
    if changes.resolves is not None:
        cursor.execute("DELETE FROM tgbot.resolves")
        cursor.execute(_ADD_RESOLVES, ([*changes.resolves],))
    if state is not None:
        states = [(0, state.pts, state.qts, state.date, state.seq)]
        states += [(channel, pts, 0, state.date, 0) for channel, pts in state.channels.items()]
        cursor.execute(_PUT_STATES, [list(column) for column in zip(*states, strict=True)])


def _write_peers(cursor: Cursor, changes: PeerChanges) -> None:
    peers, owners = changes.peers, changes.names
    # A name that went from one of these peers to another belongs to the one that had it last. Each row is
    # there once: PostgreSQL refuses to write one twice in a statement.
    names = {
        _storable(name): (marked, place)
        for marked, peer in peers.items()
        for place, name in enumerate(peer.names)
        if owners.get(name) == marked
    }
    ids, written, values = [*peers], [*names], peers.values()
    cursor.execute(
        _PUT_PEERS,
        (
            ids,
            [peer.access_hash for peer in values],
            [None if peer.phone is None else _storable(str(peer.phone)) for peer in values],
            [None if peer.title is None else _storable(peer.title) for peer in values],
            [peer.seen for peer in values],
        ),
    )
    if not changes.unknown:
        cursor.execute(_DROP_OTHER_NAMES, (ids, written))
    if names:
        rows = names.values()
        cursor.execute(_PUT_NAMES, (written, [row[0] for row in rows], [row[1] for row in rows]))


def forget(cursor: Cursor, marked_id: int) -> None:
    """Delete a peer and its usernames, inside a transaction."""
    cursor.execute("DELETE FROM tgbot.peers WHERE id = %s", (marked_id,))
    cursor.execute("DELETE FROM tgbot.usernames WHERE id = %s", (marked_id,))


def stored_peer(row: Row) -> tuple[int, Peer]:
    """Return marked id and peer of a row of `PEERS`."""
    marked, access_hash, phone, title, seen, names = row
    return marked, Peer(access_hash, tuple(names), phone, title, seen)


def stored_owner(row: Row) -> tuple[str, UsernameRow]:
    """Return a username of `OWNERS`, and who has it."""
    name, marked, seen = row
    return name, UsernameRow(marked, seen)


def stored_state(rows: Iterable[Row]) -> UpdateState | None:
    """Return the update state in the rows of `STATES`, None if there is none."""
    found = {channel: numbers for channel, *numbers in rows}
    if 0 not in found:
        return None
    pts, qts, date, seq = found.pop(0)
    return UpdateState(pts, qts, date, seq, {channel: numbers[0] for channel, numbers in found.items()})


def storable(texts: Iterable[str]) -> list[str]:
    """Return texts as a column can hold them: without NUL, and without halves of surrogate pairs."""
    return [_storable(text) for text in texts]


def _storable(text: str) -> str:
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
