"""Planned entries in a database."""

from __future__ import annotations

import psycopg

from tests.store.postgres.plans import plan
from tgbot.store.postgres import plannedrows
from tgbot.store.postgres.database import Database


def test_no_read_looks_at_all_entries(database: Database, bot_url: str) -> None:
    with psycopg.connect(bot_url, autocommit=True) as connection:
        connection.execute("""
            INSERT INTO tgbot.planned
            SELECT 'shop.remind:' || n, n * 10, 'shop.remind', n % 1000, '{}', 0
            FROM generate_series(1, 20000) AS n""")
        connection.execute("ANALYZE tgbot.planned")
    for query, values, index in (
        (plannedrows._ONE, ("shop.remind:7",), "planned_pkey"),
        (plannedrows._UNTIL, (100_000, 100), "planned_by_time"),
        (plannedrows._UNTIL, (2**63 - 1, 1), "planned_by_time"),
        (plannedrows._BEHIND, (100_000, 50_000, "shop.remind:7", 100), "planned_by_time"),
        (plannedrows._ABOUT, (7,), "planned_by_user"),
        (plannedrows._FORGET, ([7, 9],), "planned_by_user"),
        (plannedrows._DROP, (["shop.remind:7", "shop.remind:9"],), "planned_pkey"),
    ):
        steps = plan(database, query, values)
        assert not [step for step in steps if step.startswith(("Seq Scan", "Sort"))], steps
        assert [step for step in steps if index in step], steps
