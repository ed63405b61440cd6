"""A database with a bot's tables, and what stands for the lease of its node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.userrows import PostgresUserRows


@pytest.fixture
def database(bot_url: str) -> Iterator[Database]:
    database = Database(Address(bot_url))
    yield database
    database.close()


def no_lease(cursor: Cursor) -> None:
    """Let every transaction pass, as the fence of a node that leads does."""
    cursor.execute("SELECT tgbot.fence(0)")


@pytest.fixture
def rows(database: Database) -> PostgresUserRows:
    return PostgresUserRows(database, no_lease)
