"""How the tables are made."""

from __future__ import annotations

from contextlib import closing
from threading import Thread

import psycopg
import pytest

from tests.postgres import PostgresServer
from tgbot.core.errors import RegistryTooNewError
from tgbot.core.storeerrors import WrongEncodingError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.schema import found_in, prepare, steps


def test_several_nodes_may_make_the_tables_at_once(database_url: str) -> None:
    databases = [Database(Address(database_url)) for _ in range(3)]
    assert found_in(databases[0]) == 0
    nodes = [Thread(target=prepare, args=(database,)) for database in databases]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()
    for database in databases:
        assert found_in(database) == max(steps())
        prepare(database)
        database.close()


def test_tables_of_a_newer_program_are_left_as_they_are(database_url: str) -> None:
    with closing(Database(Address(database_url))) as database:
        prepare(database)
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE tgbot.meta SET value = '99' WHERE key = 'schema'")
        with pytest.raises(RegistryTooNewError, match="99"):
            prepare(database)
        assert found_in(database) == 99


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused(postgres: PostgresServer, encoding: str) -> None:
    name = encoding.lower()
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0".encode())
    with closing(Database(Address(postgres.url(name)))) as database:
        with pytest.raises(WrongEncodingError, match=f"encoding {encoding}, not UTF8"):
            prepare(database)
        assert found_in(database) == 0
