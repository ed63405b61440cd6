"""What is said of a database that does not let the bot in, or refuses what it asks: one line, no secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer
from tests.test_cli_nodes import configured
from tgbot.cli import status
from tgbot.core.errors import StorageError, StorageFailedError, StorageUnreachableError
from tgbot.core.storeerrors import (
    DatabaseDeniedError,
    DatabaseReadOnlyError,
    DatabaseRefusesError,
    NoTablesError,
)
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.openings import check
from tgbot.store.postgres.schema import prepare

SECRET = "pa55word"
#: What stands in an address before and after the port → the error, and what it says.
WAYS: dict[str, tuple[str, type[StorageError], str]] = {
    "wrong password": (f"locked:{SECRET}@127.0.0.1:PORT/postgres", DatabaseRefusesError, "password"),
    "no password": ("locked@127.0.0.1:PORT/postgres", DatabaseRefusesError, "no password supplied"),
    "no such user": (f"stranger:{SECRET}@127.0.0.1:PORT/postgres", DatabaseRefusesError, "stranger"),
    "no such database": (f"tgbot:{SECRET}@127.0.0.1:PORT/none", DatabaseRefusesError, "does not exist"),
    "the server wants TLS": (
        f"encrypted:{SECRET}@127.0.0.1:PORT/postgres",
        DatabaseRefusesError,
        "pg_hba.conf rejects",
    ),
    "the server has no TLS": (
        f"tgbot:{SECRET}@127.0.0.1:PORT/postgres?sslmode=require",
        DatabaseRefusesError,
        "does not support SSL",
    ),
    "a wrong option": (
        f"tgbot:{SECRET}@127.0.0.1:PORT/postgres?sslmode=perhaps",
        DatabaseRefusesError,
        "sslmode",
    ),
    "nobody listens": (f"tgbot:{SECRET}@127.0.0.1:1/postgres", StorageUnreachableError, "refused"),
    "no such host": (f"tgbot:{SECRET}@host.invalid/postgres", StorageUnreachableError, "host.invalid"),
    "a replica": (
        f"tgbot:{SECRET}@127.0.0.1:PORT/postgres?options=-cdefault_transaction_read_only%3Don",
        DatabaseReadOnlyError,
        "read-only",
    ),
    "a replica among others": (
        f"tgbot:{SECRET}@127.0.0.1:PORT/postgres"
        "?target_session_attrs=read-write&options=-cdefault_transaction_read_only%3Don",
        DatabaseReadOnlyError,
        "read-only",
    ),
    "no right to make tables": (
        f"poor:{SECRET}@127.0.0.1:PORT/postgres",
        DatabaseDeniedError,
        "permission denied for database",
    ),
}


@pytest.fixture(scope="module")
def port(postgres: PostgresServer) -> Iterator[int]:
    roles = ("locked", "encrypted", "poor")
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        for role in roles:
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'another'".encode())
        yield postgres.port
        for role in roles:
            admin.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize("way", WAYS)
def test_who_is_refused_hears_why_and_where_to_look(way: str, port: int) -> None:
    address, kind, said = WAYS[way]
    with closing(Database(Address("postgresql://" + address.replace("PORT", str(port))))) as database:
        with pytest.raises(kind, match=said) as raised:
            prepare(database)
        assert type(raised.value) is kind
        assert isinstance(raised.value, (StorageFailedError, StorageUnreachableError))
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "FATAL" not in str(raised.value)


@pytest.mark.parametrize("way", ["wrong password", "nobody listens", "no right to make tables"])
@pytest.mark.parametrize("command", ["nodes", "doctor"])
def test_commands_say_it_in_one_line(
    way: str, command: str, port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = configured(tmp_path, "postgresql://" + WAYS[way][0].replace("PORT", str(port)))
    assert status([*given, command]) == 1
    printed = capsys.readouterr()
    lines = [line for line in (printed.out + printed.err).splitlines() if line.startswith(("tgbot", "fail"))]
    assert len([line for line in lines if "postgresql://" in line]) == 1
    assert SECRET not in printed.out + printed.err
    assert "Traceback" not in printed.err


def test_a_database_without_tables_is_told_apart_from_missing_files(database_url: str) -> None:
    with (
        closing(Database(Address(database_url))) as database,
        pytest.raises(NoTablesError, match=r"no tables of a bot.*\[storage\] url"),
    ):
        check(database)


@pytest.mark.parametrize("password", ["a@b", "a/b", "a:b@c", "1/2@3"])
def test_no_part_of_a_password_that_was_not_escaped_is_shown(password: str) -> None:
    with pytest.raises(ValueError, match="in a password as %40") as raised:
        Address(f"postgresql://tgbot:{password}@host/bot")
    assert password not in str(raised.value)
    assert Address("postgresql://tgbot:a%40b%2Fc%3Fd?:e@host/bot").place == "postgresql://host/bot"
