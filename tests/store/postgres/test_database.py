"""Reads that are asked together: each has its answer once, and what is asked after that is read anew."""

from __future__ import annotations

import psycopg
import pytest

from tgbot.core.errors import StorageFailedError
from tgbot.store.postgres.database import Database

NUMBER = "SELECT broadcast + %s FROM tgbot.numbers"


async def test_what_was_asked_ahead_is_answered_once_as_it_was_then(database: Database, bot_url: str) -> None:
    with psycopg.connect(bot_url, autocommit=True) as other:
        other.execute("INSERT INTO tgbot.numbers (broadcast) VALUES (1)")
        with database.ahead([(NUMBER, (10,)), ("SELECT 7", ())]):
            other.execute("UPDATE tgbot.numbers SET broadcast = 2")
            assert database.read(NUMBER, (20,)) == [(22,)]  # with other values it is another question
            assert database.read(NUMBER, (10,)) == [(11,)]
            assert database.read(NUMBER, (10,)) == [(12,)]
            assert database.read("SELECT 8") == [(8,)]
        assert database.read("SELECT 7") == [(7,)]
        with database.ahead([(NUMBER, (10,))]):
            other.execute("UPDATE tgbot.numbers SET broadcast = 3")
        assert database.read(NUMBER, (10,)) == [(13,)]


async def test_one_question_that_is_refused_fails_all_that_are_asked_with_it(database: Database) -> None:
    with pytest.raises(StorageFailedError), database.ahead([("SELECT 7", ()), ("SELECT 1/0", ())]):
        pass
    assert database.read("SELECT 7") == [(7,)]
