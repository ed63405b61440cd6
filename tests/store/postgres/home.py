"""A store in PostgreSQL that tests open again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.store.contracts import Clock
from tgbot.store.parked import PARKED_UPDATES
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.store import PostgresStore

_BREAK = b"""
    CREATE FUNCTION tgbot.broken() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'it is broken'; END $$;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'tgbot' AND tablename <> 'lease' LOOP
            EXECUTE format('CREATE TRIGGER broken BEFORE INSERT OR UPDATE OR DELETE ON tgbot.%I
                EXECUTE FUNCTION tgbot.broken()', name);
        END LOOP;
    END $$"""


def leading(cursor: Cursor) -> None:
    """Let a transaction pass, as the fence of a node does that leads."""
    cursor.execute("SELECT tgbot.fence(0)")


class PostgresHome:
    """A database with a bot's tables, which are empty at first, and the connections of one process to it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url, self._clock = url, clock
        self._database = Database(Address(url))

    def open(self, *, parked: int = PARKED_UPDATES) -> PostgresStore:
        return PostgresStore(self._database, node="one", fence=leading, clock=self._clock, parked=parked)

    @contextmanager
    def broken(self) -> Iterator[None]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(_BREAK)
            try:
                yield
            finally:
                connection.execute("DROP FUNCTION tgbot.broken CASCADE")

    def close(self) -> None:
        self._database.close()
