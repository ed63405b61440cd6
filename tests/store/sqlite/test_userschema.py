# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import os
import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.store.contracts import counted
from tests.store.registries import filled, meet, now
from tgbot.core.errors import (
    RegistryDamagedError,
    RegistryTooNewError,
    RegistryTooOldError,
    StorageError,
    StorageFailedError,
)
from tgbot.core.users import Way
from tgbot.store.base import Planned
from tgbot.store.sqlite import userschema
from tgbot.store.sqlite.userfile import SqliteRegistry, open_readonly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.sqlite"


async def test_only_the_owner_may_read_the_files(path: Path) -> None:
    old = os.umask(0)
    try:
        registry = SqliteRegistry(path, clock=now)
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
    SqliteRegistry(path, clock=now).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- damage


def open_for_bot(path: Path) -> SqliteRegistry:
    return SqliteRegistry(path, clock=now)


def refused(path: Path, *, keep: bytes | None) -> None:
    for opening in (open_for_bot, open_readonly):
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
        SqliteRegistry(path, clock=now)


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
    registry = SqliteRegistry(path, clock=now)
    meet(registry, 1)
    await registry.flush()
    log = path.with_name(path.name + "-wal")
    content = log.read_bytes()
    registry.close()
    path.unlink()
    log.write_bytes(content)
    with pytest.raises(RegistryDamagedError, match=r"users\.sqlite-wal"):
        SqliteRegistry(path, clock=now)
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
        registry = SqliteRegistry(path, clock=now)
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
        if schema < 3:
            for table in ("users_by_access", "users_declining", "broadcasts", "tallies", "deliveries"):
                connection.execute(f"DROP TABLE IF EXISTS {table}")
        if schema < 4:
            connection.execute("DROP TABLE IF EXISTS planned")


async def test_a_newer_registry_is_refused_and_left_as_it_is(path: Path) -> None:
    await filled(path)
    set_schema(path, 99)
    before = path.read_bytes()
    for opening in (open_for_bot, open_readonly):
        with pytest.raises(RegistryTooNewError, match="99"):
            opening(path)
    assert path.read_bytes() == before


MAKE_NAMES_LOUD: Final = ("UPDATE users SET value = json_set(value, '$.first_name', 'LOUD')",)
BLOCK_EVERYONE: Final = (
    "UPDATE users SET value = json_set(value, '$.access', 'blocked')",
    "DELETE FROM meta WHERE key = 'counts'",
    *userschema.LIST_USERS,
)


async def test_of_an_older_registry_a_copy_is_kept_before_it_is_upgraded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = userschema.SCHEMA
    before = await filled(path, 3)
    with monkeypatch.context() as patched:
        patched.setattr(userschema, "SCHEMA", old + 2)
        patched.setattr(userschema, "MIGRATIONS", {old: MAKE_NAMES_LOUD, old + 1: BLOCK_EVERYONE})
        with closing(SqliteRegistry(path, clock=now)) as registry:
            user = registry.get(1)
            assert user is not None
            assert user.first_name == "LOUD"
            assert counted(registry) == {"blocked": 3}
        SqliteRegistry(path, clock=now).close()
    (aside,) = path.parent.glob("before-upgrade-*/users.sqlite")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert len(aside.read_bytes()) == len(before)
    with closing(SqliteRegistry(aside, clock=now)) as copy:
        assert [user.first_name for user in copy.iterate()] == ["somebody"] * 3
    with pytest.raises(RegistryTooNewError):
        SqliteRegistry(path, clock=now)


async def test_a_failed_upgrade_leaves_the_registry_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(path, 3)

    old = userschema.SCHEMA
    with monkeypatch.context() as patched:
        patched.setattr(userschema, "SCHEMA", old + 2)
        patched.setattr(userschema, "MIGRATIONS", {old: MAKE_NAMES_LOUD, old + 1: ("SELECT * FROM nowhere",)})
        with pytest.raises(StorageFailedError, match="nowhere"):
            SqliteRegistry(path, clock=now)
    with closing(SqliteRegistry(path, clock=now)) as registry:
        assert [user.first_name for user in registry.iterate()] == ["somebody"] * 3


#: Users in the format of schema 1.
OLD: Final = (
    '{"id":1,"access":"reachable","first_name":"Anna","known_by":{"message":5,"SomeRequest":4},"last_seen":5,'
    '"last_finished_id":7,"last_own_id":8,"preferences":{"language":"ru",'
    '"join_requests":"-1001:190 -1002:200","greeted_for_access":"6"},"evidence":{"message":[[5]]}}'
)


async def test_a_registry_of_schema_1_is_upgraded_with_all_it_held(path: Path) -> None:
    await filled(path, 3)
    set_schema(path, 1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE users SET value = ? WHERE key = '1'", (OLD,))
    with pytest.raises(RegistryTooOldError):
        open_readonly(path)
    with closing(SqliteRegistry(path, clock=now)) as registry:
        for turn in range(2):
            user = registry.get(1)
            assert user is not None
            assert (user.first_name, user.last_finished_id, user.chosen_language) == ("Anna", 7, "ru")
            assert user.preferences == {"language": "ru"}
            assert user.join_requests == {-1001: 190, -1002: 200}
            assert user.greeted_access_id == 6
            assert user.known_by == {Way.MESSAGE: 5, Way.OTHER: 4}
            registry.wrote(1, 100, 3 - turn)
            await registry.flush()
        assert counted(registry) == {"reachable": 3}
    assert list(path.parent.glob("before-upgrade-*/users.sqlite"))
    with closing(open_readonly(path)) as reader:
        assert (again := reader.get(1)) is not None
        assert again == user


async def test_a_registry_of_schema_3_is_upgraded_and_plans(path: Path) -> None:
    await filled(path, 3)
    set_schema(path, 3)
    entry = Planned("shop.remind:1", 2_000, "shop.remind", 1)
    with closing(SqliteRegistry(path, clock=now)) as registry:
        assert await registry.planned.next_due() is None
        registry.planned.plan(entry)
        await registry.flush()
    with closing(SqliteRegistry(path, clock=now)) as registry:
        assert await registry.planned.due(2_000) == [entry]
        assert [user.id for user in registry.iterate()] == [1, 2, 3]
    (aside,) = path.parent.glob("before-upgrade-*/users.sqlite")
    assert userschema.schema_of(aside) == 3


async def test_a_registry_too_old_for_any_step_is_refused(path: Path) -> None:
    await filled(path)
    set_schema(path, 0)
    with pytest.raises(RegistryTooOldError):
        SqliteRegistry(path, clock=now)
    with pytest.raises(RegistryTooOldError, match="start the bot once"):
        open_readonly(path)
