"""The nodes of a bot: one running process a name."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from telethon.crypto import AuthKey

from tests.store.postgres.conftest import no_lease
from tests.store.session_contract import KEY
from tgbot.core.nodeerrors import NodeNameTakenError
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.nodes import leave, list_nodes, refresh, register, run_id
from tgbot.store.postgres.session import PostgresSession

HERE, THERE = "here:1", "there:2"


def age(database: Database, node: str, seconds: float) -> None:
    """Let a node have been seen last so long ago."""
    query = "UPDATE tgbot.nodes SET seen = clock_timestamp() - make_interval(secs => %s) WHERE name = %s"
    database.write(lambda cursor: cursor.execute(query, (seconds, node)))


def run_of(database: Database, node: str) -> object:
    return database.read("SELECT run FROM tgbot.nodes WHERE name = %s", (node,))[0][0]


async def register_while_seen(database: Database, node: str, run: str, by: str) -> None:
    """Register, while the process `by` says again and again that it runs."""

    async def beat() -> None:
        while True:
            await database.aside(lambda: refresh(database, node, by, "leads"))
            await asyncio.sleep(0)

    async with asyncio.timeout(20):
        beating = asyncio.create_task(beat())
        try:
            await register(database, node, run, "1.0")
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)


async def test_a_node_that_enters_is_listed_until_it_leaves(database: Database) -> None:
    assert list_nodes(database) == []
    await register(database, "one", HERE, "1.0")
    await register(database, "two", THERE, "1.1")
    refresh(database, "two", THERE, "standby")
    one, two = list_nodes(database)
    assert (one.name, one.entered, one.version, one.state, one.logged_in) == ("one", True, "1.0", "", False)
    assert (two.name, two.entered, two.version, two.state) == ("two", True, "1.1", "standby")
    leave(database, "two", THERE)
    _, two = list_nodes(database)
    assert (two.entered, two.state) == (False, "")


async def test_a_node_says_how_long_ago_it_was_seen_by_the_clock_of_the_database(database: Database) -> None:
    await register(database, "one", HERE, "1.0")
    age(database, "one", 1_000)
    assert 1_000 <= list_nodes(database)[0].seen < 2_000
    refresh(database, "one", HERE, "leads")
    assert list_nodes(database)[0].seen < 1_000


async def test_a_second_process_with_the_name_of_one_that_runs_is_refused(database: Database) -> None:
    await register(database, "one", HERE, "1.0")
    with pytest.raises(NodeNameTakenError, match=r"runs as the node one .*\[storage\] node"):
        await register_while_seen(database, "one", THERE, by=HERE)
    assert run_of(database, "one") == HERE


async def test_a_process_that_is_seen_no_more_gives_its_name_up_after_a_while(database: Database) -> None:
    await register(database, "one", HERE, "1.0")
    waiting = asyncio.create_task(register(database, "one", THERE, "1.1"))
    async with asyncio.timeout(20):
        while not (await asyncio.wait((waiting,), timeout=0.02))[0]:
            if run_of(database, "one") == HERE:
                age(database, "one", 3_600)
    assert run_of(database, "one") == THERE


@pytest.mark.parametrize("how", ["left", "same directory", "same process"])
async def test_a_name_is_free_at_once(database: Database, how: str) -> None:
    await register(database, "one", HERE, "1.0")
    if how == "left":
        leave(database, "one", HERE)
    run = {"left": THERE, "same directory": "here:3", "same process": HERE}[how]
    async with asyncio.timeout(20):
        await register(database, "one", run, "1.1", gone_seconds=3_600)
    assert run_of(database, "one") == run
    assert list_nodes(database)[0].version == "1.1"


async def test_a_process_whose_name_was_taken_hears_of_it_and_takes_nothing_back(database: Database) -> None:
    await register(database, "one", HERE, "1.0")
    age(database, "one", 3_600)
    await register(database, "one", THERE, "1.1")
    with pytest.raises(NodeNameTakenError):
        refresh(database, "one", HERE, "leads")
    leave(database, "one", HERE)
    assert run_of(database, "one") == THERE


async def test_of_two_processes_that_want_a_free_name_one_gets_it(database: Database) -> None:
    await register(database, "one", "before:0", "1.0")
    age(database, "one", 3_600)
    entering = [asyncio.create_task(register(database, "one", run, "1.0")) for run in (HERE, THERE)]
    async with asyncio.timeout(20):
        done, pending = await asyncio.wait(entering, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    assert run_of(database, "one") == (HERE if entering[0] in done else THERE)
    for one in pending:
        one.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def test_the_auth_key_stays_with_the_name(database: Database) -> None:
    await register(database, "one", HERE, "1.0")
    PostgresSession(database, "one", no_lease).auth_key = AuthKey(data=KEY)
    assert list_nodes(database)[0].logged_in
    leave(database, "one", HERE)
    await register(database, "one", THERE, "1.1")
    assert PostgresSession(database, "one", no_lease).auth_key.key == KEY


def test_each_process_has_a_name_and_those_of_one_directory_share_its_beginning(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    first, second, elsewhere = run_id(tmp_path), run_id(tmp_path), run_id(other)
    assert len({first, second, elsewhere}) == 3
    assert first.partition(":")[0] == second.partition(":")[0] != elsewhere.partition(":")[0]
