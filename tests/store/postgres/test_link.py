"""Questions on the event loop: each gets its own answer, or one error, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import psycopg
import pytest

from tests.patience import PATIENCE
from tests.store.postgres.proxy import Proxy, proxied
from tests.store.postgres.test_faults import until, waiting
from tgbot.core.errors import StorageFailedError, StorageUnreachableError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.link import Link

ECHO = b"SELECT $1::text"
#: It waits while somebody has the table.
LOCKED = b"SELECT count(*) + $1::bigint FROM tgbot.users"


@pytest.fixture
def proxy(bot_url: str) -> Iterator[Proxy]:
    with proxied(bot_url) as proxy:
        yield proxy


@pytest.fixture
async def link(proxy: Proxy) -> AsyncIterator[Link]:
    with closing(Link(Address(proxy.url))) as link:
        yield link


@pytest.fixture
def lock(bot_url: str) -> Iterator[psycopg.Connection]:
    """Keep the users from everybody else until the transaction is rolled back."""
    with psycopg.connect(bot_url) as connection:
        connection.execute("LOCK TABLE tgbot.users")
        yield connection


async def test_each_of_many_questions_gets_its_own_answer(link: Link) -> None:
    asked = [str(number).encode() for number in range(20)]
    answers = await asyncio.gather(*[link.ask(ECHO, [one]) for one in asked])
    assert answers == [[(one,)] for one in asked]


async def test_a_question_and_an_answer_may_be_larger_than_what_the_system_takes_at_once(
    link: Link, proxy: Proxy
) -> None:
    text = b"x" * 30_000_000
    await link.ask(ECHO, [b"1"])
    with proxy.stalled():
        asking = asyncio.ensure_future(link.ask(ECHO, [text]))
        await asyncio.sleep(0)
    assert (await asking) == [(text,)]
    assert await link.ask(ECHO, [b"2"]) == [(b"2",)]


async def test_a_question_after_the_connection_was_lost_is_answered(link: Link, proxy: Proxy) -> None:
    for number in (b"1", b"2", b"3"):
        assert await link.ask(ECHO, [number]) == [(number,)]
        proxy.cut()


async def test_a_question_whose_answer_was_lost_is_asked_again(
    link: Link, proxy: Proxy, bot_url: str, lock: psycopg.Connection
) -> None:
    await link.ask(ECHO, [b"1"])
    asking = asyncio.ensure_future(link.ask(LOCKED, [b"5"]))
    await until(lambda: waiting(bot_url) == 1)
    proxy.cut()
    lock.rollback()
    assert await asking == [(b"5",)]


async def test_a_question_that_a_server_ends_is_asked_again(
    link: Link, bot_url: str, lock: psycopg.Connection
) -> None:
    await link.ask(ECHO, [b"1"])
    asking = asyncio.ensure_future(link.ask(LOCKED, [b"5"]))
    await until(lambda: waiting(bot_url) == 1)
    lock.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
        " datname = current_database()"
    )
    lock.rollback()
    assert await asking == [(b"5",)]


async def test_a_connection_may_be_made_before_there_is_a_question(link: Link, proxy: Proxy) -> None:
    await link.connect()
    with proxy.refusing():
        await link.connect()
        assert await link.ask(ECHO, [b"1"]) == [(b"1",)]
    proxy.cut()
    await until(lambda: link.fresh)
    with proxy.gone(), pytest.raises(StorageUnreachableError):
        await link.connect()


async def test_a_database_that_is_away_is_said_and_found_again(link: Link, proxy: Proxy) -> None:
    await link.ask(ECHO, [b"1"])
    with proxy.gone(), pytest.raises(StorageUnreachableError):
        await link.ask(ECHO, [b"2"])
    assert await link.ask(ECHO, [b"3"]) == [(b"3",)]


async def test_a_server_that_stands_still_is_given_up(proxy: Proxy, lock: psycopg.Connection) -> None:
    with closing(Link(Address(proxy.url), seconds=0.2)) as link:
        with pytest.raises(StorageUnreachableError, match="no answer in time"):
            async with asyncio.timeout(PATIENCE):
                await link.ask(LOCKED, [b"1"])
        assert await link.ask(ECHO, [b"2"]) == [(b"2",)]


async def test_the_answer_to_a_question_that_was_cancelled_is_nobodys(
    link: Link, bot_url: str, lock: psycopg.Connection
) -> None:
    asking = asyncio.ensure_future(link.ask(LOCKED, [b"5"]))
    await until(lambda: waiting(bot_url) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    lock.rollback()
    assert await link.ask(ECHO, [b"6"]) == [(b"6",)]


async def test_what_the_server_refuses_is_said_without_the_value(link: Link) -> None:
    with pytest.raises(StorageFailedError) as refused:
        await link.ask(b"SELECT $1::bigint", [b"planted"])
    assert "planted" not in str(refused.value)
    assert await link.ask(ECHO, [b"1"]) == [(b"1",)]


async def test_what_waits_when_the_link_is_closed_fails_and_nothing_is_asked_after_it(
    link: Link, bot_url: str, lock: psycopg.Connection
) -> None:
    asking = [asyncio.ensure_future(link.ask(LOCKED, [b"5"])) for _ in range(2)]
    await until(lambda: waiting(bot_url) == 1)
    link.close()
    for one in asking:
        with pytest.raises(StorageUnreachableError, match="closed"):
            await one
