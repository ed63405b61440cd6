from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.crypto import AuthKey
from telethon.sessions import SQLiteSession
from telethon.tl import types

from tgbot.core.errors import StorageFailedError
from tgbot.core.users import Keep
from tgbot.store.base import UpdateState
from tgbot.store.peerbook import SEEN_GRAIN
from tgbot.store.peers import RESOLVES_A_DAY, Peer, UsernameRow
from tgbot.store.sqlite.session import DurableSession


def user(number: int, *names: str, access_hash: int | None = None, **fields: Any) -> Any:
    several = [types.Username(name, active=True) for name in names] if len(names) > 1 else None
    return types.User(
        number,
        access_hash=access_hash or number * 10,
        first_name=fields.pop("first_name", "Anna"),
        username=names[0] if len(names) == 1 else None,
        usernames=several,
        **fields,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.session"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(path: Path, clock: Clock) -> Iterator[DurableSession]:
    opened = DurableSession(path, clock)
    yield opened
    opened.close()


REOPENED: list[DurableSession] = []


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    """Close the sessions that a test has reopened or used again."""
    yield
    while REOPENED:
        REOPENED.pop().close()


async def reopened(session: DurableSession) -> DurableSession:
    """Return a session on the same file after a checkpoint and a restart."""
    await session.checkpoint(None)
    session.close()
    again = DurableSession(session.path, session._clock)
    REOPENED.extend((session, again))
    return again


def on_disk(path: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return rows


# ---- durability -------------------------------------------------------------------------------


def test_the_auth_key_and_data_center_are_on_disk_when_the_assignment_returns(
    session: DurableSession, path: Path
) -> None:
    session.set_dc(2, "127.0.0.1", 444)
    session.auth_key = AuthKey(data=bytes(range(256)))
    assert on_disk(path, "SELECT dc_id, port, auth_key FROM sessions") == [(2, 444, bytes(range(256)))]


async def test_peers_are_found_at_once_and_on_disk_at_the_checkpoint(
    session: DurableSession, path: Path
) -> None:
    session.remember([user(5, "anna")])
    assert session.access_hash(5) == 50
    assert session.changed
    assert on_disk(path, "SELECT id FROM entities") == []
    await session.checkpoint(UpdateState(1, 2, 3, 4))
    assert not session.changed
    assert on_disk(path, "SELECT id, hash, username, name FROM entities") == [(5, 50, "anna", "Anna")]
    assert on_disk(path, "SELECT * FROM update_state") == [(0, 1, 2, 3, 4)]


async def test_only_the_checkpoint_writes_update_state(session: DurableSession) -> None:
    await session.checkpoint(UpdateState(1, 2, 3, 4))
    session.set_update_state(0, types.updates.State(100, 100, None, 100, 0))
    session.process_entities(types.updates.State(100, 100, None, 100, 0))
    session.save()
    assert session.update_state() == UpdateState(1, 2, 3, 4)


async def test_a_checkpoint_without_a_state_leaves_the_one_on_disk(session: DurableSession) -> None:
    await session.checkpoint(UpdateState(1, 2, 3, 4, {9: 8}))
    await session.checkpoint(None)
    assert session.update_state() == UpdateState(1, 2, 3, 4, {9: 8})


async def test_the_file_is_never_left_locked(session: DurableSession, path: Path) -> None:
    session.remember([user(5)])
    await session.checkpoint(None)
    session.set_value("x", 1)
    with sqlite3.connect(path, timeout=0) as other:
        other.execute("INSERT INTO tgbot_values VALUES ('y', 2)")
    other.close()
    assert session.value("y") == 2


async def test_what_a_failed_checkpoint_did_not_write_is_written_by_the_next(
    session: DurableSession, path: Path
) -> None:
    session.remember([user(5, "anna"), user(6, "boris")])
    session.count_resolve()
    with sqlite3.connect(path) as other:
        other.execute("ALTER TABLE update_state RENAME TO elsewhere")
    with pytest.raises(StorageFailedError, match=r"bot\.session cannot be read or written"):
        await session.checkpoint(UpdateState(1, 1, 1, 1))
    assert on_disk(path, "SELECT * FROM entities") == []
    session.remember([user(5, "anna_new")])
    with other:
        other.execute("ALTER TABLE elsewhere RENAME TO update_state")
    other.close()
    await session.checkpoint(UpdateState(2, 2, 2, 2))
    rows = on_disk(path, "SELECT id, username FROM entities ORDER BY id")
    assert rows == [(5, "anna_new"), (6, "boris")]
    assert len(on_disk(path, "SELECT * FROM tgbot_resolves")) == 1
    assert session.username("anna") is None


async def test_a_cancelled_checkpoint_loses_nothing(session: DurableSession, path: Path) -> None:
    session.remember([user(5)])
    task = asyncio.create_task(session.checkpoint(UpdateState(1, 1, 1, 1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await session.checkpoint(UpdateState(2, 2, 2, 2))
    assert on_disk(path, "SELECT id FROM entities") == [(5,)]
    assert session.update_state() == UpdateState(2, 2, 2, 2)


async def test_file_log_and_shared_memory_are_for_the_owner_only(session: DurableSession, path: Path) -> None:
    session.remember([user(5)])
    await session.checkpoint(None)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("bot.session", "bot.session-wal", "bot.session-shm"), 0o600)


# ---- peers ------------------------------------------------------------------------------------


async def test_ids_and_hashes_of_64_bits_survive(session: DurableSession) -> None:
    session.remember([user(2**52 - 1, access_hash=-(2**63)), user(7, access_hash=2**63 - 1)])
    again = await reopened(session)
    assert again.access_hash(2**52 - 1) == -(2**63)
    assert again.access_hash(7) == 2**63 - 1
    again.close()


async def test_a_min_user_is_never_stored(session: DurableSession) -> None:
    session.remember([user(5, "anna")])
    session.remember([user(5, "wrong", access_hash=666, min=True), user(6, min=True)])
    for opened in (session, again := await reopened(session)):
        assert opened.access_hash(5) == 50
        assert opened.usernames_of(5) == ("anna",)
        assert opened.username("wrong") is None
        assert opened.access_hash(6) is None
    again.close()


async def test_channels_and_groups_are_kept_under_their_marked_ids(session: DurableSession) -> None:
    channel = types.Channel(
        9, "News", types.ChatPhotoEmpty(), None, access_hash=90, username="news", broadcast=True
    )
    group = types.Chat(8, "Friends", types.ChatPhotoEmpty(), 3, None, 1)
    session.process_entities(types.updates.State(0, 0, None, 0, 0))
    session.process_entities([channel, group])
    again = await reopened(session)
    assert again.username("news") == UsernameRow(-1000000000009, again.username("news").seen)  # type: ignore[union-attr]
    assert again.get_input_entity("news") == types.InputPeerChannel(9, 90)
    assert again.get_input_entity(types.PeerChat(8)) == types.InputPeerChat(8)
    again.close()


async def test_all_usernames_of_a_peer_find_it_whatever_their_case(session: DurableSession) -> None:
    session.remember([user(5, "Anna", "Anna_Second", "third")])
    for opened in (session, again := await reopened(session)):
        assert [opened.username(name).marked_id for name in ("anna", "@ANNA_second", "Third")] == [5] * 3  # type: ignore[union-attr]
        assert set(opened.usernames_of(5)) == {"anna", "anna_second", "third"}
    again.close()


def test_an_inactive_username_finds_nobody(session: DurableSession) -> None:
    names = [types.Username("anna", active=True), types.Username("sold", active=False)]
    session.remember([types.User(5, access_hash=50, first_name="Anna", usernames=names)])
    assert session.username("sold") is None
    assert session.usernames_of(5) == ("anna",)


@pytest.mark.parametrize("checkpointed", [False, True])
async def test_a_username_that_moved_finds_its_new_owner(session: DurableSession, checkpointed: bool) -> None:
    session.remember([user(6), user(5, "anna")])
    if checkpointed:
        await session.checkpoint(None)
    session.remember([user(6, "anna")])
    for opened in (session, again := await reopened(session)):
        assert opened.username("anna").marked_id == 6  # type: ignore[union-attr]
        assert opened.get_input_entity("anna") == types.InputPeerUser(6, 60)
        assert opened.usernames_of(6) == ("anna",)
    assert again.usernames_of(5) == ()
    again.close()


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_username_that_was_given_up_finds_nobody_at_once(
    session: DurableSession, restarted: bool
) -> None:
    session.remember([user(5, "anna")])
    if restarted:
        session = await reopened(session)
    session.remember([user(5, "anna_2")])
    for opened in (session, again := await reopened(session)):
        assert opened.username("anna") is None
        assert opened.username("anna_2").marked_id == 5  # type: ignore[union-attr]
    again.close()


async def test_a_dropped_username_finds_nobody_and_its_owner_keeps_the_others(
    session: DurableSession,
) -> None:
    session.remember([user(5, "anna", "second")])
    await session.checkpoint(None)
    session.drop_username("@Anna")
    for opened in (session, again := await reopened(session)):
        assert opened.username("anna") is None
        assert opened.usernames_of(5) == ("second",)
        assert opened.access_hash(5) == 50
    again.close()


async def test_a_forgotten_peer_is_gone_at_once(session: DurableSession, path: Path) -> None:
    session.remember([user(5, "anna")])
    await session.checkpoint(None)
    session.forget(5)
    assert session.access_hash(5) is None
    assert session.username("anna") is None
    assert on_disk(path, "SELECT * FROM entities") == []


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


async def test_a_peer_seen_again_is_written_again_only_after_a_while(
    session: DurableSession, clock: Clock
) -> None:
    session.remember([user(5, "anna")])
    await session.checkpoint(None)
    clock.now += SEEN_GRAIN - 1
    session.remember([user(5, "anna")])
    assert not session.changed
    clock.now += 1
    session.remember([user(5, "anna")])
    assert session.username("anna") == UsernameRow(5, int(clock.now))
    assert session.changed


def test_a_change_of_hash_name_or_username_is_taken_at_once(session: DurableSession) -> None:
    session.remember([user(5, "anna")])
    session.remember([user(5, "anna", access_hash=51)])
    assert session.access_hash(5) == 51
    session.remember([user(5, "anna", "more", access_hash=51)])
    assert session.username("more") is not None


async def test_peers_beyond_those_in_memory_are_read_from_disk(
    session: DurableSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgbot.store.peerbook.KNOWN_LIMIT", 10)
    session.remember([user(number, f"name_{number}") for number in range(1, 101)])
    await session.checkpoint(None)
    assert len(session._known) == 10
    assert [session.access_hash(number) for number in range(1, 101)] == [n * 10 for n in range(1, 101)]
    session.remember([user(1, "renamed")])
    assert session.username("name_1") is None


async def test_what_is_not_written_yet_stays_in_memory_beyond_the_limit(
    session: DurableSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgbot.store.peerbook.KNOWN_LIMIT", 10)
    session.remember([user(number, f"name_{number}") for number in range(1, 101)])
    await session.load([5_000])
    assert [session.access_hash(number) for number in range(1, 101)] == [n * 10 for n in range(1, 101)]
    assert session.usernames_of(1) == ("name_1",)


async def test_a_peer_that_was_absent_is_found_after_leaving_memory(
    session: DurableSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgbot.store.peerbook.KNOWN_LIMIT", 0)
    await session.load([5])
    session.remember([user(5)])
    await session.checkpoint(None)
    assert not session._known
    assert session.access_hash(5) == 50


async def test_loaded_peers_are_read_from_memory(session: DurableSession) -> None:
    session.remember([user(number, f"name_{number}", "second") for number in range(1, 1_201)])
    session = await reopened(session)
    wanted = [*range(1, 1_201), 5_000, -100]
    assert not session.loaded({*wanted})
    await session.load(wanted)
    assert session.loaded({*wanted})
    read: list[str] = []
    assert session._reader is not None
    session._reader.set_trace_callback(read.append)
    assert [session.access_hash(number) for number in (1, 1_200, 5_000, -100)] == [10, 12_000, None, None]
    session.remember([user(number, f"name_{number}") for number in (1, 2)])
    assert session.access_hash(1) == 10
    assert not [query for query in read if "SELECT hash" in query]
    session.remember([user(5_000)])
    assert session.access_hash(5_000) == 50_000
    session.close()


async def test_a_known_peer_that_comes_again_after_a_start_is_not_written_again(
    session: DurableSession,
) -> None:
    session.remember([user(5, "anna")])
    again = await reopened(session)
    await again.load([5])
    again.remember([user(5, "anna")])
    assert not again.changed
    again.close()


async def test_a_peer_loaded_while_a_name_of_it_has_moved_takes_the_name_back(
    session: DurableSession,
) -> None:
    session.remember([user(5, "anna"), user(6)])
    again = await reopened(session)
    again.remember([user(6, "anna")])
    await again.load([5])
    again.remember([user(5, "anna"), user(6)])
    for opened in (again, last := await reopened(again)):
        row = opened.username("anna")
        assert row is not None
        assert row.marked_id == 5
    last.close()


async def test_peers_put_from_a_file_are_on_disk_at_once(session: DurableSession, path: Path) -> None:
    await session.put({5: Peer(50, ("anna",), None, "Anna", 100), 6: Peer(60, ("anna", "b"), None, "B", 200)})
    rows = on_disk(path, "SELECT id, hash, username, name FROM entities ORDER BY id")
    assert rows == [(5, 50, None, "Anna"), (6, 60, "anna", "B")]
    assert session.username("anna") == UsernameRow(6, 200)


async def test_a_username_of_somebody_in_memory_goes_to_whom_a_file_gives_it(session: DurableSession) -> None:
    session.remember([user(5, "anna")])
    await session.put({6: Peer(60, ("anna",), None, "B", 200)})
    for opened in (session, last := await reopened(session)):
        assert opened.username("anna") == UsernameRow(6, 200)
        assert opened.usernames_of(5) == ()
    last.close()


NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("seen"), st.integers(1, 3), st.sets(NAMES)),
        st.tuples(st.just("drop"), NAMES, st.none()),
        st.tuples(st.just("load"), st.integers(1, 3), st.none()),
        st.tuples(st.just("keep"), st.integers(1, 3), st.none()),
        st.tuples(st.just("checkpoint"), st.none(), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
    ),
    max_size=12,
)


@pytest.mark.parametrize("keep", Keep)
@settings(max_examples=60)
@given(steps=STEPS)
def test_a_username_always_belongs_to_whom_telegram_named_last(
    tmp_path_factory: pytest.TempPathFactory, keep: Keep, steps: list[tuple[str, Any, Any]]
) -> None:
    session = DurableSession(tmp_path_factory.mktemp("s") / "bot.session", keep=keep)
    owners: dict[str, int] = {}
    for step, what, names in steps:
        if step == "seen":
            session.remember([user(what, *sorted(names))])
            owners = {name: owner for name, owner in owners.items() if owner != what}
            owners.update(dict.fromkeys(names, what))
        elif step == "drop":
            session.drop_username(what)
            owners.pop(what, None)
        elif step == "load":
            session._load([what])
        elif step == "keep":
            session.keep([what])
        else:
            with session._saving() as changes:
                session._write(changes, None)
            if step == "restart" and keep is Keep.ALL:  # else passing users would be gone
                session.close()
                session = DurableSession(session.path)
        found = {name: row.marked_id for name in "abc" if (row := session.username(name)) is not None}
        assert found == owners
    session.close()


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


# ---- resolves ---------------------------------------------------------------------------------


async def test_resolves_are_counted_over_a_restart_and_forgotten_after_a_day(
    session: DurableSession, clock: Clock
) -> None:
    session.count_resolve()
    clock.now += 3600
    session.count_resolve()
    assert session.changed
    again = await reopened(session)
    assert again.resolves_today() == 2
    clock.now += 23 * 3600
    assert again.resolves_today() == 1
    clock.now += 3600
    assert again.resolves_today() == 0
    again.close()


def test_a_spent_budget_says_when_it_allows_one_more(session: DurableSession, clock: Clock) -> None:
    session.count_resolve()
    clock.now += 100
    for _ in range(RESOLVES_A_DAY - 2):
        session.count_resolve()
    assert session.resolves_again_in() == 0
    session.count_resolve()
    assert session.resolves_again_in() == 24 * 3600 - 100
    clock.now += 24 * 3600 - 100
    assert session.resolves_again_in() == 0


def test_values_of_our_own_are_kept(session: DurableSession) -> None:
    session.set_value("clean", 1)
    session.close()
    assert session.value("clean") == 1
    assert session.value("never") is None


def test_looking_up_a_name_does_not_open_a_write_transaction(session: DurableSession) -> None:
    session.username("anna")
    assert not session._connection().in_transaction


async def test_forgetting_while_a_checkpoint_writes_leaves_it_whole(session: DurableSession) -> None:
    people = [types.User(id=number, access_hash=1, username=f"user_{number}") for number in range(1, 4001)]
    session.remember(people)
    writing = asyncio.create_task(session.checkpoint(None))
    for number in range(1, 4001, 80):
        await asyncio.to_thread(session.forget, number)
    await writing
    await session.checkpoint(None)
    kept = [number for number in range(1, 4001) if session.access_hash(number) is not None]
    assert len(kept) == 4000 - 50
    assert session.access_hash(81) is None
    assert session.username("user_81") is None


# ---- times of the future ------------------------------------------------------------------------


DAY = 24 * 3600


async def test_a_username_seen_in_the_future_has_no_age_until_it_is_seen_again(
    session: DurableSession, clock: Clock
) -> None:
    clock.now += 40 * DAY
    session.remember([user(5, "anna")])
    clock.now -= 40 * DAY
    for opened in (session, await reopened(session)):
        assert opened.username("anna") == UsernameRow(5, 0)
    opened.remember([user(5, "anna")])
    assert opened.username("anna") == UsernameRow(5, int(clock.now))


async def test_who_has_a_name_now_takes_it_from_one_who_had_it_in_the_future(
    session: DurableSession, clock: Clock
) -> None:
    clock.now += 40 * DAY
    session.remember([user(5, "anna")])
    clock.now -= 40 * DAY
    again = await reopened(session)
    again.remember([user(6, "anna")])
    assert again.username("anna") == UsernameRow(6, int(clock.now))
    assert (await reopened(again)).username("anna") == UsernameRow(6, int(clock.now))


async def test_resolves_of_the_future_are_forgotten(session: DurableSession, clock: Clock) -> None:
    clock.now += 40 * DAY
    for _ in range(RESOLVES_A_DAY):
        session.count_resolve()
    assert session.resolves_again_in() == DAY
    clock.now -= 40 * DAY
    for opened in (session, await reopened(session)):
        assert opened.resolves_again_in() == 0
    opened.count_resolve()
    assert opened.resolves_today() == 1


async def test_a_clock_that_is_a_little_slow_makes_nothing_of_the_future(
    session: DurableSession, clock: Clock
) -> None:
    session.remember([user(5, "anna")])
    session.count_resolve()
    seen = int(clock.now)
    clock.now -= 60
    assert session.username("anna") == UsernameRow(5, seen)
    assert session.resolves_today() == 1
