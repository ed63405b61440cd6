"""The link that tests cut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.store.postgres.proxy import Moment, Proxy, proxied
from tgbot.core.errors import StorageUnreachableError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE written (number integer)")
    with proxied(database_url) as proxy:
        yield proxy


@pytest.fixture
def database(proxy: Proxy) -> Iterator[Database]:
    with closing(Database(Address(proxy.url))) as database:
        yield database


def write(cursor: Cursor) -> None:
    cursor.execute("INSERT INTO written VALUES (1)")


def written(url: str) -> int:
    with psycopg.connect(url) as connection:
        return len(connection.execute("SELECT * FROM written").fetchall())


@pytest.mark.parametrize(
    ("moment", "rows"), [(Moment.BEFORE_COMMIT, 0), (Moment.IN_COMMIT, 1), (Moment.AFTER_COMMIT, 1)]
)
def test_a_link_goes_at_the_moment_that_was_asked_for(
    database: Database, database_url: str, proxy: Proxy, moment: Moment, rows: int
) -> None:
    proxy.cut_at(moment)
    if moment is Moment.AFTER_COMMIT:
        database.write(write)
    else:
        with pytest.raises(StorageUnreachableError):
            database.write(write)
    assert written(database_url) == rows
    assert database.read("SELECT 1") == [(1,)]
    proxy.was_cut()
    database.write(write)
    assert written(database_url) == rows + 1


def test_a_server_that_is_gone_is_there_again(database: Database, proxy: Proxy) -> None:
    assert database.read("SELECT 1") == [(1,)]
    with proxy.gone(), pytest.raises(StorageUnreachableError):
        database.read("SELECT 1")
    assert database.read("SELECT 2") == [(2,)]


def test_a_link_that_stalls_goes_on_afterwards(database: Database, proxy: Proxy) -> None:
    assert database.read("SELECT 1") == [(1,)]
    found: list[object] = []
    with proxy.stalled():
        reading = threading.Thread(target=lambda: found.append(database.read("SELECT 2")))
        reading.start()
        reading.join(0.2)
        assert reading.is_alive()
    reading.join(10)
    assert found == [[(2,)]]
