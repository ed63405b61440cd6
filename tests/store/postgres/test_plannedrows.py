"""Planned entries in a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.abc import Params

from tests.store.postgres.plans import plan
from tgbot.store.base import Planned
from tgbot.store.planned import PlannedChanges
from tgbot.store.postgres import plannedrows
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database, Row
from tgbot.store.postgres.plannedrows import PostgresPlannedRows
from tgbot.store.postgres.userrows import PostgresUserRows
from tgbot.store.stored import Changes


class Watched(Database):
    """A database that notes what is read."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.reads: list[tuple[str, Params]] = []

    async def read_aside(self, query: str, values: Params = ()) -> list[Row]:
        self.reads.append((query, values))
        return await super().read_aside(query, values)


@pytest.fixture
def watched(bot_url: str) -> Iterator[Watched]:
    with closing(Watched(Address(bot_url))) as database:
        yield database


async def test_no_read_looks_at_more_entries_than_it_gives(watched: Watched, bot_url: str) -> None:
    with psycopg.connect(bot_url, autocommit=True) as connection:
        connection.execute("""
            INSERT INTO tgbot.planned
            SELECT 'shop.remind:' || n, n * 10, 'shop.remind', n % 1000, '{}', 0
            FROM generate_series(1, 20000) AS n""")
        connection.execute("ANALYZE tgbot.planned")
    rows = PostgresPlannedRows(watched)
    assert await rows.planned("shop.remind:7") == Planned("shop.remind:7", 70, "shop.remind", 7)
    for until, limit, after in (
        (100_000.5, 100, None),
        (100_000.5, 100, (50_000, "shop.remind:7")),
        (1e300, 1, None),
        (5.5, 100, None),
    ):
        assert len(await rows.planned_until(until, limit, after)) == (0 if until == 5.5 else limit)
    assert len(await rows.planned_about(7)) == 20
    indexes = ["planned_pkey", *["planned_by_time"] * 4, "planned_by_user"]
    for query, values, index in (
        *((*read, index) for read, index in zip(watched.reads, indexes, strict=True)),
        (plannedrows._FORGET, ([7, 9],), "planned_by_user"),
        (plannedrows._DROP, (["shop.remind:7", "shop.remind:9"],), "planned_pkey"),
    ):
        steps = plan(watched, query, values)
        assert not [step for step in steps if step.startswith(("Seq Scan", "Sort")) or "filtered" in step], (
            steps
        )
        assert [step for step in steps if index in step], steps


async def test_all_about_a_user_is_deleted_before_what_is_written(
    database: Database, rows: PostgresUserRows
) -> None:
    first, other, nobody = (Planned(f"{user}", 5, "shop.remind", user) for user in (7, 8, 0))
    entries = {one.key: one for one in (first, other, nobody)}
    await rows.write(Changes(planned=PlannedChanges(entries, ())))
    after = Planned("after", 6, "shop.remind", 7)
    await rows.write(Changes(planned=PlannedChanges({"after": after}, (7, 0))))
    assert await rows.plans.planned_until(100, 100) == [nobody, other, after]
