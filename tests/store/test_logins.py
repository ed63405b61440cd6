"""What used logins must do, wherever they are kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.store.postgres.conftest import no_lease
from tgbot.store.logins import REMEMBERED, Logins, Owed
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.logins import PostgresLogins
from tgbot.store.sqlite.logins import UsedLogins

NOW = 1_800_000_000


class Home(Protocol):
    """A place for the used logins of one bot, opened again as the next process does."""

    def open(self) -> Logins: ...


class SqliteHome:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._path: Path = request.getfixturevalue("tmp_path") / "logins.sqlite"

    def open(self) -> Logins:
        return UsedLogins(self._path)


class PostgresHome:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._database = Database(Address(request.getfixturevalue("postgres").bot_database()))
        request.addfinalizer(self._database.close)

    def open(self) -> Logins:
        return PostgresLogins(self._database, no_lease)


HOMES: Final[tuple[Callable[[pytest.FixtureRequest], Home], ...]] = (SqliteHome, PostgresHome)


@pytest.fixture(params=HOMES)
def home(request: pytest.FixtureRequest) -> Home:
    home: Home = request.param(request)
    return home


async def test_used_logins_outlive_the_process_and_are_forgotten_when_too_old(home: Home) -> None:
    with closing(home.open()) as used:
        await used.add(b"one\0\xff", NOW, NOW)
    with closing(home.open()) as used:
        assert await used.has(b"one\0\xff")
        assert not await used.has(b"two")
        await used.add(b"two", NOW + REMEMBERED, NOW + REMEMBERED)
        assert await used.has(b"one\0\xff")
        await used.add(b"three", NOW, NOW + REMEMBERED + 1)
        assert not await used.has(b"one\0\xff")
        assert await used.has(b"two")


async def test_a_login_that_is_added_again_is_there_once(home: Home) -> None:
    with closing(home.open()) as used:
        for language in ("en", "ru"):
            await used.add(b"one", NOW, NOW, (5, language))
        assert await used.owed() == [Owed(b"one", NOW, 5, "ru")]


async def test_who_is_to_be_greeted_is_known_until_that_is_settled(home: Home) -> None:
    anna, bert = Owed(b"one", NOW, 2**62, "en"), Owed(b"two", NOW + 1, 5, "ru")
    with closing(home.open()) as used:
        assert await used.owed() == []
        for owed in (anna, bert):
            await used.add(owed.digest, owed.signed, NOW, (owed.user_id, owed.language))
        await used.add(b"three", NOW, NOW)
        assert await used.owed() == [anna, bert]
        await used.settle(b"one")
        await used.settle(b"nobody")
    with closing(home.open()) as used:
        assert await used.owed() == [bert]
        assert await used.has(b"one")
        assert not await used.has(b"nobody")
        later = NOW + REMEMBERED + 2
        await used.add(b"four", later, later)
        await used.add(b"five", later, later)
        assert await used.owed() == []  # like other logins, it is forgotten when it is too old


async def test_who_is_to_be_greeted_comes_in_the_order_of_the_logins(home: Home) -> None:
    digests = [bytes([number]) for number in (9, 1, 5, 3, 7)]
    with closing(home.open()) as used:
        for digest in digests:
            await used.add(digest, NOW, NOW, (5, "en"))
        assert [owed.digest for owed in await used.owed()] == digests
