"""Everything that a bot keeps, copied from files to a database, to another one, and back."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from telethon.crypto import AuthKey

from tests.postgres import PostgresServer
from tests.store.broadcasting import DRAFT
from tests.store.transfer.places import ANNA, BORIS, BOT, Place, live_in
from tgbot.core.access import Evidence, Kind
from tgbot.core.broadcasts import Audience
from tgbot.core.deliveries import Outcome
from tgbot.core.errors import NeverRunError, SessionInUseError
from tgbot.core.storeerrors import (
    CopyDiffersError,
    NodeLeadsError,
    OtherCopyError,
    PlaceTakenError,
    UnfinishedCopyError,
)
from tgbot.core.users import Profile, Way
from tgbot.store.base import Parked, Planned, Reason, UpdateState
from tgbot.store.lock import instance_lock
from tgbot.store.opening import Place as AnyPlace
from tgbot.store.opening import kept_at
from tgbot.store.sqlite.logins import UsedLogins
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.tables import COPYING, LONG, Row, Table, Tables, storable
from tgbot.store.transfer import copying
from tgbot.store.transfer.copying import Copied, copy_all

NOW = 1_000_000
KEY = bytes(range(256))


class At(Place):
    """A database, and the directory of its node."""

    def __init__(self, directory: Path, address: str) -> None:
        super().__init__(directory)
        self.address, self.node = address, "alpha"


class Spoilt:
    """Tables that get other peers than they are given."""

    def __init__(self, tables: Tables, spoil: Callable[[Sequence[Row]], Sequence[Row]]) -> None:
        self._tables = tables
        self._spoil = spoil

    def __getattr__(self, name: str) -> Any:  # Any: whatever the tables have
        return getattr(self._tables, name)

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        self._tables.add(table, self._spoil(rows) if table is Table.PEERS else rows)


@pytest.fixture
async def full(tmp_path: Path) -> Place:
    """Return a bot whose files have rows in every table."""
    directory = tmp_path / "full"
    directory.mkdir()
    place = await live_in(directory)
    place.node = "alpha"
    store = SqliteStore(place.session, place.registry, clock=lambda: NOW)
    with closing(store):
        store.session.set_dc(2, "149.154.167.51", 443)
        store.session.auth_key = AuthKey(KEY)
        store.session.set_value("token", "a fingerprint")
        store.session.set_value("login_wait", 5)
        store.session.set_bot_value("supergroup of -7", -1_000_000_000_007)
        store.session.count_resolve()
        store.session.count_resolve()
        for user_id in range(1, 31):
            store.users.seen(Profile(user_id, f"User {user_id}"), 90, Way.MESSAGE)
            store.users.record(user_id, Evidence(Kind.MESSAGE, 95))
        for number, trace in enumerate(("ValueError: \0 it", "")):
            store.parked.park(
                Parked(
                    f"m{ANNA}:{number}", ANNA, ANNA, Reason.FAILED, "a.b", "X", trace, 9, None, 1, b"\0\xff"
                )
            )
        store.planned.plan(Planned("shop:1", 2_000, "shop", ANNA, '{"a":"Milk \U0001f95b"}', 2))
        draft = await store.broadcasts.create(DRAFT)
        await store.broadcasts.create(DRAFT)
        await store.broadcasts.remove(2)  # the number is never given again
        await store.users.flush()
        await store.broadcasts.freeze(replace(draft, audience=Audience()), NOW)
        chunk = await store.broadcasts.chunk(1, 0)
        assert chunk is not None
        store.broadcasts.settle(1, chunk, 0, Outcome.SENT, 1_000, messages=(7,))
        await store.checkpoint(UpdateState(7, 8, 9, 10, {77: 5}))
    logins = UsedLogins(place.logins)
    for number in range(5):
        owed = (ANNA, "ru") if number % 2 else None
        await logins.add(bytes([9 - number]) * 32, NOW, NOW, owed)
    logins.close()
    return place


@pytest.fixture
def database(tmp_path: Path, postgres: PostgresServer) -> At:
    (tmp_path / "node").mkdir()
    return At(tmp_path / "node", postgres.bot_database())


def fill(
    source: Tables, target: Tables, *, login: bool = True, stopped: Callable[[], bool] = lambda: False
) -> Copied | None:
    return copy_all(source, target, login=login, random=random.Random(5), stopped=stopped)


async def copy(
    source: AnyPlace, target: AnyPlace, *, login: bool = True, stopped: Callable[[], bool] = lambda: False
) -> Copied | None:
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(kept_at(place).tables("store copy", make=make))
            for place, make in ((source, False), (target, True))
        ]
        return fill(*opened, login=login, stopped=stopped)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_what_root_copies_belongs_to_the_owner_of_the_directory(full: Place, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 1, 1)
    target = Place(tmp_path / "home" / "sessions")
    target.node = full.node
    assert await copy(full, target) is not None
    directory = tmp_path / "home" / "sessions"
    assert {path.stat().st_uid for path in (directory, *directory.iterdir())} == {1}


async def everything(place: AnyPlace) -> Mapping[Table, Sequence[Row]]:
    async with kept_at(place).tables("test", make=False) as tables:
        rows = {table: sorted(tables.portion(table, None, 1_000_000)) for table in LONG}
        return rows | {table: list(tables.whole(table)) for table in Table if table not in LONG}


def same(one: Mapping[Table, Sequence[Row]], other: Mapping[Table, Sequence[Row]]) -> bool:
    """Return whether both have the same rows, with JSON and texts as every place can hold them."""
    return all(
        [read(table, row) for row in one[table]] == [read(table, row) for row in other[table]]
        for table in Table
    )


def read(table: Table, row: Row) -> Row:
    json_in = {Table.USERS: 1, Table.KEYS: 5}.get(table)
    return tuple(
        json.loads(value) if place == json_in else value
        for place, value in enumerate(row if table is Table.USERS else storable(table, row))
    )


async def test_a_bot_that_moves_to_a_database_and_to_another_and_back_is_as_it_was(
    full: Place, database: At, tmp_path: Path, database_url: str
) -> None:
    before = await everything(full)
    assert all(before.values()), "each table has rows to lose"
    (tmp_path / "back").mkdir()
    other, back = At(tmp_path / "node", database_url), Place(tmp_path / "back")
    back.node = "alpha"
    for source, target in ((full, database), (database, other), (other, back)):
        done = await copy(source, target)
        assert done is not None
        assert (done.before, done.login) == (0, True)
        assert done.rows == {table: len(rows) for table, rows in before.items()}
    after = await everything(back)
    assert same(after, before)
    with closing(sqlite3.connect(full.registry)) as one, closing(sqlite3.connect(back.registry)) as two:
        for table in ("users_by_access", "users_declining"):
            assert (
                one.execute(f"SELECT * FROM {table}").fetchall()
                == two.execute(f"SELECT * FROM {table}").fetchall()
            )


async def test_a_store_on_the_copy_knows_what_the_old_one_knew(full: Place, database: At) -> None:
    await copy(full, database)
    with kept_at(full).users() as old, kept_at(database).users() as new:
        assert list(new.iterate()) == list(old.iterate())
        assert new.count() == old.count()
    async with kept_at(database).store("test", clock=lambda: NOW, cached_users=10) as store:
        assert store.update_state() == UpdateState(7, 8, 9, 10, {77: 5})
        assert store.session.bot_id() == BOT
        assert store.session.access_hash(BORIS) == -5
        assert store.session.bot_value("supergroup of -7") == -1_000_000_000_007
        assert (await store.broadcasts.create(DRAFT)).id == 3
        assert store.broadcasts.tally(1).outcomes[Outcome.SENT] == 1


async def test_the_login_goes_to_the_node_and_can_be_left_out(full: Place, database: At) -> None:
    done = await copy(full, database, login=False)
    assert done is not None
    assert not done.login
    assert (await everything(database))[Table.KEYS] == []


@pytest.mark.parametrize("portions", [1, 4])
async def test_a_copy_that_was_interrupted_goes_on_and_compares_everything(
    full: Place, database: At, monkeypatch: pytest.MonkeyPatch, portions: int
) -> None:
    monkeypatch.setattr(copying, "PORTION", 7)
    asked = iter(range(100))
    assert await copy(full, database, stopped=lambda: next(asked) >= portions) is None
    with pytest.raises(UnfinishedCopyError):
        async with kept_at(database).store("test", clock=lambda: NOW, cached_users=10):
            pass
    done = await copy(full, database)
    assert done is not None
    assert done.before == 7 * portions
    assert done.compared >= sum(done.rows.values())
    assert same(await everything(database), await everything(full))


async def test_a_change_of_the_source_between_two_halves_of_a_copy_is_found(
    full: Place, database: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PORTION", 7)
    asked = iter(range(100))
    assert await copy(full, database, stopped=lambda: next(asked) >= 2) is None
    with closing(sqlite3.connect(full.registry)) as connection, connection:
        connection.execute(
            """UPDATE users SET value = replace(value, 'User 3"', 'Usir 3"') WHERE key = '3'"""
        )
    with pytest.raises(CopyDiffersError, match="users"):
        await copy(full, database)
    async with kept_at(database).tables("test", make=False) as tables:
        assert tables.noted(COPYING) is not None


async def test_a_sample_finds_a_copy_with_other_rows_and_a_count_one_with_fewer(
    full: Place, database: At, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_SAMPLE", 1_000)

    spoil: Callable[[Sequence[Row]], Sequence[Row]]
    for spoil, said in (
        (lambda rows: rows[1:], "peers: 3 and 2 rows"),
        (lambda rows: [(*row[:1], 77, *row[2:]) for row in rows], "peers: not the same rows"),
    ):
        async with (
            kept_at(full).tables("test", make=False) as source,
            kept_at(database).tables("test", make=True) as target,
        ):
            with pytest.raises(CopyDiffersError, match=said):
                fill(source, Spoilt(target, spoil))
        postgres.bot_database()  # empties it


async def test_nothing_is_copied_over_something_else(full: Place, database: At, lived_in: Place) -> None:
    with pytest.raises(PlaceTakenError):
        await copy(full, lived_in)
    asked = iter(range(100))
    await copy(full, database, stopped=lambda: next(asked) >= 1)
    with pytest.raises(OtherCopyError):
        await copy(lived_in, database)


async def test_no_copy_is_made_while_a_bot_runs_on_either_side(full: Place, database: At) -> None:
    with instance_lock(full.session), pytest.raises(SessionInUseError):
        await copy(full, database)
    async with kept_at(database).tables("another", make=True):
        with pytest.raises(NodeLeadsError, match=r"alpha \(tgbot another\)"):
            await copy(full, database)


async def test_there_is_nothing_to_copy_where_no_bot_ran(place: Place, database_url: str) -> None:
    database = At(place.session.parent, database_url)
    for source, target in ((place, database), (database, place)):
        with pytest.raises(NeverRunError):
            await copy(source, target)


async def test_files_of_an_older_version_are_copied_as_the_next_start_would_read_them(
    full: Place, database: At
) -> None:
    with closing(sqlite3.connect(full.registry)) as users, users:
        users.execute("DROP TABLE parked")
    full.logins.unlink()
    with closing(sqlite3.connect(full.logins)) as logins, logins:
        logins.execute("CREATE TABLE used (digest BLOB PRIMARY KEY, until INTEGER NOT NULL)")
        logins.execute("INSERT INTO used VALUES (?, 77)", (b"\x01\xff",))
    await copy(full, database)
    rows = await everything(database)
    assert (rows[Table.PARKED], rows[Table.LOGINS]) == ([], [(b"\x01\xff", 77, None, None)])


@pytest.mark.parametrize("large", [1, 3, 200])
async def test_planned_entries_that_cannot_be_read_are_counted_and_left_out(
    full: Place, database: At, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(copying, "LARGE", large)
    sound = (await everything(full))[Table.PLANNED]
    with closing(sqlite3.connect(full.registry)) as users, users:
        for key, name, data, at in (
            ("a", "shop", b"\xff{", 1),
            (b"b\xfe", "shop", "{}", 1),
            ("shop:0", b"\xc3", "{}", 1),
            ("z", "shop", "{}", "soon"),
            (b"z\xff", "shop", "{}", 1),
        ):
            values = "(CAST(? AS TEXT), ?, CAST(? AS TEXT), 0, CAST(? AS TEXT), 0)"
            users.execute(f"INSERT INTO planned VALUES {values}", (key, at, name, data))
        users.execute("INSERT INTO planned VALUES ('zz', 5, 'shop', 0, '{}', 0)")
    done = await copy(full, database)
    assert done is not None
    assert (done.rows[Table.PLANNED], done.damaged) == (len(sound) + 1, 5)
    kept = [*sound, ("zz", 5, "shop", 0, "{}", 0)]
    assert (await everything(database))[Table.PLANNED] == kept


async def test_a_session_that_is_missing_or_plain_telethons_is_no_obstacle(
    full: Place, database: At, postgres: PostgresServer
) -> None:
    with closing(sqlite3.connect(full.session)) as session, session:
        for table in ("usernames", "resolves", "values"):
            session.execute(f"DROP TABLE tgbot_{table}")
    await copy(full, database)
    rows = await everything(database)
    assert {row[0]: row[2] for row in rows[Table.PEERS]}[BORIS] == ("boris",)
    assert (rows[Table.RESOLVES], rows[Table.VALUES]) == ([], [("bot", BOT)])
    postgres.bot_database()  # empties it
    full.session.unlink()
    await copy(full, database)
    rows = await everything(database)
    assert (rows[Table.PEERS], rows[Table.STATES], rows[Table.KEYS]) == ([], [], [])
    assert len(rows[Table.USERS]) == 34


async def test_a_username_that_plain_telethon_left_with_two_peers_belongs_to_the_later_one(
    full: Place, database: At
) -> None:
    with closing(sqlite3.connect(full.session)) as connection, connection:
        connection.execute("INSERT INTO entities VALUES (6, 1, 'anna', NULL, 'x', 5)")
        connection.execute("INSERT INTO entities VALUES (7, 1, 'twice', NULL, 'x', 5)")
        connection.execute("INSERT INTO entities VALUES (8, 1, 'twice', 79001112233, ?, 6)", ("x\0y",))
    await copy(full, database)
    names = {row[0]: row[2] for row in (await everything(database))[Table.PEERS]}
    assert (names[6], names[7], names[8], names[ANNA]) == ((), (), ("twice",), ("anna",))
