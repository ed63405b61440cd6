from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tgbot.store.sqlite.rows import write_rows


@pytest.mark.parametrize("count", [0, 1, 3, 4, 15, 16, 17, 127, 128, 129, 511, 512, 513, 2000])
def test_every_row_is_written_once_and_in_order(count: int) -> None:
    rows = [(number, f"text {number}", None) for number in range(count)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE found (one INTEGER, other TEXT, third BLOB)")
        write_rows(connection.cursor(), "INSERT INTO found VALUES", rows)
        assert connection.execute("SELECT * FROM found ORDER BY rowid").fetchall() == rows


def test_what_follows_the_rows_is_executed_with_them() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE found (one INTEGER PRIMARY KEY, other TEXT)")
        cursor = connection.cursor()
        for text in ("old", "new"):
            rows = [(number, text) for number in range(200)]
            after = "ON CONFLICT (one) DO UPDATE SET other = excluded.other"
            write_rows(cursor, "INSERT INTO found VALUES", rows, after)
        assert connection.execute("SELECT * FROM found").fetchall() == rows


def test_no_statement_has_more_values_than_any_sqlite_takes() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
        connection.execute("CREATE TABLE found (a, b, c, d, e, f, g)")
        write_rows(connection.cursor(), "INSERT INTO found VALUES", [(1, 2, 3, 4, 5, 6, 7)] * 600)
        assert connection.execute("SELECT count(*) FROM found").fetchone() == (600,)
