"""The peers in the database, read while a bot runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tgbot.store.peers import Peer, UsernameRow
from tgbot.store.postgres.database import Database, Row

#: Where the bot's id is noted.
BOT: Final = "bot"

_PEER: Final = "SELECT id, hash, names, phone, title, seen FROM tgbot.peers"
_OWN: Final = "SELECT value FROM tgbot.meta WHERE key = %s"
_PAGE: Final = 5_000


class PostgresPeers:
    """The peers as a checkpoint wrote them last (see `KeptPeers`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bot_id(self) -> int | None:
        rows = self._database.read(_OWN, (BOT,))
        return int(rows[0][0]) if rows else None

    def iterate(self, above: int = -(2**63)) -> Iterator[tuple[int, Peer]]:
        after = above
        while rows := self._database.read(f"{_PEER} WHERE id > %s ORDER BY id LIMIT %s", (after, _PAGE)):
            yield from map(_peer, rows)
            after = rows[-1][0]

    def get(self, ids: Iterable[int]) -> dict[int, Peer]:
        return dict(map(_peer, self._database.read(f"{_PEER} WHERE id = ANY(%s::bigint[])", (list(ids),))))

    def owners(self, names: Iterable[str]) -> dict[str, UsernameRow]:
        found = self._database.read(
            "SELECT name, id, seen FROM tgbot.usernames WHERE name = ANY(%s)", (list(names),)
        )
        return {name: UsernameRow(marked, seen) for name, marked, seen in found}


def _peer(row: Row) -> tuple[int, Peer]:
    marked, access_hash, names, phone, title, seen = row
    return marked, Peer(access_hash, tuple(names), phone, title, seen)
