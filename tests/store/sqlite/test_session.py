"""The session file, beyond what every session does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from telethon.crypto import AuthKey
from telethon.sessions import SQLiteSession
from telethon.tl import types

from tests.store.session_contract import user
from tgbot.core.errors import StorageFailedError
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.session import DurableSession


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.session"


@pytest.fixture
def session(path: Path) -> Iterator[DurableSession]:
    opened = DurableSession(path)
    yield opened
    opened.close()


def on_disk(path: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return rows


async def test_the_file_is_never_left_locked(session: DurableSession, path: Path) -> None:
    session.remember([user(5)])
    await session.checkpoint(None)
    session.set_value("x", 1)
    with sqlite3.connect(path, timeout=0) as other:
        other.execute("INSERT INTO tgbot_values VALUES ('y', 2)")
    other.close()
    assert session.value("y") == 2


async def test_file_log_and_shared_memory_are_for_the_owner_only(session: DurableSession, path: Path) -> None:
    session.remember([user(5)])
    await session.checkpoint(None)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("bot.session", "bot.session-wal", "bot.session-shm"), 0o600)


@pytest.mark.parametrize("failing", ["entities", "tgbot_usernames"])
async def test_a_forget_that_fails_leaves_the_file_free_and_the_peer_known(
    session: DurableSession, path: Path, failing: str
) -> None:
    session.remember([user(5, "anna")])
    await session.checkpoint(None)
    refuse = "BEGIN SELECT RAISE(ABORT, 'the disk says no'); END"
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(f"CREATE TRIGGER fail BEFORE DELETE ON {failing} {refuse}")
    with pytest.raises(StorageFailedError, match=r"bot\.session .*the disk says no"):
        session.forget(5)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TRIGGER fail")
    session.remember([user(6)])
    await session.checkpoint(UpdateState(1, 1, 1, 1))
    assert session.access_hash(5) == 50
    session.forget(5)
    assert on_disk(path, "SELECT id FROM entities") == [(6,)]


# ---- plain Telethon ---------------------------------------------------------------------------


async def test_plain_telethon_opens_the_file_again_with_login_peers_and_state(
    session: DurableSession, path: Path
) -> None:
    session.set_dc(2, "127.0.0.1", 444)
    session.auth_key = AuthKey(data=bytes(range(256)))
    session.remember([user(5, "anna", phone="123")])
    await session.checkpoint(UpdateState(10, 20, 1_000_000, 30, {9: 8}))
    session.close()
    plain = SQLiteSession(str(path))
    assert plain.auth_key.key == bytes(range(256))
    assert plain.get_input_entity("anna") == types.InputPeerUser(5, 50)
    assert plain.get_input_entity(5) == types.InputPeerUser(5, 50)
    states = dict(plain.get_update_states())
    assert (states[0].pts, states[0].qts, states[0].seq, states[9].pts) == (10, 20, 30, 8)
    # Plain Telethon writes to the file as to its own.
    plain.process_entities([user(6, "boris")])
    plain.save()
    plain.close()
    again = DurableSession(path)
    assert again.get_input_entity("boris") == types.InputPeerUser(6, 60)
    assert again.update_state() == UpdateState(10, 20, 1_000_000, 30, {9: 8})
    again.close()


def test_a_file_of_plain_telethon_opens_with_its_login_peers_and_state(path: Path) -> None:
    plain = SQLiteSession(str(path))
    plain.set_dc(2, "127.0.0.1", 444)
    plain.auth_key = AuthKey(data=bytes(range(256)))
    plain.process_entities([user(5, "anna", phone="123"), user(6)])
    when = types.updates.State(10, 20, datetime.fromtimestamp(99, UTC), 30, 0)
    plain.set_update_state(0, when)
    plain.save()
    plain.close()
    session = DurableSession(path)
    assert session.auth_key.key == bytes(range(256))
    assert (session.dc_id, session.port) == (2, 444)
    assert session.get_input_entity("Anna") == types.InputPeerUser(5, 50)
    assert session.get_input_entity("+123") == types.InputPeerUser(5, 50)
    assert session.usernames_of(5) == ("anna",)
    assert session.access_hash(6) == 60
    assert session.update_state() == UpdateState(10, 20, 99, 30)
    session.close()


def test_a_session_that_was_closed_opens_again_when_it_is_used(session: DurableSession) -> None:
    session.set_value("clean", 1)
    session.close()
    assert session.value("clean") == 1
    assert session.value("never") is None


def test_looking_up_a_name_does_not_open_a_write_transaction(session: DurableSession) -> None:
    session.username("anna")
    assert not session._connection().in_transaction
