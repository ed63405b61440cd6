"""The peers of a Telethon session file, read while the bot runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from tgbot.core.errors import SessionDamagedError
from tgbot.store.json_text import dumps
from tgbot.store.peers import Peer, UsernameRow
from tgbot.store.sqlite.connection import connect, sqlite_errors
from tgbot.store.sqlite.sessionfile import Row, stored_peer

_COLUMNS: Final = ("hash", "username", "phone", "name", "date")
_NAMES: Final = "(SELECT json_group_array(username) FROM tgbot_usernames n WHERE n.id = entities.id)"
_OWNERS: Final = """
    SELECT username, id, date FROM entities WHERE username IN (SELECT value FROM json_each(:names))
    UNION ALL
    SELECT username, id, seen FROM tgbot_usernames WHERE username IN (SELECT value FROM json_each(:names))"""
_PAGE: Final = 5_000
#: Usernames that plain Telethon wrote for one peer and the bot for another, or plain Telethon for several.
_CLAIMED_TWICE: Final = (
    """SELECT e.username, e.id, e.date FROM entities e JOIN tgbot_usernames n USING (username)
        WHERE n.id <> e.id AND e.id <> 0""",
    """SELECT n.username, n.id, n.seen FROM entities e JOIN tgbot_usernames n USING (username)
        WHERE n.id <> e.id AND e.id <> 0""",
    """SELECT username, id, date FROM entities WHERE username IN (
        SELECT username FROM entities WHERE username IS NOT NULL GROUP BY username HAVING count(*) > 1)""",
)


class Peers:
    """The peers of a session file, for reading; nothing in it changes, and a running bot is not disturbed.

    What no checkpoint has written yet is not in it. A context manager. Raise SessionDamagedError for a file
    that is not a session.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as on_error:
            on_error.enter_context(sqlite_errors(path, damaged=SessionDamagedError, opening=True))
            self._connection = on_error.enter_context(closing(connect(path)))
            tables = {row[0] for row in self._select("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"version", "entities"} <= tables:
                raise SessionDamagedError(path, "it is an SQLite file, but not a Telethon session")
            if "tgbot_usernames" not in tables:  # plain Telethon keeps one username of a peer, in `entities`
                self._select("CREATE TEMP TABLE tgbot_usernames (username, id, seen)")
            columns = {row[1] for row in self._select("PRAGMA table_info(entities)")}
            on_error.pop_all()
        # Sessions of older versions have fewer columns.
        chosen = ", ".join(name if name in columns else "NULL" for name in _COLUMNS)
        self._rows = f"SELECT id, {chosen}, {_NAMES} FROM entities"

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *why: object) -> None:
        self._connection.close()

    def bot_id(self) -> int | None:
        """Return the id of the bot whose session it is; None if it does not say."""
        rows = self._select("SELECT hash FROM entities WHERE id = 0")
        return int(rows[0][0]) if rows else None

    def count(self) -> int:
        """Return how many peers `iterate` yields."""
        return int(self._select("SELECT count(*) FROM entities WHERE id <> 0")[0][0])

    def iterate(self, above: int = -(2**63)) -> Iterator[tuple[int, Peer]]:
        """Yield every peer with a greater marked id, in order of ids; memory stays bounded."""
        while found := self.portion(above, _PAGE):
            yield from found
            above = found[-1][0]

    def portion(self, above: int, most: int) -> list[tuple[int, Peer]]:
        """Return the next peers with a greater marked id, in order of ids."""
        rows = self._select(f"{self._rows} WHERE id > ? AND id <> 0 ORDER BY id LIMIT ?", (above, most))
        return list(map(stored_peer, rows))

    def lost(self) -> dict[int, set[str]]:
        """Return marked id → usernames that are kept for a peer and belong to another, who was seen later."""
        claims: dict[str, set[tuple[int, int]]] = {}
        for query in _CLAIMED_TWICE:
            for name, marked, seen in self._select(query):
                claims.setdefault(name, set()).add((seen or 0, marked))
        lost: dict[int, set[str]] = {}
        for name, having in claims.items():
            _, owner = max(having)
            for marked in {one for _, one in having} - {owner}:
                lost.setdefault(marked, set()).add(name.lower())
        return lost

    def get(self, ids: Iterable[int]) -> dict[int, Peer]:
        """Return the peers of these marked ids, as far as there are any."""
        query = f"{self._rows} WHERE id IN (SELECT value FROM json_each(?))"
        return dict(map(stored_peer, self._select(query, (dumps(list(ids)),))))

    def owners(self, names: Iterable[str]) -> dict[str, UsernameRow]:
        """Return who has these usernames, as far as that is known."""
        found = self._select(_OWNERS, {"names": dumps(list(names))})
        return {name: UsernameRow(marked, seen or 0) for name, marked, seen in found}

    def _select(self, sql: str, values: Sequence[int | str] | Mapping[str, str] = ()) -> list[Row]:
        with sqlite_errors(self.path, damaged=SessionDamagedError, opening=True):
            return self._connection.execute(sql, values).fetchall()
