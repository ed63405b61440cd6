"""Broadcasts and their deliveries in a database: what a link that goes does to them, and what reads cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

import psycopg
import pytest
from msgspec.structs import replace

from tests.store.broadcasting import DRAFT, all_chunks, first_waiting
from tests.store.postgres.conftest import no_lease
from tests.store.postgres.plans import plan
from tests.store.postgres.proxy import Moment, Proxy, proxied
from tests.store.registries import now
from tgbot.core.broadcasts import Audience, Broadcast, State
from tgbot.core.deliveries import CHUNK, Tally, Wanted
from tgbot.core.errors import RegistryDamagedError, StorageFailedError, StorageUnreachableError
from tgbot.core.users import Profile, Way
from tgbot.store import broadcasts as stored_broadcasts
from tgbot.store.postgres import audiences, broadcastrows
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.userrows import PostgresUserRows
from tgbot.store.registry import Registry

Change = Callable[[Registry, Broadcast], Coroutine[None, None, None]]


@pytest.fixture
def proxy(bot_url: str) -> Iterator[Proxy]:
    with proxied(bot_url) as proxy:
        yield proxy


@pytest.fixture
def registry(proxy: Proxy) -> Iterator[Registry]:
    with opened(proxy.url) as registry:
        yield registry


@contextmanager
def opened(url: str) -> Iterator[Registry]:
    """Give a registry on the database, as a process has it open."""
    with closing(Database(Address(url))) as database:
        yield Registry(PostgresUserRows(database, no_lease), now)


def meet(registry: Registry, *user_ids: int) -> None:
    for user_id in user_ids:
        registry.seen(Profile(user_id), 100, Way.MESSAGE)
        registry.wrote(user_id, 100, 10)


async def created(registry: Registry, broadcast: Broadcast) -> None:
    await registry.broadcasts.create(replace(DRAFT, name="another"))


async def scheduled(registry: Registry, broadcast: Broadcast) -> None:
    await registry.broadcasts.change(replace(broadcast, state=State.SCHEDULED, at=5_000))


async def in_another_round(registry: Registry, broadcast: Broadcast) -> None:
    await registry.broadcasts.change(replace(broadcast, round=broadcast.round + 1))


async def frozen(registry: Registry, broadcast: Broadcast) -> None:
    await registry.broadcasts.freeze(replace(broadcast, state=State.RUNNING), 1_000)


async def removed(registry: Registry, broadcast: Broadcast) -> None:
    await registry.broadcasts.remove(broadcast.id)


CHANGES: Final = (created, scheduled, in_another_round, frozen, removed)


async def told(registry: Registry) -> tuple[list[Broadcast], list[Tally], list[list[int]]]:
    """Return all that is known of broadcasts."""
    broadcasts = registry.broadcasts.all()
    chunks = [await all_chunks(registry.broadcasts, one.id) for one in broadcasts]
    tallies = [registry.broadcasts.tally(one.id) for one in broadcasts]
    return broadcasts, tallies, [[user_id for one in some for user_id in one.ids] for some in chunks]


def rows_in(url: str) -> list[int]:
    """Return how many rows each table of broadcasts has."""
    with psycopg.connect(url) as connection:
        found = connection.execute("""
            SELECT (SELECT count(*) FROM tgbot.broadcasts), (SELECT count(*) FROM tgbot.tallies),
                (SELECT count(*) FROM tgbot.deliveries)""").fetchone()
    return list(found or ())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("moment", list(Moment))
async def test_a_link_that_goes_at_a_commit_makes_no_change_twice_and_none_unknown(
    registry: Registry, proxy: Proxy, bot_url: str, change: Change, moment: Moment
) -> None:
    meet(registry, 1, 2, 3)
    broadcast = await registry.broadcasts.create(DRAFT)
    proxy.cut_at(moment)
    await change(registry, broadcast)
    if moment is Moment.AFTER_COMMIT:
        assert await registry.broadcasts.chunk(1, 7) is None  # the link is gone when it is used next
    proxy.was_cut()
    with opened(bot_url) as other:
        assert await told(other) == await told(registry)
        assert len(other.broadcasts.all()) == (2 if change is created else 0 if change is removed else 1)
        assert (await other.broadcasts.create(DRAFT)).id == (3 if change is created else 2)


@pytest.mark.parametrize("change", CHANGES)
async def test_what_stays_in_doubt_is_taken_back_by_the_next_write_but_a_removal(
    registry: Registry, proxy: Proxy, bot_url: str, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_broadcasts, "DOUBT_SECONDS", 0.0)
    meet(registry, 1, 2, 3)
    broadcast = await registry.broadcasts.create(DRAFT)
    before = await told(registry)
    proxy.cut_at(Moment.IN_COMMIT)
    with proxy.refusing(), pytest.raises(StorageUnreachableError):
        await change(registry, broadcast)
    with opened(bot_url) as other:
        assert await told(other) != before  # the server has it
    if change is removed:
        before = ([], [], [])
    assert await told(registry) == before
    assert registry.changed
    await registry.flush()
    assert not registry.changed
    with opened(bot_url) as other:
        assert await told(other) == before
    assert rows_in(bot_url) == ([0, 0, 0] if change is removed else [1, 1, 0])
    assert (await registry.broadcasts.create(DRAFT)).id == (3 if change is created else 2)


async def test_after_a_start_in_doubt_nobody_of_the_first_recipients_is_left(
    registry: Registry, proxy: Proxy, bot_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_broadcasts, "DOUBT_SECONDS", 0.0)
    people = range(1, CHUNK + 3)
    meet(registry, *people)
    broadcast = await registry.broadcasts.create(DRAFT)
    proxy.cut_at(Moment.IN_COMMIT)
    with proxy.refusing(), pytest.raises(StorageUnreachableError):
        await frozen(registry, broadcast)
    assert rows_in(bot_url) == [1, 1, 2]
    changed = replace(broadcast, audience=Audience(ids=(1, 2)))
    await registry.broadcasts.change(changed)
    assert rows_in(bot_url) == [1, 1, 0]
    await frozen(registry, changed)
    with opened(bot_url) as other:
        (broadcast,), (tally,), ids = await told(other)
    assert (broadcast.size, tally, ids) == (2, Tally.of(2), [[1, 2]])


async def test_who_is_forgotten_while_a_start_is_in_doubt_brings_back_no_delivery(
    registry: Registry, proxy: Proxy, bot_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_broadcasts, "DOUBT_SECONDS", 0.0)
    meet(registry, 1, 2, 3)
    broadcast = await registry.broadcasts.create(DRAFT)
    proxy.cut_at(Moment.IN_COMMIT)
    with proxy.refusing(), pytest.raises(StorageUnreachableError):
        await frozen(registry, broadcast)
    registry.forget(2)
    await registry.broadcasts.forget(2)
    await registry.flush()
    assert rows_in(bot_url) == [1, 1, 0]
    await frozen(registry, broadcast)
    with opened(bot_url) as other:
        _, tallies, ids = await told(other)
    assert (tallies, ids) == ([Tally.of(2)], [[1, 3]])


async def test_a_refusal_after_a_doubt_takes_back_what_was_written(
    registry: Registry, proxy: Proxy, bot_url: str
) -> None:
    broadcast = await registry.broadcasts.create(DRAFT)
    proxy.cut_at(Moment.IN_COMMIT)
    with psycopg.connect(bot_url, autocommit=True) as connection:
        with proxy.refusing():
            changing = asyncio.ensure_future(scheduled(registry, broadcast))
            await asyncio.to_thread(proxy.was_cut)
            connection.execute("ALTER TABLE tgbot.broadcasts ADD CONSTRAINT no CHECK (value = '') NOT VALID")
        try:
            with pytest.raises(StorageFailedError):
                await changing
        finally:
            connection.execute("ALTER TABLE tgbot.broadcasts DROP CONSTRAINT no")
    await registry.flush()
    with opened(bot_url) as other:
        assert other.broadcasts.all() == registry.broadcasts.all() == [broadcast]


async def test_a_refusal_at_the_second_attempt_takes_back_what_the_first_has_written(
    registry: Registry, proxy: Proxy, bot_url: str
) -> None:
    broadcast = await registry.broadcasts.create(DRAFT)
    with psycopg.connect(bot_url, autocommit=True) as connection:
        connection.execute("""
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF new.value = old.value THEN RAISE 'it has been written'; END IF;
                RETURN new;
            END $$""")
        connection.execute("""
            CREATE TRIGGER once BEFORE UPDATE ON tgbot.broadcasts FOR EACH ROW
            EXECUTE FUNCTION public.refuse()""")
        proxy.cut_at(Moment.IN_COMMIT)
        try:
            with pytest.raises(StorageFailedError):
                await scheduled(registry, broadcast)
        finally:
            connection.execute("DROP FUNCTION public.refuse CASCADE")
    await registry.flush()
    with opened(bot_url) as other:
        assert other.broadcasts.all() == registry.broadcasts.all() == [broadcast]


async def test_while_a_chunk_is_read_over_a_slow_link_others_have_their_turn(
    registry: Registry, proxy: Proxy, bot_url: str
) -> None:
    meet(registry, *range(1, CHUNK + 3))
    await frozen(registry, await registry.broadcasts.create(DRAFT))
    with opened(proxy.url) as other:
        waiting = other.broadcasts
        with proxy.stalled():
            reads = [
                asyncio.ensure_future(one)
                for one in (
                    waiting.next_chunk(1, -1, wanted=Wanted.WAITING),
                    waiting.chunk(1, 0),
                    waiting.chunk(1, 0),
                )
            ]
            finding = asyncio.ensure_future(waiting.find(1, 2))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not any(read.done() for read in (*reads, finding))
        first, second, third = [await read for read in reads]
        assert first is second is third is not None
        found = await finding
        assert found is not None
        assert found[0] is first


async def test_a_damaged_chunk_or_definition_is_named_as_damage(registry: Registry, bot_url: str) -> None:
    meet(registry, 1, 2, 3)
    await frozen(registry, await registry.broadcasts.create(DRAFT))
    with psycopg.connect(bot_url, autocommit=True) as connection:
        for value in (b"", b"\x01", b"\x02" * 40, b"\x01" + bytes(12) + b"more"):
            connection.execute("UPDATE tgbot.deliveries SET value = %s", (value,))
            with (
                opened(bot_url) as other,
                pytest.raises(RegistryDamagedError, match="chunk 0 of broadcast 1"),
            ):
                await first_waiting(other.broadcasts)
        connection.execute("UPDATE tgbot.broadcasts SET value = '{}'")
    with pytest.raises(RegistryDamagedError, match="broadcast 1"), opened(bot_url):
        pass


async def test_a_damaged_record_is_named_as_damage_where_conditions_read_it(
    registry: Registry, bot_url: str
) -> None:
    meet(registry, 1, 2, 3)
    await registry.flush()
    for column, value in (("value", '["a secret name"]'), ("exact", "a secret name"), ("exact", "")):
        with psycopg.connect(bot_url, autocommit=True) as connection:
            connection.execute("UPDATE tgbot.users SET value = NULL, exact = NULL WHERE id = 2")
            connection.execute(f"UPDATE tgbot.users SET {column} = %s WHERE id = 2", (value,))
        assert (await registry.broadcasts.survey(Audience(ids=(1, 3)), 1_000)).size == 2
        for audience in (Audience(), Audience(premium=True, ids=(2,))):
            with pytest.raises(RegistryDamagedError) as caught:
                await registry.broadcasts.survey(audience, 1_000)
            assert "secret" not in str(caught.value)
        draft = await registry.broadcasts.create(DRAFT)
        assert (await registry.broadcasts.freeze(draft, 1_000)).size == 3


async def test_of_a_forgotten_user_no_delivery_is_left_in_the_database(
    registry: Registry, bot_url: str
) -> None:
    person = 0x0123456789ABCDEF
    meet(registry, 5, person)
    chosen = replace(DRAFT, audience=Audience(ids=(5, person)))
    await frozen(registry, await registry.broadcasts.create(chosen))
    await registry.broadcasts.forget(person)
    await registry.flush()
    with psycopg.connect(bot_url) as connection:
        (values,) = connection.execute("SELECT string_agg(value, '') FROM tgbot.deliveries").fetchall()
        (texts,) = connection.execute("SELECT string_agg(value, '') FROM tgbot.broadcasts").fetchall()
    assert person.to_bytes(8, "little") not in values[0]
    assert str(person) not in texts[0]


def test_nothing_is_found_by_a_look_at_each(database: Database, bot_url: str) -> None:
    with psycopg.connect(bot_url, autocommit=True) as connection:
        connection.execute("""
            INSERT INTO tgbot.deliveries
            SELECT broadcast, number, number * 1000, number % 50 / 49, 0, 1, 0, 1,
                decode(repeat('0', 200), 'hex')
            FROM generate_series(1, 20) AS broadcast, generate_series(0, 499) AS number""")
        connection.execute("""
            INSERT INTO tgbot.users (id, access, declines, value)
            SELECT id, CASE id % 5 WHEN 0 THEN 'reachable' ELSE 'blocked' END, id % 50 = 0, '{"id": 1}'
            FROM generate_series(1, 40000) AS id""")
        connection.execute("""
            INSERT INTO tgbot.meta
            SELECT CASE id % 100 WHEN 0 THEN 'passing/' ELSE 'other/' END || id, '{}'
            FROM generate_series(1, 20000) AS id""")
        connection.execute(b"VACUUM ANALYZE")
    some = [list(range(0, 40_000, 800))]
    queries: list[tuple[str, Sequence[object], str]] = [
        (broadcastrows._CHUNK, (7, 50), "deliveries_pkey"),
        (broadcastrows._CHUNK_OF, (7, 77_777), "deliveries_by_user"),
        *((broadcastrows._NEXT[one], (7, 10, 0), "deliveries_pkey") for one in Wanted),
        (audiences._REACHABLE, (5_000, 1_000), "users_by_access"),
        (audiences._REACHABLE_OF, some, "users_pkey"),
        (audiences._DECLINING, (5_000, 1_000), "users_declining"),
        (audiences._PASSING, (), "meta_pkey"),
        (audiences._USERS, some, "users_pkey"),
    ]
    for query, values, index in queries:
        steps = plan(database, query, values)
        assert not [step for step in steps if step.startswith("Seq Scan")], steps
        assert [step for step in steps if index in step], steps
