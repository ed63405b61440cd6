# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import os
import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.contracts import counted
from tests.store.registries import filled, meet
from tgbot.core.errors import (
    RegistryDamagedError,
    RegistryTooNewError,
    RegistryTooOldError,
    StorageError,
    StorageFailedError,
)
from tgbot.store.sqlite.userfile import SqliteReader, SqliteRegistry, open_readonly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.sqlite"


async def test_only_the_owner_may_read_the_files(path: Path) -> None:
    old = os.umask(0)
    try:
        registry = SqliteRegistry(path)
        meet(registry, 1)
        await registry.flush()
        names = ("users.sqlite", "users.sqlite-wal", "users.sqlite-shm")
        assert [stat.S_IMODE((path.parent / name).stat().st_mode) for name in names] == [0o600] * 3
        assert sorted(file.name for file in path.parent.iterdir()) == sorted(names)
        registry.close()
    finally:
        os.umask(old)


async def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    await filled(path)
    path.chmod(0o644)
    SqliteRegistry(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- damage


def refused(path: Path, *, keep: bytes | None) -> None:
    for opening in (SqliteRegistry, SqliteReader):
        with pytest.raises(RegistryDamagedError) as caught:
            opening(path)
        assert str(path) in str(caught.value)
        assert "backup" in str(caught.value)
    if keep is not None:
        assert path.read_bytes() == keep


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.2, 0.5, 0.9, 0.99])
async def test_a_truncated_registry_is_refused_and_left_as_it_is(path: Path, kept: float) -> None:
    whole = await filled(path)
    part = whole[: int(len(whole) * kept)]
    path.write_bytes(part)
    refused(path, keep=part)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 8192, random.Random(1).randbytes(100_000)])
async def test_what_is_no_database_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, keep=content)
    with pytest.raises(RegistryDamagedError, match="not a database" if content else "the file is empty"):
        SqliteRegistry(path)


async def test_another_database_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE users (id, name)")
    refused(path, keep=path.read_bytes())


async def test_a_registry_without_schema_is_refused(path: Path) -> None:
    await filled(path, 2)
    for change in ("UPDATE meta SET value = 'new' WHERE key = 'schema'", "DELETE FROM meta"):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(change)
        refused(path, keep=None)


async def test_a_log_without_its_registry_is_refused(path: Path) -> None:
    registry = SqliteRegistry(path)
    meet(registry, 1)
    await registry.flush()
    log = path.with_name(path.name + "-wal")
    content = log.read_bytes()
    registry.close()
    path.unlink()
    log.write_bytes(content)
    with pytest.raises(RegistryDamagedError, match=r"users\.sqlite-wal"):
        SqliteRegistry(path)
    assert not path.exists()
    assert log.read_bytes() == content


@pytest.mark.parametrize("seed", range(40))
async def test_random_damage_is_noticed_or_harmless(path: Path, seed: int) -> None:
    content = bytearray(await filled(path, 200))
    source = random.Random(seed)
    start = source.randrange(len(content))
    length = source.choice([1, 100, 4096, 40_000])
    content[start : start + length] = source.randbytes(min(length, len(content) - start))
    path.write_bytes(content)
    try:
        registry = SqliteRegistry(path)
    except StorageError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right, and this is one of them
        assert path.read_bytes() == content
        return
    try:
        for user_id in range(1, 201):
            registry.get(user_id)
        meet(registry, *range(1, 300), at=500)
        await registry.flush()
    except StorageError as error:
        assert str(path) in str(error)  # noqa: PT017 - as above
    finally:
        registry.close()


# --- schemas


def set_schema(path: Path, schema: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(schema),))


async def test_a_newer_registry_is_refused_and_left_as_it_is(path: Path) -> None:
    await filled(path)
    set_schema(path, 99)
    before = path.read_bytes()
    for opening in (SqliteRegistry, SqliteReader):
        with pytest.raises(RegistryTooNewError, match="99"):
            opening(path)
    assert path.read_bytes() == before


def make_names_loud(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE users SET value = json_set(value, '$.first_name', 'LOUD')")


def block_everyone(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE users SET value = json_set(value, '$.access', 'blocked')")
    connection.execute("DELETE FROM meta WHERE key = 'counts'")


async def test_an_older_registry_is_copied_aside_and_upgraded(path: Path) -> None:
    before = await filled(path, 3)
    steps = {1: make_names_loud, 2: block_everyone}
    registry = SqliteRegistry(path, schema=3, migrations=steps)
    user = registry.get(1)
    assert user is not None
    assert user.first_name == "LOUD"
    assert counted(registry) == {"blocked": 3}
    registry.close()
    aside = path.with_name("users.sqlite.schema-1")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert len(aside.read_bytes()) == len(before)
    with closing(SqliteRegistry(aside)) as old:
        assert [user.first_name for user in old.iterate()] == ["somebody"] * 3
    with pytest.raises(RegistryTooNewError):
        SqliteRegistry(path)
    SqliteRegistry(path, schema=3, migrations={}).close()


async def test_a_failed_upgrade_leaves_the_registry_as_it_was(path: Path) -> None:
    await filled(path, 3)

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT * FROM nowhere")

    with pytest.raises(StorageFailedError, match="nowhere"):
        SqliteRegistry(path, schema=3, migrations={1: make_names_loud, 2: fail})
    with closing(SqliteRegistry(path)) as registry:
        assert [user.first_name for user in registry.iterate()] == ["somebody"] * 3


async def test_a_registry_too_old_for_any_step_is_refused(path: Path) -> None:
    await filled(path)
    set_schema(path, 0)
    with pytest.raises(RegistryTooOldError):
        SqliteRegistry(path)
    with pytest.raises(RegistryTooOldError, match="start the bot once"):
        open_readonly(path)
