# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do
"""Broadcasts in the file of the users: what stays in it, how it is found, how an older file gets there."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from tests.store.broadcasting import DRAFT, all_chunks, first_waiting
from tests.store.contracts import Clock, counted, ids, ids_of
from tests.store.registries import meet, now
from tests.store.sqlite.test_userschema import set_schema
from tgbot.core.access import Access
from tgbot.core.broadcasts import NEWS, NO_NEWS, Audience, State
from tgbot.core.deliveries import CHUNK, Outcome, Wanted
from tgbot.core.errors import NeverRunError, RegistryDamagedError, SessionInUseError
from tgbot.core.users import Profile, Way
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite import audiences, broadcastrows, userfile
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.userfile import SqliteRegistry, open_broadcasts, open_for_changes

#: An id whose bytes are nowhere by chance.
PERSON: Final = 0x0123456789ABCDEF
MESSAGE: Final = 0x7EADBEEF


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.sqlite"


async def begun(registry: SqliteRegistry, audience: Audience) -> int:
    """Begin a broadcast and return how many recipients it has."""
    broadcast = await registry.broadcasts.create(replace(DRAFT, audience=audience))
    frozen = await registry.broadcasts.freeze(replace(broadcast, state=State.RUNNING), registry._clock())
    assert frozen.size is not None
    return frozen.size


@pytest.mark.parametrize("others", [(), (5, 6), (2**62, 2**62 + 1), range(1, CHUNK + 1)])
async def test_after_forget_the_id_is_nowhere_in_the_file(path: Path, others: tuple[int, ...]) -> None:
    forms = [str(PERSON).encode(), *(struct.pack(f"{order}q", PERSON) for order in "<>")]
    forms.append(struct.pack("<i", MESSAGE))
    with closing(SqliteStore(path.with_name("bot.session"), path, clock=now)) as store:
        meet(store.users, *others)
        store.users.seen(Profile(PERSON), 100, Way.MESSAGE)
        store.users.wrote(PERSON, 100, 10)
        store.users.prefer(PERSON, NEWS, NO_NEWS)
        await store.checkpoint(None)
        store.users.prefer(PERSON, NEWS, None)
        await begun(store.users, Audience(ids=(PERSON, *others[:3])))
        await begun(store.users, Audience())
        for broadcast in (1, 2):
            found = await store.broadcasts.find(broadcast, PERSON)
            assert found is not None
            store.broadcasts.settle(broadcast, *found, Outcome.SENT, 1_000, messages=(MESSAGE,))
        await store.checkpoint(None)
        await store.forget(PERSON)
        held = path.with_name(path.name + "-wal").read_bytes()
        assert all(form in held for form in forms)  # what was written before
    content = path.read_bytes()
    assert [form for form in forms if form in content] == []
    assert list(path.parent.glob("*-wal")) == []


async def test_of_a_removed_broadcast_no_row_is_left(path: Path) -> None:
    with closing(SqliteRegistry(path, clock=now)) as registry:
        meet(registry, 1, 2)
        await begun(registry, Audience())
        chunk = await first_waiting(registry.broadcasts)
        registry.broadcasts.settle(1, chunk, 0, Outcome.SENT, 1_000)
        assert await registry.broadcasts.remove(1)
        await registry.flush()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("broadcasts", "tallies", "deliveries"):
            assert connection.execute(f"SELECT * FROM {table}").fetchall() == []


OLD_USERS: Final = {
    1: ("reachable", {"message": [[100]]}),
    2: ("blocked", {"message": [[100]], "bot_stopped": [[200, 3]]}),
    3: ("deactivated", {"deleted": [[100]]}),
    4: ("bot", {"is_bot": [[100]]}),
    5: ("not_allowed", {"chat_write_forbidden": [[100]]}),
    6: ("unknown", {}),
    7: ("not_allowed", {"join_request": [[900, 0, 1_200]]}),
    8: ("not_allowed", {"join_request": [[900, 0, 1_100]]}),
    10: ("reachable", {"message": [[100]]}),
    2**40: ("reachable", {"message": [[100]]}),
}


@pytest.fixture(params=["a note for each", "one note for all"])
def old(request: pytest.FixtureRequest, path: Path) -> Path:
    """A file of schema 2 with users of each access, some whose permission ends, and one who wants no news."""
    SqliteRegistry(path, clock=now).close()
    set_schema(path, 2)
    passing = {7: [1_200, "reachable", "not_allowed"], 8: [1_100, "reachable", "not_allowed"]}
    notes = {f"passing/{user_id}": json.dumps(note) for user_id, note in passing.items()}
    if request.param == "one note for all":
        notes = {"passing": json.dumps(passing)}
    with closing(sqlite3.connect(path)) as connection, connection:
        for user_id, (access, evidence) in OLD_USERS.items():
            user = {"id": user_id, "access": access, "known_by": {"message": 100}, "evidence": evidence}
            if user_id == 10:
                user["preferences"] = {NEWS: NO_NEWS}
            row = str(user_id), json.dumps(user)
            connection.execute("INSERT INTO users VALUES (?, ?)", row)
        connection.execute("INSERT INTO users VALUES ('-5', '{\"id\":-5,\"last_finished_id\":9}')")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", notes.items())
    return path


async def test_an_older_file_gets_lists_of_its_users(old: Path) -> None:
    clock = Clock(1_000)
    with closing(SqliteRegistry(old, clock=clock)) as registry:
        assert counted(registry) == {
            "reachable": 5,
            "blocked": 1,
            "deactivated": 1,
            "bot": 1,
            "not_allowed": 1,
            "unknown": 1,
        }
        assert ids(registry, Access.REACHABLE) == [1, 7, 8, 10, 2**40]
        assert ids(registry, Access.NOT_ALLOWED) == [5]
        for access in ("blocked", "deactivated", "bot", "unknown"):
            assert len(ids(registry, Access(access))) == 1
        assert await begun(registry, Audience()) == 4
        assert ids_of(registry) == list(OLD_USERS)
        clock.now = 1_100
        assert await begun(registry, Audience()) == 3
        assert ids(registry, Access.NOT_ALLOWED) == [5, 8]
        (first, *_) = await all_chunks(registry.broadcasts)
        assert list(first.ids) == [1, 7, 8, 2**40]
    with closing(SqliteRegistry(old, clock=clock)) as registry:
        assert counted(registry)["reachable"] == 4
    (kept,) = old.parent.glob("before-upgrade-*/users.sqlite")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("2",)


async def test_a_record_that_is_no_json_does_not_keep_a_file_from_its_upgrade(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE users SET value = 'garbage' WHERE key = '1'")
    with closing(SqliteRegistry(old, clock=now)) as registry:
        assert await begun(registry, Audience()) == 3


async def test_a_damaged_record_is_named_as_damage_where_conditions_read_it(path: Path) -> None:
    with closing(SqliteRegistry(path, clock=now)) as registry:
        meet(registry, 1, 2, 3)
        await registry.flush()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE users SET value = '[\"a secret name\"]' WHERE key = '2'")
        assert await begun(registry, Audience()) == 3
        with pytest.raises(RegistryDamagedError) as caught:
            await begun(registry, Audience(languages=("en",)))
        assert "secret" not in str(caught.value)
        survey = registry.broadcasts.survey(Audience(), 1_000)
        with pytest.raises(RegistryDamagedError):
            await survey


async def test_a_damaged_chunk_is_named_as_damage(path: Path) -> None:
    with closing(SqliteRegistry(path, clock=now)) as registry:
        meet(registry, 1, 2, 3)
        await begun(registry, Audience())
    for value in (b"", b"\x01", b"\x02" * 40, b"\x01" + bytes(12) + b"more"):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE deliveries SET value = ?", (value,))
        with (
            closing(SqliteRegistry(path, clock=now)) as registry,
            pytest.raises(RegistryDamagedError, match="chunk 0 of broadcast 1"),
        ):
            await first_waiting(registry.broadcasts)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE broadcasts SET value = '{}'")
    with pytest.raises(RegistryDamagedError, match="broadcast 1"):
        SqliteRegistry(path, clock=now)


async def test_broadcasts_are_read_while_a_bot_runs_and_changed_while_none_does(path: Path) -> None:
    session = path.with_name("bot.session")
    for opening in (open_broadcasts(path), open_for_changes(session, path)):
        with pytest.raises(NeverRunError), opening:
            pass
    with closing(SqliteRegistry(path, clock=now)) as registry:
        meet(registry, 1, 2)
        await begun(registry, Audience())
        found = await registry.broadcasts.find(1, 2)
        assert found is not None
        registry.broadcasts.settle(1, *found, Outcome.SENT, 1_000, messages=(7,))
        await registry.flush()
        with open_broadcasts(path) as broadcasts:
            assert broadcasts.all() == registry.broadcasts.all()
            assert broadcasts.tally(1) == registry.broadcasts.tally(1)
            (chunk,) = await all_chunks(broadcasts)
            assert list(chunk.messages) == [0, 0, 7, 0]
            assert (await broadcasts.survey(Audience(), 1_000)).size == 2
            with pytest.raises(TypeError, match="reading only"):
                await broadcasts.create(DRAFT)
    with instance_lock(session), pytest.raises(SessionInUseError), open_for_changes(session, path):
        pass
    with open_for_changes(session, path) as users:
        draft = await users.broadcasts.create(DRAFT)
    with open_broadcasts(path) as broadcasts:
        assert broadcasts.get(2) == draft


def test_nothing_is_found_by_a_look_at_each(path: Path) -> None:
    SqliteRegistry(path, clock=now).close()
    wanted = {"access": "blocked", "above": 5, "page": 200}
    queries: list[tuple[str, dict[str, object] | tuple[object, ...]]] = [
        (userfile._AFTER_OF, wanted),
        (audiences._REACHABLE, (5, 100)),
        (audiences._DECLINING, (5, 100)),
        (audiences._REACHABLE_OF, ("[1, 2]",)),
        (audiences._TEXTS, ("[1, 2]",)),
        (audiences._PASSING, ()),
        (broadcastrows._CHUNK, (1, 1)),
        (broadcastrows._CHUNK_OF, (1, 77)),
        *((broadcastrows._NEXT[one], (1, -1, 0)) for one in Wanted),
    ]
    with closing(sqlite3.connect(path)) as connection:
        for query, values in queries:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            scans = [step for step in plan if step.startswith("SCAN") and "json_each" not in step]
            assert all(step.startswith("SCAN (subquery") or "listed" in step for step in scans), plan
        looks = " ".join(
            row[3]
            for one in Wanted
            for row in connection.execute(f"EXPLAIN QUERY PLAN {broadcastrows._NEXT[one]}", (1, -1, 0))
        )
        assert looks.count("COVERING INDEX deliveries_to_do") == len(Wanted)
