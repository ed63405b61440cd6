from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.contracts import ANN, Clock
from tgbot.core.errors import RegistryDamagedError, StorageFailedError
from tgbot.core.users import Way
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.userfile import open_readonly


def refuse(path: Path, table: str) -> None:
    """Let the file refuse every new row of a table."""
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )


async def test_users_are_on_disk_before_the_state_and_never_after(tmp_path: Path) -> None:
    session, users = tmp_path / "bot.session", tmp_path / "users.sqlite"
    with closing(SqliteStore(session, users, clock=Clock())) as store:
        store.users.seen(ANN, 100, Way.MESSAGE)
        refuse(session, "update_state")
        with pytest.raises(StorageFailedError, match=r"bot\.session .*refused"):
            await store.checkpoint(UpdateState(1, 1, 1, 1))
        with closing(open_readonly(users)) as reader:
            assert reader.get(1) is not None
        assert store.update_state() is None


async def test_no_state_is_written_where_users_cannot_be(tmp_path: Path) -> None:
    session, users = tmp_path / "bot.session", tmp_path / "users.sqlite"
    with closing(SqliteStore(session, users, clock=Clock())) as store:
        store.users.seen(ANN, 100, Way.MESSAGE)
        refuse(users, "users")
        with pytest.raises(StorageFailedError, match=r"users\.sqlite .*refused"):
            await store.checkpoint(UpdateState(1, 1, 1, 1))
        assert store.update_state() is None


async def test_peers_are_stamped_with_telegram_s_time(tmp_path: Path) -> None:
    from telethon.tl import types

    clock = Clock(1_700_000_600)  # the host's clock may show any other time
    with closing(SqliteStore(tmp_path / "bot.session", tmp_path / "users.sqlite", clock=clock)) as store:
        store.session.remember([types.User(5, access_hash=50, first_name="Anna", username="anna")])
        row = store.session.username("anna")
        assert row is not None
        assert row.seen == 1_700_000_600


def test_a_users_file_that_cannot_be_opened_leaves_the_session_closed(tmp_path: Path) -> None:
    users = tmp_path / "users.sqlite"
    users.write_bytes(b"not a database" * 100)
    with pytest.raises(RegistryDamagedError):
        SqliteStore(tmp_path / "bot.session", users, clock=Clock())
    DurableSession(tmp_path / "bot.session").close()
