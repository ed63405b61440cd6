"""The session in PostgreSQL, beyond what every session does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from telethon.crypto import AuthKey

from tests.store.postgres.conftest import no_lease
from tests.store.postgres.proxy import Moment, Proxy, proxied
from tests.store.session_contract import KEY, user
from tgbot.core.errors import LeaseLostError, StorageUnreachableError
from tgbot.store.base import UpdateState
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import CONNECTIONS, Cursor, Database
from tgbot.store.postgres.session import PostgresSession

OTHER_KEY = KEY[::-1]


def lost(cursor: Cursor) -> None:
    """Refuse a transaction, as the fence of a node that lost the lease does."""
    cursor.execute("SELECT tgbot.fence(41)")


@pytest.fixture
def proxy(bot_url: str) -> Iterator[Proxy]:
    with proxied(bot_url) as proxy:
        yield proxy


@pytest.fixture
def away(proxy: Proxy) -> Iterator[Database]:
    """A database at the other end of a link that can be cut."""
    with closing(Database(Address(proxy.url))) as database:
        yield database


def opened(
    database: Database, node: str = "one", fence: Callable[[Cursor], None] = no_lease
) -> PostgresSession:
    return PostgresSession(database, node, fence)


# ---- what belongs to a node ------------------------------------------------------------------------


def test_each_node_has_a_login_and_values_of_its_own(database: Database) -> None:
    one, two = opened(database), opened(database, "two")
    one.set_dc(2, "127.0.0.1", 444)
    one.auth_key = AuthKey(data=KEY)
    one.set_value("token", "a")
    two.set_dc(4, "::1", 443)
    two.auth_key = AuthKey(data=OTHER_KEY)
    for session, key, dc_id, token in (
        (opened(database), KEY, 2, "a"),
        (opened(database, "two"), OTHER_KEY, 4, None),
    ):
        assert (session.auth_key.key, session.dc_id, session.value("token")) == (key, dc_id, token)
    assert not opened(database, "three").auth_key


async def test_all_nodes_share_peers_state_resolves_and_values_of_the_bot(database: Database) -> None:
    one = opened(database)
    one.set_bot_id(7)
    one.set_bot_value("supergroup of -8", -100_9)
    one.remember([user(5, "anna")])
    one.count_resolve()
    await one.checkpoint(UpdateState(1, 2, 3, 4))
    two = opened(database, "two")
    assert (two.bot_id(), two.bot_value("supergroup of -8"), two.access_hash(5)) == (7, -100_9, 50)
    assert two.update_state() == UpdateState(1, 2, 3, 4)
    assert two.resolves_today() == 1


def test_values_of_the_bot_stay_apart_from_other_notes(database: Database) -> None:
    database.write(
        lambda cursor: cursor.execute("INSERT INTO tgbot.meta VALUES ('bot', 'x'), ('sessions', 'y')")
    )
    session = opened(database)
    assert session.bot_id() is None
    assert session.bot_value("s") is None
    session.set_bot_id(7)
    rows = database.read("SELECT value FROM tgbot.meta WHERE key IN ('bot', 'sessions') ORDER BY key")
    assert rows == [("x",), ("y",)]


async def test_an_id_that_no_column_can_hold_is_nobodys(database: Database) -> None:
    session = opened(database)
    await session.load([2**63, -(2**63) - 1, 5])
    assert session.access_hash(2**70) is None
    assert session.get_entity_rows_by_id(2**63 - 1, exact=False) is None


# ---- the fence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda session: setattr(session, "auth_key", AuthKey(data=KEY)),
        lambda session: session.set_dc(2, "127.0.0.1", 444),
        lambda session: session.set_value("token", "a"),
        lambda session: session.set_bot_value("a", 1),
        lambda session: session.set_bot_id(7),
        lambda session: session.forget(5),
        lambda session: asyncio.run(session.checkpoint(UpdateState(9, 9, 9, 9))),
        lambda session: asyncio.run(session.put({6: session._known[5]})),
    ],
    ids=["key", "dc", "value", "bot value", "bot", "forget", "checkpoint", "put"],
)
def test_a_node_that_lost_the_lease_writes_nothing(
    database: Database, write: Callable[[PostgresSession], None]
) -> None:
    leader = opened(database)
    leader.remember([user(5, "anna")])
    asyncio.run(leader.checkpoint(UpdateState(1, 2, 3, 4)))
    before = kept(database)
    session = opened(database, fence=lost)
    session._load([5])
    with pytest.raises(LeaseLostError):
        write(session)
    assert kept(database) == before
    assert session.access_hash(5) == 50


def kept(database: Database) -> list[object]:
    return [
        database.read(query)
        for query in (
            "SELECT * FROM tgbot.nodes",
            "SELECT * FROM tgbot.meta",
            "SELECT * FROM tgbot.peers",
            "SELECT * FROM tgbot.usernames",
            "SELECT * FROM tgbot.states",
        )
    ]


# ---- a link that goes ------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", Moment)
async def test_a_link_that_goes_in_a_checkpoint_costs_nothing(
    away: Database, database: Database, proxy: Proxy, moment: Moment
) -> None:
    session = opened(away)
    session.remember([user(5, "anna")])
    await session.checkpoint(UpdateState(1, 1, 1, 1))
    session.remember([user(5, "boris"), user(6, "anna")])
    session.count_resolve()
    proxy.cut_at(moment)
    with suppress(StorageUnreachableError):
        await session.checkpoint(UpdateState(2, 2, 2, 2))
    session.remember([user(7, "cleo")])
    with suppress(StorageUnreachableError):
        await session.checkpoint(UpdateState(3, 3, 3, 3))
    proxy.was_cut()
    await session.checkpoint(UpdateState(3, 3, 3, 3))
    assert not session.changed
    again = opened(database)
    assert [again.usernames_of(number) for number in (5, 6, 7)] == [("boris",), ("anna",), ("cleo",)]
    assert again.update_state() == UpdateState(3, 3, 3, 3)
    assert again.resolves_today() == 1


@pytest.mark.parametrize("moment", Moment)
async def test_a_link_that_goes_in_a_single_write_is_made_again(
    away: Database, database: Database, proxy: Proxy, moment: Moment
) -> None:
    session = opened(away)
    session.remember([user(5)])
    await session.checkpoint(None)
    steps: list[tuple[Callable[[], None], Callable[[PostgresSession], bool]]] = [
        (lambda: setattr(session, "auth_key", AuthKey(data=KEY)), lambda again: again.auth_key.key == KEY),
        (lambda: session.set_value("a", 1), lambda again: again.value("a") == 1),
        (lambda: session.set_bot_id(7), lambda again: again.bot_id() == 7),
        (lambda: session.forget(5), lambda again: again.access_hash(5) is None),
    ]
    for write, found in steps:
        proxy.cut_at(moment)
        write()
        for _ in range(CONNECTIONS):  # one of them is the link that is cut after the write
            assert away.read("SELECT 1")
        proxy.was_cut()
        assert found(opened(database))


def test_links_that_were_lost_unnoticed_fail_no_write(away: Database, proxy: Proxy) -> None:
    session = opened(away)

    def several(left: int) -> None:
        if left:
            away.use(lambda _: several(left - 1))

    several(4)
    proxy.cut()
    session.set_value("a", 1)
    assert session.value("a") == 1


async def test_a_login_that_could_not_be_kept_is_kept_with_the_next_checkpoint(
    away: Database, database: Database, proxy: Proxy
) -> None:
    session = opened(away)
    session.set_dc(2, "127.0.0.1", 444)
    with proxy.gone(), pytest.raises(StorageUnreachableError):
        session.auth_key = AuthKey(data=KEY)
    assert session.auth_key.key == KEY
    await session.checkpoint(UpdateState(1, 1, 1, 1))
    again = opened(database)
    assert (again.auth_key.key, again.dc_id) == (KEY, 2)


async def test_what_is_kept_is_not_written_again(away: Database, proxy: Proxy) -> None:
    session = opened(away)
    session.set_dc(2, "127.0.0.1", 444)
    session.auth_key = AuthKey(data=KEY)
    session.set_value("token", "a")
    session.set_bot_id(7)
    session = opened(away)
    with proxy.gone():  # as a login does after a takeover
        session.set_dc(2, "127.0.0.1", 444)
        session.auth_key = AuthKey(data=KEY)
        session.set_value("token", "a")
        session.set_bot_id(7)


# ---- what is said of it ----------------------------------------------------------------------------


async def test_no_error_and_no_repr_shows_what_is_kept(
    away: Database, database: Database, proxy: Proxy
) -> None:
    session = opened(away)
    session.auth_key = AuthKey(data=b"SECRETKEY" * 30)
    session.remember([user(5, "anna", access_hash=987654321, phone="5550100", first_name="Private")])
    said = [repr(session)]
    with proxy.gone(), pytest.raises(StorageUnreachableError) as failed:
        await session.checkpoint(None)
    said.append(str(failed.value))
    database.write(
        lambda cursor: cursor.execute("ALTER TABLE tgbot.peers ADD CONSTRAINT odd CHECK (id <> 5)")
    )
    try:
        with pytest.raises(Exception, match="refused what the bot asked of it") as refused:
            await session.checkpoint(None)
    finally:
        database.write(lambda cursor: cursor.execute("ALTER TABLE tgbot.peers DROP CONSTRAINT odd"))
    said.append("".join(map(str, (refused.value, refused.value.__cause__))))
    for secret in ("SECRETKEY", "987654321", "5550100", "Private", "anna"):
        assert not [one for one in said if secret in one]
