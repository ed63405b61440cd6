"""One takeover of each kind under load; `make failover` has a hundred, and a zombie that sleeps for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tests.scenarios.failrounds import AT_MOST, Figures, Outcome, run_failures, too_late
from tests.scenarios.team import open_team
from tests.scenarios.writers import disorder, strangers, watch_writers, written
from tgbot.sandbox.feeds import UpdatesTo
from tgbot.store.postgres import schema
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database

#: The tests of nodes have the handover, and the restart of a database.
KINDS = ["kill", "stop", "database", "telegram"]
#: A machine that runs other tests beside gets more time than `AT_MOST`.
BUSY = 2.5


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_takeovers_under_load_lose_nothing_say_nothing_twice_and_leave_one_writer(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with open_team(tmp_path, postgres, 20261128) as team:
        team.world.updates_to = UpdatesTo.RANDOM
        outcome = await run_failures(team, KINDS, rate=50.0)
    print(outcome)
    assert outcome.well, str(outcome)
    assert outcome.audit.answers > 300
    assert {kind: len(of.takeovers) for kind, of in outcome.kinds.items()} == dict.fromkeys(KINDS, 1)
    assert max(outcome.takeovers) < AT_MOST * BUSY
    assert outcome.statements > 20


def test_the_judge_sees_which_takeover_took_too_long() -> None:
    outcome = Outcome()
    for kind in ("kill", "telegram", "handover"):
        outcome.kinds[kind] = Figures(takeovers=[AT_MOST, AT_MOST + 1])
    assert [line.partition(",")[0] for line in too_late(outcome)] == [
        "kill: the other node answered after 9.00 s",
        "telegram: the other node answered after 9.00 s",
    ]


async def test_the_judge_sees_who_writes_without_the_lease_and_in_which_order(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with open_team(tmp_path, postgres, 1) as team:
        database = Database(Address(team.url))
        try:
            schema.prepare(database)
        finally:
            database.close()
        watch_writers(team)

        def write(node: str) -> None:
            team.rows("SELECT set_config('application_name', %s, false)", (node,))
            team.rows("INSERT INTO tgbot.meta VALUES (%s, '') ON CONFLICT (key) DO NOTHING", (node,))

        def lead(node: str, epoch: int) -> None:
            team.rows("UPDATE tgbot.lease SET node = %s, epoch = %s", (node, epoch))

        lead("a", 1)
        write("a")
        lead("b", 2)
        write("b")
        assert strangers(team) == []
        assert disorder(team) == []
        assert written(team) == {1: 1, 2: 1}
        write("a")
        assert [(one.writer, one.leader, one.epoch, one.table) for one in strangers(team)] == [
            ("a", "b", 2, "meta")
        ]
        lead("a", 1)
        write("a")
        assert disorder(team) == [(1, 2)]
