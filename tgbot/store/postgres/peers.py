"""The peers in the database, read while a bot runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from tgbot.store.peers import Peer, UsernameRow
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.peerrows import OWNERS, PEERS, storable, stored_owner, stored_peer

_BOT: Final = "SELECT value FROM tgbot.meta WHERE key = 'session/bot'"
_AFTER: Final = """
    SELECT id, hash, phone, title, seen,
        ARRAY(SELECT name FROM tgbot.usernames WHERE usernames.id = peers.id ORDER BY place)
    FROM tgbot.peers WHERE id > %s ORDER BY id LIMIT %s"""
_PAGE: Final = 5_000


class PostgresPeers:
    """The peers as a checkpoint wrote them last (see `KeptPeers`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bot_id(self) -> int | None:
        rows = self._database.read(_BOT)
        return int(json.loads(rows[0][0])) if rows else None

    def iterate(self, above: int = -(2**63)) -> Iterator[tuple[int, Peer]]:
        while found := list(map(stored_peer, self._database.read(_AFTER, (above, _PAGE)))):
            yield from found
            above = found[-1][0]

    def get(self, ids: Iterable[int]) -> dict[int, Peer]:
        return dict(map(stored_peer, self._database.read(PEERS, (list(ids),))))

    def owners(self, names: Iterable[str]) -> dict[str, UsernameRow]:
        return dict(map(stored_owner, self._database.read(OWNERS, (storable(names),))))
