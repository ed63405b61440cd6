"""The rows of users in a database: pages, lists, damage, and what a command opens."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import LiteralString

import psycopg
import pytest

from tests.store.contracts import ANN, Clock, parked
from tests.store.postgres.home import leading
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.errors import NeverRunError, RegistryDamagedError, RegistryTooNewError, RegistryTooOldError
from tgbot.core.users import Profile, User, Way
from tgbot.store.parked import ParkingLot
from tgbot.store.postgres import schema, userrows
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.openings import open_broadcasts, open_for_changes, open_parked, open_readonly
from tgbot.store.postgres.userrows import PostgresUserRows
from tgbot.store.registry import Registry
from tgbot.store.stored import StoredUsers


def execute(url: str, query: LiteralString) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(query)


def crowd(url: str, users: int) -> None:
    """Put users there, of whom every third is blocked, and the others can be reached."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO tgbot.users (id, access, value)
               SELECT one, access, jsonb_build_object('id', one, 'access', access, 'known_by', known_by)
               FROM (SELECT one, (ARRAY['blocked', 'reachable', 'reachable'])[one %% 3 + 1],
                        '{"message":5}'::jsonb
                     FROM generate_series(1, %s) AS one) AS new (one, access, known_by)""",
            (users,),
        )


async def test_users_come_in_the_order_of_their_ids_page_by_page(
    rows: PostgresUserRows, bot_url: str
) -> None:
    registry = Registry(rows, Clock())
    for user_id in (-7, 2**40):
        registry.seen(Profile(user_id), 5, Way.MESSAGE)
    registry.record(2**40, Evidence(Kind.JOIN_REQUEST, 900, until=1_100))  # reachable for a while
    await registry.flush()
    crowd(bot_url, 2_500)
    users = StoredUsers(rows, Clock())
    assert [user_id for user_id, _ in users.scan(-10)] == [-7, *range(1, 2_501), 2**40]
    assert [user_id for user_id, _ in users.scan(2_499)] == [2_500, 2**40]
    blocked = [user_id for user_id, text in rows.after(0, Access.BLOCKED) if text is not None]
    assert blocked == [*range(3, 2_501, 3), 2**40]  # a note says that the last one's access ends
    found = [user.id for user in users.iterate(access=Access.BLOCKED)]
    assert not found  # nobody has evidence of a block
    assert [user_id for user_id, _ in rows.after(1_500, Access.REACHABLE)][:2] == [1_501, 1_502]
    assert rows.recount() == {"blocked": 833, "reachable": 1_667, "unknown": 1, "not_allowed": 1}


async def test_a_user_is_kept_as_jsonb_or_letter_by_letter_and_never_as_both(
    rows: PostgresUserRows, bot_url: str
) -> None:
    names = {1: "Ann", 2: "half a pair \ud83d", 3: "null", 4: 'a quote " and a backslash \\'}
    registry = Registry(rows, Clock())
    for user_id, name in names.items():
        registry.seen(Profile(user_id, name), 5, Way.MESSAGE)
    await registry.flush()
    with psycopg.connect(bot_url) as connection:
        found = connection.execute(
            "SELECT id, value IS NULL, exact IS NULL FROM tgbot.users ORDER BY id"
        ).fetchall()
    assert found == [(1, False, True), (2, True, False), (3, False, True), (4, False, True)]
    stored = StoredUsers(rows, Clock())
    assert {user.id: user.first_name for user in stored.iterate()} == names


async def test_an_id_that_no_row_can_have_is_nobody_s(rows: PostgresUserRows) -> None:
    registry = Registry(rows, Clock())
    for user_id in (2**63, -(2**63) - 1, 2**200):
        await registry.load([user_id])
        assert registry.get(user_id) is None
        assert StoredUsers(rows, Clock()).get(user_id) is None


@pytest.mark.parametrize(
    "damage",
    [
        "value = '[]'",
        "value = '5'",
        "value = '{}'",
        """value = '{"id":1,"evidence":{"message":"yes"}}'""",
        """value = '{"id":1,"unheard_of":1}'""",
        "value = NULL",
        "value = NULL, exact = ''",
        "value = NULL, exact = '{'",
    ],
)
async def test_a_damaged_user_is_told_by_every_way_to_them(
    rows: PostgresUserRows, bot_url: str, damage: LiteralString
) -> None:
    registry = Registry(rows, Clock())
    registry.seen(ANN, 5, Way.MESSAGE)
    await registry.flush()
    execute(bot_url, f"UPDATE tgbot.users SET {damage}")
    stored = StoredUsers(rows, Clock())
    ways: tuple[Callable[[], object], ...] = (
        lambda: stored.get(1),
        lambda: [*stored.iterate()],
        lambda: [*stored.packed()],
        lambda: Registry(rows, Clock()).get(1),
        lambda: Registry(rows, Clock()).last_finished(1),
    )
    for way in ways:
        with pytest.raises(RegistryDamagedError, match="the record of user 1") as raised:
            way()
        assert rows.place in str(raised.value)
        assert "yes" not in str(raised.value)
    with pytest.raises(RegistryDamagedError):
        await Registry(rows, Clock()).load([1])
    others = Registry(rows, Clock())
    others.seen(Profile(2), 5, Way.MESSAGE)
    await others.flush()  # others are not held up
    assert StoredUsers(rows, Clock()).get(2) is not None


@pytest.mark.parametrize("damage", ["reason = 'whim'", "trace = '\\xff'"])
async def test_a_damaged_parked_update_is_told(
    rows: PostgresUserRows, bot_url: str, damage: LiteralString
) -> None:
    registry = Registry(rows, Clock())
    registry.parked.park(parked("m1:5"))
    await registry.flush()
    execute(bot_url, f"UPDATE tgbot.parked SET {damage}")
    with pytest.raises(RegistryDamagedError, match="a parked update"):
        [*ParkingLot(rows, Clock()).entries()]


async def test_a_trace_of_any_text_comes_back(rows: PostgresUserRows) -> None:
    entry = parked("m1:5", trace="a\0b\U0001f600")
    registry = Registry(rows, Clock())
    registry.parked.park(entry)
    await registry.flush()
    (found,) = rows.parked(["m1:5"]).values()
    assert found == registry.parked.get("m1:5") == entry or found.trace.isascii()


def test_lists_are_read_from_their_index(bot_url: str) -> None:
    crowd(bot_url, 5_000)
    asked = {"access": "deactivated", "above": 4_000}
    with psycopg.connect(bot_url, autocommit=True) as connection:
        connection.execute("ANALYZE tgbot.users")
        for query, values, index in (
            (userrows._ONE, (5,), "users_pkey"),
            (userrows._MANY, ([5, 6],), "users_pkey"),
            (userrows._AFTER, asked, "users_pkey"),
            (userrows._AFTER_OF, asked, "users_by_access"),
        ):
            plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query}".encode(), values))
            assert index in plan
            assert "Seq Scan on users" not in plan


# ---- what a command opens --------------------------------------------------------------------------


async def test_a_command_reads_what_was_written_and_changes_nothing(database: Database) -> None:
    entry = parked("m1:5", parked_at=int(time.time()))
    with open_for_changes(database, leading) as registry:
        registry.seen(ANN, 5, Way.MESSAGE)
        registry.parked.park(entry)
        await registry.flush()
        registry.seen(Profile(2), 5, Way.MESSAGE)  # which is not flushed
    with closing(open_readonly(database, clock=Clock())) as users:
        assert [user.id for user in users.iterate()] == [1]
        assert users.count().total == 1
        assert isinstance(users.get(1), User)
        assert users.note("schema") == "1"
    with open_parked(database) as lot:
        assert lot.get("m1:5") == entry
        lot.drop("m1:5")
    with open_parked(database) as lot:
        assert lot.get("m1:5") is not None
    with open_broadcasts(database) as broadcasts:
        assert broadcasts.all() == []


@pytest.mark.parametrize(("known", "error"), [(2, RegistryTooOldError), (0, RegistryTooNewError)])
def test_tables_of_another_version_are_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch, known: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(schema, "steps", lambda: {known: ""})
    with pytest.raises(error, match="schema 1"):
        open_readonly(database)


def test_a_database_without_tables_has_no_bot(database_url: str) -> None:
    with closing(Database(Address(database_url))) as database:
        with pytest.raises(NeverRunError):
            open_readonly(database)
        with pytest.raises(NeverRunError), open_for_changes(database, leading):
            pass
