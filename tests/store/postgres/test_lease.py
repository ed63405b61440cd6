"""The lease on a real server: who leads, what a node may write, and what becomes of one that was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE
from tests.postgres import PostgresServer
from tests.store import leasing
from tests.store.postgres.stalling import Stall, stalling
from tgbot.core.errors import LeaseLostError, StorageError, StorageUnreachableError
from tgbot.store import lease as rules
from tgbot.store.lease import Holder
from tgbot.store.postgres import lease as leases
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.lease import _LOOK, Lease
from tgbot.store.postgres.schema import prepare


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(Address(database_url))
    prepare(made)
    yield made
    made.close()


class Clock:
    """A node's own clock, which a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


Standing = Callable[..., Lease]


@pytest.fixture
async def node(database: Database) -> AsyncIterator[Standing]:
    """`node("a", seconds)` is the lease of a node; all are closed in the end."""
    made: list[Lease] = []

    def lease(name: str, seconds: float = 60.0, *, over: Database | None = None, **options: Any) -> Lease:
        made.append(one := Lease(over or database, name, seconds, **options))
        return one

    yield lease
    for one in made:
        one.close()


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run something beside a block, and cancel it at the end."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, StorageError):
            await task


async def in_time(work: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(work, PATIENCE)


async def until(so: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await so():  # noqa: ASYNC110 - the database has no event to wait for
            await asyncio.sleep(0.01)


def note(lease: Lease, key: str) -> Callable[[Cursor], None]:
    """Return the work of a transaction that writes a note, with the fence at its end."""

    def work(cursor: Cursor) -> None:
        cursor.execute(
            "INSERT INTO tgbot.meta VALUES (%s, '') ON CONFLICT (key) DO UPDATE SET value = ''", (key,)
        )
        lease.fence(cursor)

    return work


def notes(database: Database) -> set[str]:
    return {key for (key,) in database.read("SELECT key FROM tgbot.meta WHERE key <> 'schema'")}


async def test_a_node_leads_at_once_where_nobody_does_and_another_only_after_it(node: Standing) -> None:
    a, b = node("a"), node("b")
    assert await a.take()
    assert (a.epoch, a.holds()) == (1, True)
    assert not await b.take()
    assert (b.epoch, b.holds()) == (0, False)
    async with running(b.stand_by()) as standing_by:
        held = await a.look()
        assert (held.node, held.epoch, held.heir, held.leads) == ("a", 1, "", True)
        assert not standing_by.done()
        assert await a.release()
        assert (a.epoch, a.holds()) == (0, False)
        await in_time(standing_by)
    assert (b.epoch, b.holds(), (await b.look()).node) == (2, True, "b")


async def test_a_standby_is_woken_by_the_release(
    database: Database, node: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "LOOK_SECONDS", 10 * PATIENCE)
    a, b = node("a", 10 * PATIENCE), node("b")
    await a.stand_by()

    async def b_has_looked() -> bool:
        """What is notified from now on wakes it."""
        return bool(
            database.read("SELECT FROM pg_stat_activity WHERE state = 'idle' AND query = %s", (_LOOK,))
        )

    async with running(b.stand_by()) as standing_by:
        await until(b_has_looked)
        await a.release()
        await in_time(standing_by)


async def test_a_standby_that_cannot_listen_looks_every_second(
    node: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_CHANNEL", "no name")
    a, b = node("a"), node("b")
    await a.stand_by()
    async with running(b.stand_by()) as standing_by:
        await a.release()
        await in_time(standing_by)


async def test_the_lease_of_a_node_that_died_ends_and_what_it_still_writes_is_refused(
    database: Database, node: Standing
) -> None:
    a, b = node("a", 0.2), node("b")
    await a.stand_by()
    database.write(note(a, "before"))
    await in_time(b.stand_by())
    assert b.epoch == 2
    with pytest.raises(LeaseLostError):
        database.write(note(a, "after"))
    database.write(note(b, "later"))
    assert notes(database) == {"before", "later"}
    with pytest.raises(LeaseLostError, match="Another node leads this bot now"):
        await a.keep()
    assert (a.epoch, a.holds()) == (0, False)
    with pytest.raises(LeaseLostError):
        database.write(note(a, "at last"))
    assert notes(database) == {"before", "later"}


async def test_a_node_that_does_not_lead_writes_nothing_even_before_anybody_did(
    database: Database, node: Standing
) -> None:
    with pytest.raises(LeaseLostError):
        database.write(note(node("a"), "never"))
    assert notes(database) == set()


async def test_a_lease_leads_once(node: Standing) -> None:
    a = node("a")
    await a.stand_by()
    await a.release()
    with pytest.raises(RuntimeError):
        await a.stand_by()


async def test_a_lease_that_is_kept_goes_on_and_may_be_renewed_late(node: Standing) -> None:
    clock = Clock()
    a, b = node("a", 0.3, clock=clock), node("b")
    await a.stand_by()
    clock.now += 0.3
    assert not a.holds()
    first = (await a.look()).until
    await asyncio.sleep(0.3)  # the database's clock passes the end, and nobody takes the lease
    async with running(a.keep()):
        await until(lambda: _renewed(b, first))
        assert a.holds()
        assert a.epoch == 1


async def _renewed(lease: Lease, before: float) -> bool:
    return (await lease.look()).until > before


async def test_a_renewal_counts_from_before_it_was_sent(
    database: Database, node: Standing, postgres: PostgresServer
) -> None:
    clock = Clock()
    async with stalling(postgres.port) as stall:
        over = Database(Address(_through(database, stall)))
        a = node("a", 60.0, over=over, clock=clock)
        stall.stand_still_at(b"tgbot.take")
        taking = asyncio.create_task(a.take())
        for wait in (50.9, 50.9):
            await in_time(stall.holding.wait())
            clock.now += wait
            stall.holding.clear()
            stall.stand_still_at(b"tgbot.renew")
            stall.passing.set()
            if not taking.done():
                assert await in_time(taking)
                keeping = asyncio.create_task(a.keep())
            else:
                await in_time(stall.holding.wait())  # the next renewal: that one was answered
            assert a.holds()
            clock.now += 0.2
            assert not a.holds()
        keeping.cancel()
        over.close()


def _through(database: Database, stall: Stall) -> str:
    """Return the address of a database by way of a relay."""
    options = psycopg.conninfo.conninfo_to_dict(database.address.conninfo)
    return f"postgresql://tgbot@127.0.0.1:{stall.port}/{options['dbname']}"


async def test_a_lease_is_for_the_heir_for_a_while(node: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = node("a"), node("b"), node("c")
    await a.stand_by()
    async with running(b.stand_by()) as other:
        await a.release("c")
        await in_time(c.stand_by())
        assert not other.done()
        monkeypatch.setattr(leases, "HEIR_SECONDS", 0.1)
        monkeypatch.setattr(rules, "HEIR_SECONDS", 0.1)
        await c.release("nobody")
        await in_time(other)
    assert b.epoch == 3


async def test_a_node_that_cannot_reach_the_database_holds_its_lease_to_its_end_and_renews_it_later(
    database: Database, node: Standing, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with stalling(postgres.port) as stall:
        over = Database(Address(_through(database, stall)))
        a = node("a", 0.5, over=over, clock=clock)
        await a.stand_by()
        async with running(a.keep()) as keeping:
            stall.passing.clear()
            await until(lambda: _logged(caplog, "no answer in time"))
            assert a.holds()
            clock.now += 0.5
            assert not a.holds()
            await until(lambda: _logged(caplog, "nothing is sent until the database answers"))
            stall.go_on()
            await until(lambda: _logged(caplog, "answers again"))
            assert a.holds()
            assert not keeping.done()
        over.close()
    assert len(caplog.records) == 3, "each is said once"


async def _logged(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def test_a_standby_waits_for_a_database_that_restarts(
    node: Standing, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = node("a", 0.2), node("b")
    await a.stand_by()
    async with running(b.stand_by()) as standing_by:
        postgres.stop()
        await until(lambda: _logged(caplog, "cannot be reached now"))
        postgres.start()
        await in_time(standing_by)
    assert b.epoch == 2


@pytest.mark.parametrize("where", [b"COMMIT", b"tgbot.fence"])
async def test_a_transaction_that_stands_still_is_ended_by_the_next_leader(
    database: Database, node: Standing, postgres: PostgresServer, where: bytes
) -> None:
    """Its node was cut off between the fence and the commit, or before both: it has rows locked."""
    async with stalling(postgres.port) as stall:
        over = Database(Address(_through(database, stall)))
        a, b = node("a", 0.2), node("b")
        await a.stand_by()
        await over.aside(lambda: over.write(note(a, "before")))
        stall.stand_still_at(where)
        writing = asyncio.create_task(over.aside(lambda: over.write(note(a, "row"))))
        await in_time(stall.holding.wait())
        await in_time(b.stand_by())
        await in_time(database.aside(lambda: database.write(note(b, "row"))))
        stall.go_on()
        with pytest.raises((LeaseLostError, StorageUnreachableError)):
            await in_time(writing)
        assert notes(database) == {"before", "row"}
        over.close()


async def test_nobody_takes_the_lease_between_a_fence_and_its_commit(
    database: Database, node: Standing
) -> None:
    """Where the role may not end the transactions of others, a take waits a second and is refused."""
    database.use(lambda link: link.execute(_NO_RIGHTS))
    a, b = node("a", 0.01), node("b")
    await a.stand_by()
    with psycopg.connect(database.address.conninfo) as link:
        note(a, "fenced")(link.cursor())
        await asyncio.sleep(0.01)  # the lease of a is over by the database's clock
        assert not await b.take()
        link.commit()
    assert await b.take()
    assert notes(database) == {"fenced"}


_NO_RIGHTS: LiteralString = """
    CREATE OR REPLACE FUNCTION tgbot.end_writers() RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$"""


async def test_the_lease_waits_for_no_other_work_of_its_process(database: Database, node: Standing) -> None:
    a = node("a", 30.0)
    await a.stand_by()
    first = (await a.look()).until
    held = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(cursor: Cursor) -> None:
        cursor.execute("SELECT 1").fetchone()
        loop.call_soon_threadsafe(held.set)
        asyncio.run_coroutine_threadsafe(done.wait(), loop).result()

    done = asyncio.Event()
    busy = [asyncio.create_task(database.aside(lambda: database.write(work))) for _ in range(8)]
    await in_time(held.wait())
    async with running(a.keep()):
        await until(lambda: _renewed(a, first))
    done.set()
    await asyncio.gather(*busy, return_exceptions=True)


#: Far enough from the moments at which a rule changes its answer.
offsets = st.sampled_from((-1e6, -3_600.0, -1.0, 3_600.0))
names = st.sampled_from(("", "a", "b"))
nodes = st.sampled_from(("a", "b"))


def test_the_database_keeps_the_rules(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in the row: the functions of the database do what the rules say, and nothing else."""

    monkeypatch.setattr(rules, "HEIR_SECONDS", 600.0)  # a slow machine stays on the same side of it

    @settings(max_examples=60)
    @given(st.tuples(names, st.integers(1, 2), names, offsets), nodes, st.integers(1, 2), names)
    def check(row: tuple[str, int, str, float], node: str, epoch: int, heir: str) -> None:
        before = _set(database, row)
        after = leasing.taken(before, node, 60.0)
        ((epoch_taken,),) = database.read("SELECT tgbot.take(%s, 60, %s)", (node, 600.0))
        assert epoch_taken == (after.epoch if after else 0)
        _compare(database, after or before)

        before = _set(database, row)
        after = leasing.renewed(before, node, epoch, 60.0)
        ((done,),) = database.read("SELECT tgbot.renew(%s, %s, 60)", (node, epoch))
        assert done == (after is not None)
        _compare(database, after or before)

        before = _set(database, row)
        after = leasing.released(before, node, epoch, heir)
        ((done,),) = database.read("SELECT tgbot.release(%s, %s, %s)", (node, epoch, heir))
        assert done == (after is not None)
        _compare(database, after or before)

        before = _set(database, row)
        try:
            database.read("SELECT tgbot.fence(%s)", (epoch,))
        except LeaseLostError:
            assert not leasing.admits(before, epoch)
        else:
            assert leasing.admits(before, epoch)
        _compare(database, before)

    check()


def _set(database: Database, row: tuple[str, int, str, float]) -> Holder:
    """Put something into the row, `until` as seconds from now, and return what is there."""
    database.read(
        "UPDATE tgbot.lease SET node = %s, epoch = %s, heir = %s,"
        " until = clock_timestamp() + make_interval(secs => %s) RETURNING 1",
        row,
    )
    return _row(database)


def _compare(database: Database, wanted: Holder) -> None:
    """Compare the row with what it should be; times differ by what passed meanwhile."""
    found = _row(database)
    assert found.until == pytest.approx(wanted.until, abs=5.0)
    found, wanted = (
        replace(one, since=0.0, until=0.0, now=0.0, taken_from="")  # no rule looks at the last one
        for one in (found, wanted)
    )
    assert found == wanted


def _row(database: Database) -> Holder:
    (row,) = database.read(_LOOK)
    return Holder(*row)


async def test_nodes_that_fight_for_the_lease_write_in_the_order_of_their_epochs(
    database: Database, node: Standing
) -> None:
    """Eight nodes with leases of a few milliseconds."""
    database.use(lambda link: link.execute("CREATE TABLE written (at serial, epoch bigint)"))

    def write(lease: Lease) -> Callable[[Cursor], None]:
        def work(cursor: Cursor) -> None:
            lease.fence(cursor)
            # The row is locked by now, so the numbers are in the order of the commits.
            cursor.execute("INSERT INTO written (epoch) VALUES (%s)", (lease.epoch,))

        return work

    async def fight(name: str, leases: int) -> int:
        refused = 0
        for number in range(leases):
            lease = node(name, 0.005 * (number % 3))
            while not await lease.take():  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.002)
            for _ in range(3):
                try:
                    await database.aside(partial(database.write, write(lease)))
                except (LeaseLostError, StorageUnreachableError):  # refused, or ended by a taker
                    refused += 1
            if number % 2:
                await lease.release(name if number % 4 == 1 else "")
            lease.close()
        return refused

    async with asyncio.timeout(PATIENCE):
        refused = await asyncio.gather(*(fight(name, 6) for name in "abcdefgh"))
    epochs = [epoch for (epoch,) in database.read("SELECT epoch FROM written ORDER BY at")]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) > 8
    assert sum(refused) > 0
