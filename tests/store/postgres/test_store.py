"""The store in PostgreSQL as a whole: what goes together, what is read together, and what is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from telethon.tl import types

from tests.store.broadcasting import DRAFT
from tests.store.contracts import ANN, Clock, parked
from tests.store.postgres.home import leading
from tests.store.postgres.proxy import Proxy, proxied
from tests.store.postgres.test_faults import until, waiting
from tgbot.core.access import Access
from tgbot.core.errors import LeaseLostError, StorageGoneError, StorageUnreachableError
from tgbot.core.users import Keep, Profile, UserFields, Way
from tgbot.store.base import Account, Planned, UpdateState
from tgbot.store.opened import IDLE_SECONDS
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Connection, Database
from tgbot.store.postgres.link import Link, Texts
from tgbot.store.postgres.openings import open_readonly
from tgbot.store.postgres.store import PostgresStore
from tgbot.store.user_json import pack

T = TypeVar("T")

ANNA = types.User(1, access_hash=50, first_name="Anna", username="anna")


class CountedDatabase(Database):
    """A database that counts how often it was asked by a thread: each time is a round trip, or more."""

    used = 0

    def _use(self, work: Callable[[Connection], T], seconds: float) -> T:
        self.used += 1
        return super()._use(work, seconds)


class LateLink(Link):
    """A link that has its answer, and gives it once it `goes_on`."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.arrived, self.goes_on = asyncio.Event(), asyncio.Event()

    async def ask(self, query: bytes, values: Sequence[bytes]) -> Texts:
        found = await super().ask(query, values)
        self.arrived.set()
        await self.goes_on.wait()
        return found


@pytest.fixture
def time() -> Clock:
    """Return the store's own clock, by which it is idle."""
    return Clock(0)


@pytest.fixture
def store(database: Database, time: Clock) -> Iterator[PostgresStore]:
    store = PostgresStore(
        database, node="one", fence=leading, clock=Clock(), keep=Keep.PRIVATE, monotonic=time
    )
    with closing(store):
        yield store


async def test_who_comes_is_written_with_their_access_hash(store: PostgresStore, bot_url: str) -> None:
    store.session.remember([ANNA, types.User(2, access_hash=60, first_name="Bob", username="bob")])
    store.users.seen(ANN, 100, Way.MESSAGE)
    await store.checkpoint(UpdateState(1, 1, 1, 1))
    with psycopg.connect(bot_url) as connection:
        read = connection.execute("SELECT id, hash FROM tgbot.peers").fetchall()
        assert read == [(1, 50)]  # nobody came as Bob
        assert connection.execute("SELECT id FROM tgbot.users").fetchall() == [(1,)]
        assert connection.execute("SELECT pts FROM tgbot.states").fetchall() == [(1,)]


async def test_a_user_is_forgotten_in_one_transaction_or_not_at_all(
    store: PostgresStore, bot_url: str
) -> None:
    store.session.remember([ANNA])
    store.users.seen(ANN, 100, Way.MESSAGE)
    store.parked.park(parked("m1:5", user=1))
    store.planned.plan(Planned("a", 5, "shop.remind", 1))
    await store.checkpoint(None)
    with psycopg.connect(bot_url, autocommit=True) as other:
        tables = b"""SELECT (SELECT count(*) FROM tgbot.peers), (SELECT count(*) FROM tgbot.usernames),
            (SELECT count(*) FROM tgbot.parked), (SELECT count(*) FROM tgbot.planned),
            (SELECT count(access) FROM tgbot.users)"""
        other.execute("UPDATE tgbot.lease SET epoch = 1")
        store.session.remember([types.User(1, access_hash=51, first_name="Anna", username="anna")])
        with pytest.raises(LeaseLostError):
            await store.forget(1)
        assert other.execute(tables).fetchone() == (1, 1, 1, 1, 1)
        assert store.session.access_hash(1) == 51
        other.execute("UPDATE tgbot.lease SET epoch = 0")
        await store.forget(1)
        assert other.execute(tables).fetchone() == (0, 0, 0, 0, 0)
    assert store.session.access_hash(1) is None
    assert store.session.username("anna") is None
    await store.checkpoint(None)
    assert store.session.access_hash(1) is None


async def test_users_and_peers_are_read_in_one_question_while_others_run(
    store: PostgresStore, bot_url: str
) -> None:
    store.session.remember([ANNA])
    store.users.seen(ANN, 100, Way.MESSAGE)
    await store.checkpoint(None)
    store.close()
    with psycopg.connect(bot_url) as other, closing(Database(Address(bot_url))) as database:
        late = PostgresStore(database, node="one", fence=leading, clock=Clock())
        other.execute("LOCK TABLE tgbot.users, tgbot.peers")
        loading = asyncio.ensure_future(late.load([1, 2]))
        await until(lambda: waiting(bot_url) == 1)
        assert not late.loaded({1})
        other.rollback()
        await loading
        assert late.loaded({1, 2})
        assert late.users.get(1) is not None
        assert late.session.access_hash(1) == 50
        late.close()


async def test_what_a_load_reads_is_as_it_was_written(store: PostgresStore, database: Database) -> None:
    usernames = [types.Username(name, active=True) for name in ("zoe", "anna", "mia")]
    person = types.User(
        1, access_hash=-(2**63), first_name='Zo\u00eb "\\', usernames=usernames, phone="49151"
    )
    chat = types.Channel(7, "\u05d0\n", types.ChatPhotoEmpty(), None, access_hash=9)
    store.session.remember([person, chat])
    store.users.seen(Profile(1, 'Zo\u00eb "\\', "\u0000\ud800"), 100, Way.MESSAGE)
    await store.checkpoint(None)
    ids = [1, 2, -1_000_000_000_007, 2**63, -(2**63) - 1]
    with (
        closing(PostgresStore(database, node="one", fence=leading, clock=Clock())) as loaded,
        closing(PostgresStore(database, node="one", fence=leading, clock=Clock())) as looked_up,
    ):
        await loaded.load(ids)
        assert loaded.loaded({*ids})
        for each in ids:
            assert loaded.users.get(each) == looked_up.users.get(each) == store.users.get(each)
            assert loaded.session.access_hash(each) == looked_up.session.access_hash(each)
            assert loaded.session.title(each) == looked_up.session.title(each)
            assert loaded.session.usernames_of(each) == looked_up.session.usernames_of(each)
        assert loaded.session.access_hash(1) == -(2**63)
        assert loaded.session.usernames_of(1) == ("zoe", "anna", "mia")


async def test_users_who_are_written_while_they_are_read_are_as_they_were_written(bot_url: str) -> None:
    with closing(Database(Address(bot_url))) as database:
        link = database.link = LateLink(database.address)
        store = PostgresStore(database, node="one", fence=leading, clock=Clock())
        loading = asyncio.ensure_future(store.load([1]))
        await link.arrived.wait()
        imported = UserFields(1, Profile(1, "Ann"), known_by={Way.IMPORT: 5})
        await store.users.add({1: pack(imported, Access.UNKNOWN)}, {1: Access.UNKNOWN})
        link.goes_on.set()
        await loading
        user = store.users.get(1)
        assert user is not None
        assert user.first_name == "Ann"
        store.close()


async def test_a_store_is_opened_by_one_question_and_knows_all_that_was_written(
    store: PostgresStore, bot_url: str
) -> None:
    store.session.remember([ANNA])
    store.session.set_bot_id(5)
    store.session.set_value("token", "fingerprint")
    store.session.count_resolve()
    store.users.seen(ANN, 100, Way.MESSAGE)
    store.users.keep_note("sweep", "half")
    store.parked.park(parked("m1:5", user=1))
    broadcast = await store.broadcasts.create(DRAFT)
    await store.checkpoint(UpdateState(1, 2, 3, 4))
    with closing(CountedDatabase(Address(bot_url))) as database:
        again = PostgresStore(database, node="one", fence=leading, clock=Clock())
        assert again.update_state() == UpdateState(1, 2, 3, 4)
        assert (again.session.bot_id(), again.session.value("token")) == (5, "fingerprint")
        assert again.session.resolves_today() == 1
        assert again.users.note("sweep") == "half"
        assert again.users.count().total == 1
        assert again.parked.count(1) == 1
        assert again.broadcasts.get(broadcast.id) == broadcast
        assert database.used == 1
        again.close()
        last = PostgresStore(database, node="one", fence=leading, clock=Clock())
        await last.checkpoint(UpdateState(2, 2, 3, 4))
        assert last.update_state() == UpdateState(2, 2, 3, 4)
        last.close()


async def test_a_load_that_finds_no_database_says_so(database: Database, proxy: Proxy) -> None:
    with closing(Database(Address(proxy.url))) as far:
        store = PostgresStore(far, node="one", fence=leading, clock=Clock())
        with proxy.gone(), pytest.raises(StorageUnreachableError):
            await store.load([1])
        await store.load([1])
        assert store.users.get(1) is None
        store.close()


async def test_a_store_that_was_idle_for_long_wants_a_checkpoint_that_finds_the_database(
    bot_url: str, proxy: Proxy, time: Clock
) -> None:
    with closing(Database(Address(proxy.url))) as database:
        store = PostgresStore(database, node="one", fence=leading, clock=Clock(), monotonic=time)
        await store.checkpoint(None)
        assert not store.changed
        time.now += IDLE_SECONDS
        assert store.changed
        with proxy.gone(), pytest.raises(StorageUnreachableError):
            await store.checkpoint(None)
        assert store.changed
        await store.checkpoint(None)
        assert not store.changed
        with psycopg.connect(bot_url, autocommit=True) as other:
            other.execute("UPDATE tgbot.lease SET epoch = 1")
        with pytest.raises(LeaseLostError):  # also where there is nothing to write
            await store.checkpoint(None)
        store.close()


async def test_a_file_of_the_node_that_was_replaced_ends_the_checkpoints(
    store: PostgresStore, tmp_path: Path
) -> None:
    lock = tmp_path / "bot.lock"
    lock.write_text("")
    store.watch(lock)
    await store.checkpoint(None)
    lock.unlink()
    with pytest.raises(StorageGoneError, match=r"bot\.lock"):
        await store.checkpoint(UpdateState(1, 1, 1, 1))
    assert store.update_state() is None


async def test_a_store_says_whose_users_it_has(store: PostgresStore, database: Database) -> None:
    store.belongs_to(Account(7, joins_groups=True, reads_groups=False, inline=False))
    await store.checkpoint(None)
    store.belongs_to(Account(7, joins_groups=True, reads_groups=False, inline=False))
    assert not store.changed
    with closing(open_readonly(database)) as users:
        assert '"id": 7' in (users.note("account") or "")


def test_a_read_that_gets_no_answer_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tgbot.store.postgres.database.READ_SECONDS", 0.1)
    with pytest.raises(StorageUnreachableError):
        database.read("SELECT pg_sleep(15)")
    assert database.read("SELECT 1") == [(1,)]


async def test_what_waits_for_a_database_that_is_closed_ends(bot_url: str) -> None:
    database = Database(Address(bot_url))
    with psycopg.connect(bot_url) as other:
        other.execute("LOCK TABLE tgbot.users")
        reading = asyncio.ensure_future(database.read_aside("SELECT count(*) FROM tgbot.users"))
        await until(lambda: waiting(bot_url) == 1)
        database.close()
        with pytest.raises(StorageUnreachableError):
            await asyncio.wait_for(reading, 10)
    with pytest.raises(StorageUnreachableError):
        database.read("SELECT 1")


@pytest.fixture
def proxy(bot_url: str) -> Iterator[Proxy]:
    with proxied(bot_url) as proxy:
        yield proxy
