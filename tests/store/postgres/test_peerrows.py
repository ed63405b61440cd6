"""How the rows of peers are written and read: by index, and in one statement for all of them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tgbot.store.base import UpdateState
from tgbot.store.peers import Peer, PeerChanges
from tgbot.store.postgres import peerrows

PEOPLE = range(1, 301)


class Notes:
    """Stand for a cursor, and note what is executed."""

    def __init__(self) -> None:
        self.executed: list[tuple[Any, Any]] = []

    def execute(self, query: Any, values: Any = ()) -> None:
        self.executed.append((query, values))


@pytest.mark.parametrize("analyzed", [False, True])
def test_nothing_reads_a_table_from_end_to_end(bot_url: str, analyzed: bool) -> None:
    changes = PeerChanges(
        {number: Peer(1, (f"name_{number}", f"second_{number}"), "1", "A", 1) for number in PEOPLE},
        {name: number for number in PEOPLE for name in (f"name_{number}", f"second_{number}")}
        | {f"gone_{number}": None for number in PEOPLE},
        {f"claimed_{number}": number for number in PEOPLE},
    )
    cursor: Any = Notes()
    peerrows.write(cursor, changes, UpdateState(1, 1, 1, 1, {5: 6}))
    peerrows.forget(cursor, 5)
    names = [f"name_{number}" for number in PEOPLE]
    questions = [
        *cursor.executed,
        (peerrows.PEERS, ([*PEOPLE],)),
        (peerrows.HASH, ([5],)),
        (peerrows.OWNERS, (names,)),
        (peerrows.BY_PHONE, ("5",)),
        (peerrows.BY_TITLE, ("Anna 5",)),
    ]
    with psycopg.connect(bot_url) as connection:  # closed without a commit
        for rows in (
            "INSERT INTO tgbot.peers SELECT n, n, n::text, 'Anna ' || n, 1 FROM generate_series(1, 30000) n",
            "INSERT INTO tgbot.usernames SELECT 'name_' || n, n, 0 FROM generate_series(1, 30000) n",
        ):
            connection.execute(rows.encode())
        if analyzed:
            connection.execute("ANALYZE tgbot.peers, tgbot.usernames")
        plans = {
            query: "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query}".encode(), values))
            for query, values in questions
        }
        connection.rollback()
    assert not [query for query, plan in plans.items() if "Seq Scan on peers" in plan]
    assert not [query for query, plan in plans.items() if "Seq Scan on usernames" in plan]


def test_the_statements_of_a_checkpoint_are_as_many_for_one_peer_as_for_hundreds() -> None:
    counts = set()
    for people in (range(1, 2), PEOPLE):
        cursor: Any = Notes()
        peers = {number: Peer(1, (f"name_{number}",), None, None, 1) for number in people}
        names = {f"name_{number}": number for number in people}
        peerrows.write(cursor, PeerChanges(peers, dict(names)), UpdateState(1, 1, 1, 1))
        counts.add(len(cursor.executed))
    assert counts == {4}
