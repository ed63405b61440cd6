"""A database that goes away, or refuses: nothing is lost, and the next checkpoint writes all of it, once."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from telethon.tl import types

from tests.postgres import PostgresServer
from tests.store.contracts import Clock, counted, parked, recounted
from tests.store.postgres.home import leading
from tests.store.postgres.proxy import Moment, Proxy, proxied
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.errors import LeaseLostError, StorageError, StorageFullError, StorageUnreachableError
from tgbot.core.users import Profile, UserFields, Way
from tgbot.store.base import Planned, UpdateState
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.openings import open_readonly
from tgbot.store.postgres.schema import prepare
from tgbot.store.postgres.store import PostgresStore
from tgbot.store.user_json import pack

#: What a plugin keeps of a user, and what no error may show.
SECRET = "planted"


@pytest.fixture
def proxy(bot_url: str) -> Iterator[Proxy]:
    with proxied(bot_url) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Proxy) -> Iterator[PostgresStore]:
    with opened(proxy.url) as store:
        yield store


@contextmanager
def opened(url: str) -> Iterator[PostgresStore]:
    with closing(Database(Address(url))) as database:
        store = PostgresStore(database, node="one", fence=leading, clock=Clock())
        with closing(store):
            yield store


def change(store: PostgresStore, number: int) -> UpdateState:
    """Change something of every kind; return the state after it."""
    for user_id in (number, 100):
        store.users.seen(Profile(user_id, SECRET), number, Way.MESSAGE)
        store.users.record(user_id, Evidence(Kind.MESSAGE, number))
        store.users.finished(user_id, number)
        store.users.keep_data(user_id, "shop", {"turn": number})
    if number > 1:
        store.users.record(number - 1, Evidence(Kind.BOT_STOPPED, number))
        store.parked.drop(f"m1:{number - 1}")
        store.planned.drop(f"{number - 1}")
    store.parked.park(parked(f"m1:{number}"))
    store.planned.plan(Planned(f"{number}", number, "shop.remind", number))
    store.session.remember([types.User(number, access_hash=number, first_name=SECRET, username=f"u{number}")])
    store.session.count_resolve()
    return UpdateState(number, 1, 1, 1, {5: number})


@dataclass(frozen=True)
class Kept:
    """What is in the database."""

    users: list[Any]  # Any: values of columns
    parked: list[Any]
    planned: list[Any]
    peers: list[Any]
    resolves: int
    state: list[Any]

    @classmethod
    def at(cls, url: str) -> Kept:
        with psycopg.connect(url) as connection:

            def read(query: LiteralString) -> list[Any]:
                return connection.execute(query).fetchall()

            return cls(
                read("SELECT id, access, (value #>> '{data,shop,turn}')::int FROM tgbot.users ORDER BY id"),
                read("SELECT key FROM tgbot.parked"),
                read("SELECT key FROM tgbot.planned"),
                read("SELECT id, hash, name FROM tgbot.peers JOIN tgbot.usernames USING (id) ORDER BY id"),
                len(read("SELECT at FROM tgbot.resolves")),
                read("SELECT channel, pts FROM tgbot.states ORDER BY channel"),
            )

    @classmethod
    def after(cls, number: int) -> Kept:
        """Return what is there once all changes up to a number were written."""
        numbers = range(1, number + 1)
        access = {one: "blocked" if one < number else "reachable" for one in numbers}
        return cls(
            [*((one, access[one], one) for one in numbers), (100, "reachable", number)] if number else [],
            [(f"m1:{number}",)] if number else [],
            [(f"{number}",)] if number else [],
            [(one, one, f"u{one}") for one in numbers],
            number,
            [(0, number), (5, number)] if number else [],
        )


async def all_is_well(store: PostgresStore, url: str, number: int) -> None:
    """Expect that the next checkpoint writes what waits, and one more change; and that all counts agree."""
    await store.checkpoint(change(store, number))
    assert not store.changed
    assert Kept.at(url) == Kept.after(number)
    assert counted(store.users) == recounted(store.users, 1_000)
    with (
        closing(Database(Address(url))) as database,
        closing(open_readonly(database, clock=Clock())) as users,
    ):
        assert counted(users) == recounted(users, 1_000) == {"blocked": number - 1, "reachable": 2}


async def all_waits(store: PostgresStore, error: type[StorageError], state: UpdateState) -> str:
    """Expect that two checkpoints fail, and that nothing left memory; return what is said."""
    said = ""
    for _ in range(2):
        with pytest.raises(error) as raised:
            await store.checkpoint(state)
        said = str(raised.value)
        assert SECRET not in said
        assert store.changed
        assert store.users.data(100, "shop") == {"turn": state.pts}
        assert [one.key for one in store.parked.entries()] == [f"m1:{state.pts}"]
        assert store.session.access_hash(state.pts) == state.pts
    return said


@pytest.mark.parametrize("moment", Moment)
async def test_a_link_that_goes_costs_no_checkpoint(
    store: PostgresStore, proxy: Proxy, bot_url: str, moment: Moment
) -> None:
    await store.checkpoint(change(store, 1))
    proxy.cut_at(moment)
    await store.checkpoint(change(store, 2))
    assert Kept.at(bot_url) == Kept.after(2)
    await all_is_well(store, bot_url, 3)
    proxy.was_cut()


@pytest.mark.parametrize(
    ("moment", "kept"), [(Moment.BEFORE_COMMIT, 1), (Moment.IN_COMMIT, 2), (Moment.AFTER_COMMIT, 2)]
)
async def test_a_link_that_goes_and_stays_away_loses_nothing(
    store: PostgresStore, proxy: Proxy, bot_url: str, moment: Moment, kept: int
) -> None:
    await store.checkpoint(change(store, 1))
    await store.load([2, 3])
    proxy.cut_at(moment)
    with proxy.refusing():
        state = change(store, 2)
        if moment is Moment.AFTER_COMMIT:
            await store.checkpoint(state)
            state = change(store, 3)
        said = await all_waits(store, StorageUnreachableError, state)
        proxy.was_cut()
    assert bot_url.rpartition("/")[2] in said
    assert Kept.at(bot_url) == Kept.after(kept)  # all of a checkpoint, or nothing
    await all_is_well(store, bot_url, state.pts + 1)


async def test_what_a_command_writes_finds_a_link_that_nobody_noticed_was_lost(
    store: PostgresStore, proxy: Proxy, bot_url: str
) -> None:
    await store.checkpoint(change(store, 1))
    proxy.cut()
    await store.forget(1)
    assert store.session.access_hash(1) is None
    with psycopg.connect(bot_url) as connection:
        assert connection.execute("SELECT id FROM tgbot.peers WHERE id = 1").fetchall() == []
        assert connection.execute("SELECT access FROM tgbot.users WHERE id = 1").fetchall() == [(None,)]
    store.users.seen(Profile(7), 5, Way.MESSAGE)
    proxy.cut()
    await store.users.flush()
    assert counted(store.users) == recounted(store.users, 1_000)


@pytest.mark.parametrize("moment", [Moment.BEFORE_COMMIT, Moment.IN_COMMIT])
async def test_users_of_an_import_are_counted_once_whatever_became_of_the_link(
    store: PostgresStore, proxy: Proxy, moment: Moment
) -> None:
    fields = {user_id: UserFields(user_id, Profile(user_id), known_by={Way.IMPORT: 5}) for user_id in (1, 2)}
    texts = {user_id: pack(user, Access.UNKNOWN) for user_id, user in fields.items()}
    await store.load([1, 2])
    proxy.cut_at(moment)
    with proxy.refusing(), pytest.raises(StorageUnreachableError):
        await store.users.add(texts, dict.fromkeys(texts, Access.UNKNOWN))
    store.users.record(1, Evidence(Kind.MESSAGE, 7))
    store.users.seen(Profile(3), 7, Way.MESSAGE)
    await store.checkpoint(None)
    assert counted(store.users) == recounted(store.users, 1_000)
    assert store.users.count().total == (3 if moment is Moment.IN_COMMIT else 2)
    user = store.users.get(1)
    assert user is not None
    assert (Way.IMPORT in user.known_by) is (moment is Moment.IN_COMMIT)


async def test_a_server_that_starts_again_after_a_crash_gets_all(
    postgres: PostgresServer, bot_url: str
) -> None:
    with opened(bot_url) as store:
        await store.checkpoint(change(store, 1))
        state = change(store, 2)
        postgres.stop()
        try:
            said = await all_waits(store, StorageUnreachableError, state)
        finally:
            postgres.start()
        assert "refused" in said
        await all_is_well(store, bot_url, 3)


async def test_a_backend_that_is_ended_in_the_middle_loses_nothing(
    store: PostgresStore, bot_url: str
) -> None:
    await store.checkpoint(change(store, 1))
    with psycopg.connect(bot_url, autocommit=True) as admin, admin.transaction():
        admin.execute("LOCK TABLE tgbot.parked")  # behind the users
        checkpoint = asyncio.ensure_future(store.checkpoint(change(store, 2)))
        for _ in range(2):  # it is made again once
            await until(lambda: waiting(bot_url) == 1)
            end_waiting(bot_url)
        with pytest.raises(StorageUnreachableError, match="cannot be reached"):
            await checkpoint
    assert Kept.at(bot_url) == Kept.after(1)
    await all_is_well(store, bot_url, 3)


async def test_a_database_that_is_read_only_for_a_while_gets_all_afterwards(
    store: PostgresStore, proxy: Proxy, bot_url: str
) -> None:
    await store.checkpoint(change(store, 1))
    name = bot_url.rpartition("/")[2]
    with psycopg.connect(bot_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        proxy.cut()
        try:
            said = await all_waits(store, StorageUnreachableError, change(store, 2))
        finally:
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
    assert "read-only" in said
    proxy.cut()  # a session keeps what held when it began
    await all_is_well(store, bot_url, 3)


async def test_a_full_disk_is_told_and_nothing_is_lost(postgres: PostgresServer) -> None:
    with tiny_disk(postgres) as (url, ballast), opened(url) as store:
        await store.checkpoint(change(store, 1))
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        for user_id in range(1_000, 4_000):
            store.users.seen(Profile(user_id, "x" * 200), 5, Way.MESSAGE)
        said = await all_waits(store, StorageFullError, change(store, 2))
        assert "make room" in said
        ballast.unlink()
        await store.checkpoint(UpdateState(3, 1, 1, 1))
        assert counted(store.users) == recounted(store.users, 1_000)
        assert store.users.count().total == 3_003


async def test_a_node_that_lost_the_lease_writes_nothing(store: PostgresStore, bot_url: str) -> None:
    await store.checkpoint(change(store, 1))
    await store.broadcasts.forget(1)
    with psycopg.connect(bot_url, autocommit=True) as other:
        other.execute("UPDATE tgbot.lease SET node = 'two', epoch = epoch + 1")
        said = await all_waits(store, LeaseLostError, change(store, 2))
        assert "tgbot nodes" in said
        with pytest.raises(LeaseLostError):
            await store.forget(1)
        with pytest.raises(LeaseLostError):
            await store.users.flush()
        with pytest.raises(LeaseLostError):
            await store.users.add({9: '{"id":9}'}, {9: Access.UNKNOWN})
        assert Kept.at(bot_url) == Kept.after(1)


async def test_a_node_that_loses_the_lease_in_the_middle_writes_nothing(
    store: PostgresStore, bot_url: str
) -> None:
    await store.checkpoint(change(store, 1))
    with psycopg.connect(bot_url) as other, psycopg.connect(bot_url, autocommit=True) as two:
        other.execute("LOCK TABLE tgbot.parked")
        checkpoint = asyncio.ensure_future(store.checkpoint(change(store, 2)))
        await until(lambda: waiting(bot_url) == 1)
        two.execute("UPDATE tgbot.lease SET node = 'two', epoch = epoch + 1")
        other.rollback()
        with pytest.raises(LeaseLostError):
            await checkpoint
    assert Kept.at(bot_url) == Kept.after(1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


def end_waiting(url: str) -> None:
    """End the one connection whose transaction waits for a lock."""
    with psycopg.connect(url) as connection:
        query = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert connection.execute(query).fetchall() == [(True,)]


def waiting(url: str) -> int:
    """Return how many transactions wait for a lock."""
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        (number,) = connection.execute(query).fetchone() or (0,)
        return int(number)


@contextmanager
def tiny_disk(server: PostgresServer) -> Iterator[tuple[str, Path]]:
    """Give a database on a disk of a few megabytes, and a path there for what fills it."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    directory = server.directory / "tiny"  # where the server, which runs as somebody else, may go
    directory.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", directory], capture_output=True)
    if made.returncode:
        pytest.skip("may not mount a small disk here: " + made.stderr.decode())
    try:
        place = directory / "place"
        place.mkdir()
        os.chown(place, pwd.getpwnam("nobody").pw_uid, -1)
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE TABLESPACE tiny LOCATION '{place}'".encode())
            admin.execute("CREATE DATABASE tiny TABLESPACE tiny")
            try:
                with closing(Database(Address(server.url("tiny")))) as database:
                    prepare(database)
                yield server.url("tiny"), directory / "ballast"
            finally:
                admin.execute("DROP DATABASE tiny WITH (FORCE)")
                admin.execute("DROP TABLESPACE tiny")
    finally:
        subprocess.run(["umount", directory], check=True)
