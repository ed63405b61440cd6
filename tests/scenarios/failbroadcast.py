"""A broadcast that nodes hand to each other, planned or not: each recipient gets it exactly once."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from tests.scenarios.broadcastrounds import NEWS, SETTINGS
from tests.scenarios.crash import until
from tests.scenarios.failrounds import EXPECTED, KINDS, Answers, Round, judge_writers, start, stop_all
from tests.scenarios.receipts import Receipts, Result
from tests.scenarios.team import Node, Team
from tgbot.core.broadcasts import State
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.openings import open_broadcasts, open_readonly

#: What part of the people blocks the bot just before, which the bot does not hear.
UNHEARD: Final = 0.02
#: The ways in which the node that sends is lost, in turn.
LOSSES: Final = ("kill", "handover", "stop", "database")
#: What part of the broadcast has to be sent at the last takeover.
LAST: Final = 0.7
#: How many seconds the broadcast lasts for each takeover: the lost node has to stand by again meanwhile.
SECONDS: Final = 16


async def run_broadcast(
    team: Team, people: int, takeovers: int, progress: Callable[[Result], None] = lambda result: None
) -> Result:
    """Send a broadcast with so many takeovers in it, and compare who got it with the report.

    The team needs the plugin of `broadcastrounds`, and `settings`.
    """
    receipts = Receipts(team, NEWS, int(team.world.new_user("Operator").id))
    await start(team)
    await _meet(team, receipts, people)
    with closing(Database(Address(team.url))) as database:
        result = await _deliver(team, receipts, database, takeovers, progress)
        result.statuses += await stop_all(team)
        receipts.compare_access(open_readonly(database).get, result)
    for line in judge_writers(team):
        result.note("wrong writer", line)
    result.faults = [line for line in team.faults if not any(words in line for words in EXPECTED)]
    return result


def settings(people: int, takeovers: int) -> dict[str, Any]:
    """Return `[bot]` keys with which the broadcast lasts for longer than the takeovers."""
    return SETTINGS | {"pace": float(min(1000, max(10, people // (SECONDS * takeovers + SECONDS))))}


async def _deliver(
    team: Team,
    receipts: Receipts,
    database: Database,
    takeovers: int,
    progress: Callable[[Result], None],
) -> Result:
    """Send it, with the takeovers, and compare the report."""
    result, answers, leader = Result(), Answers(team), await team.settled()
    number = str((await _ask(team, leader, "create", "--text", NEWS))["id"])
    await _ask(team, leader, "test", number, "--to", str(receipts.tester))
    await _ask(team, leader, "start", number, "--yes")
    size = len(receipts.audience)

    async def sent(place: float) -> None:
        await until(
            lambda: receipts.count() >= place or _is_done(database, int(number)),
            "the broadcast goes on",
            progress=receipts.count,
        )

    async def go_on(seconds: float) -> None:
        await sent(receipts.count() + seconds * size / (10 * takeovers))

    with answers.noted():
        for turn in range(takeovers):
            await sent((turn + team.random.random()) * LAST * size / takeovers)
            if _is_done(database, int(number)):
                break  # on a machine that is busy with something else
            kind = LOSSES[turn % len(LOSSES)]
            answers.clear()
            now = Round(team, answers, await team.settled(), go_on)
            await KINDS[kind][0](now)
            result.kinds[kind] += 1
            result.kills += 1
            if now.taken is not None:
                result.resumed.append(now.taken - now.began)
            progress(result)
        await sent(2 * size)
    path = team.directory / "report.csv"
    await _ask(team, await team.settled(), "report", number, "--csv", str(path))
    with path.open(newline="") as file:
        receipts.compare(list(csv.DictReader(file)), result)
    return result


async def _meet(team: Team, receipts: Receipts, people: int) -> None:
    """Have everybody start the bot; some block it, without that it hears of it."""
    world, bot = team.world, team.bot.id
    met: list[int] = []
    while len(met) < people:
        met += [one.id for one in world.crowd(bot, min(100, people - len(met)))]
        await asyncio.sleep(0)
    team.said(receipts.tester, "/start")

    def stored() -> int:
        return int(team.rows("SELECT count(*) FROM tgbot.users")[0][0])

    await until(lambda: stored() >= people + 1, "everybody is in the database", progress=stored)
    receipts.blocked = set(team.random.sample(met, max(2, round(people * UNHEARD))))
    for person in receipts.blocked:
        world.accounts[person].blocked |= {bot}
    receipts.audience = sorted({*met, receipts.tester})


def _is_done(database: Database, number: int) -> bool:
    with open_broadcasts(database) as broadcasts:
        found = broadcasts.get(number)
    return found is not None and found.state is State.DONE


async def _ask(team: Team, node: Node, *words: str) -> dict[str, Any]:
    status, found, complaint = await team.command(node, "broadcast", *words, "--json")
    if status:
        raise RuntimeError(f"tgbot broadcast {words[0]}: {complaint}")
    return dict(found[-1])
