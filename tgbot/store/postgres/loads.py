"""What updates need of the database before they are handled: users and peers, in one question."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from tgbot.store.peers import Peer
from tgbot.store.postgres.link import Link

#: Ids of the database are from minus this number on, and below it.
_IDS: Final = 2**63
#: A user is a text, and a peer is what `_peer` reads. What is damaged beyond a text holds no user.
_QUERY: Final = b"""
    SELECT id, coalesce(exact, value::text, 'null'), NULL FROM tgbot.users WHERE id = ANY($1::bigint[])
    UNION ALL
    SELECT id, NULL, json_build_array(hash, phone, title, seen,
        ARRAY(SELECT name FROM tgbot.usernames WHERE usernames.id = peers.id ORDER BY place))::text
    FROM tgbot.peers WHERE id = ANY($2::bigint[])"""


async def ask(
    link: Link, users: Collection[int], peers: Collection[int]
) -> tuple[Mapping[int, str], Mapping[int, Peer]]:
    """Return the texts of those of these users that the database has, and those of these peers."""
    texts: dict[int, str] = {}
    found: dict[int, Peer] = {}
    for key, text, peer in await link.ask(_QUERY, (_array(users), _array(peers))):
        assert key is not None  # it is the primary key
        if text is not None:
            texts[int(key)] = text.decode()
        elif peer is not None:
            found[int(key)] = _peer(peer)
    return texts, found


def _array(ids: Iterable[int]) -> bytes:
    return f"{{{','.join([str(one) for one in ids if -_IDS <= one < _IDS])}}}".encode()


def _peer(text: bytes) -> Peer:
    access_hash, phone, title, seen, names = json.loads(text)
    return Peer(access_hash, tuple(names), phone, title, seen)
