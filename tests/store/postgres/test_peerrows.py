"""How the rows of peers are written and read: by index, and in one statement for all of them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tgbot.store.base import UpdateState
from tgbot.store.peers import Peer, PeerChanges
from tgbot.store.postgres import peerrows
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.schema import prepare

PEOPLE = range(1, 51)


class Notes:
    """Stand for a cursor, and note what is executed."""

    def __init__(self) -> None:
        self.executed: list[tuple[Any, Any]] = []

    def execute(self, query: Any, values: Any = ()) -> None:
        self.executed.append((query, values))


@pytest.fixture
def fresh_url(database_url: str) -> str:
    """Return the address of a database in which no other test has left a trace.

    Plans and the blocks that they read depend on dead rows, and what ANALYZE finds stays even where its
    transaction is taken back.
    """
    database = Database(Address(database_url))
    prepare(database)
    database.close()
    return database_url


@pytest.mark.parametrize("analyzed", [False, True])
def test_nothing_reads_a_table_from_end_to_end(fresh_url: str, analyzed: bool) -> None:
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
        (peerrows.BY_PHONE, {"phone": "5"}),
        (peerrows.BY_TITLE, {"title": "Anna 5"}),
    ]
    with psycopg.connect(fresh_url) as connection:  # closed without a commit
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


@pytest.mark.parametrize("question", [peerrows.BY_PHONE, peerrows.BY_TITLE])
def test_the_first_of_many_with_one_title_or_phone_is_found_without_a_look_at_the_others(
    fresh_url: str, question: str
) -> None:
    with psycopg.connect(fresh_url) as connection:  # closed without a commit
        connection.execute("INSERT INTO tgbot.peers SELECT n, n, '1', 'A', 1 FROM generate_series(1, 5000) n")
        connection.execute("ANALYZE tgbot.peers")
        asked: Any = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {question}".encode()
        ((found,),) = connection.execute(asked, {"phone": "1", "title": "A"})
        connection.rollback()
    assert found[0]["Plan"]["Shared Hit Blocks"] < 10
    assert found[0]["Plan"]["Plans"][0]["Node Type"] == "Index Scan"


def test_a_title_that_many_have_is_written_as_quickly_as_any_other(fresh_url: str) -> None:
    blocks = {}
    with psycopg.connect(fresh_url) as connection:  # closed without a commit
        for title in ("'Anna'", "'Anna ' || random()"):
            connection.execute("TRUNCATE tgbot.peers")
            for first in (0, 20_000):
                ((found,),) = connection.execute(
                    "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) INSERT INTO tgbot.peers"
                    f" SELECT {first} + n, n, NULL, {title}, 1 FROM generate_series(1, 20000) n".encode()
                )
            blocks[title] = found[0]["Plan"]["Shared Hit Blocks"]
        connection.rollback()
    assert blocks["'Anna'"] < 2 * blocks["'Anna ' || random()"]


def test_the_statements_of_a_checkpoint_are_as_many_for_one_peer_as_for_hundreds() -> None:
    counts = set()
    for people in (range(1, 2), PEOPLE):
        cursor: Any = Notes()
        peers = {number: Peer(1, (f"name_{number}",), None, None, 1) for number in people}
        names = {f"name_{number}": number for number in people}
        peerrows.write(cursor, PeerChanges(peers, dict(names)), UpdateState(1, 1, 1, 1))
        counts.add(len(cursor.executed))
    assert counts == {4}
