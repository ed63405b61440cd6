"""Telethon session files with peers and without a login: made for an export."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from telethon.sessions.sqlite import SQLiteSession

from tgbot.store.files import make_private
from tgbot.store.peers import Peer
from tgbot.store.sqlite.connection import connect, transaction
from tgbot.store.sqlite.sessionfile import OUR_TABLES


def make_session(path: Path, bot_id: int | None, peers: Iterable[tuple[int, Peer]]) -> int:
    """Make a Telethon session with these peers and without a login; return how many there were.

    The name must end in .session; only the owner may read the file.
    """
    make_private(path)
    SQLiteSession(str(path)).close()
    count = 0
    with closing(connect(path, "rw")) as connection:
        connection.executescript(OUR_TABLES)
        with transaction(connection) as cursor:
            cursor.execute("DELETE FROM sessions")
            if bot_id is not None:
                cursor.execute("INSERT INTO entities VALUES (0, ?, NULL, NULL, NULL, 0)", (bot_id,))
            for marked, peer in peers:
                count += 1
                username = peer.names[0] if peer.names else None
                row = (marked, peer.access_hash, username, peer.phone, peer.title, peer.seen)
                cursor.execute("INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?)", row)
                names = [(name, marked, peer.seen) for name in peer.names]
                cursor.executemany("INSERT OR REPLACE INTO tgbot_usernames VALUES (?, ?, ?)", names)
    return count
