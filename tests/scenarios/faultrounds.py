"""Rounds of faults under load: what cannot be read, what is never answered, dead keys, poison, kills.

The site needs `IMPATIENT_PLUGIN`: what Telegram puts off is parked and tried again within seconds.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Set
from contextlib import asynccontextmanager
from pathlib import Path

from tests.scenarios.audit import audit_answers, audit_files, quiet
from tests.scenarios.crash import Site, until
from tests.scenarios.load import Load
from tests.scenarios.planted import NAME, TEXT
from tests.scenarios.rounds import Outcome
from tgbot.sandbox.faults import Damage, DeadKey, Nonsense, Shape

SEND = "messages.sendMessage"
DIFFERENCE = "updates.getDifference"
IMPORT = "auth.importBotAuthorization"


#: What ends the process.
DEADLY = frozenset({"poison", "kill"})
#: Seconds for which differences deny that there are updates. After 30 the bot has to give these up.
EMPTY_SECONDS = 10.0
#: Log lines that tell a loss: no fault of these lasts for so long that one is due.
LOSSES = ("never came (", "lost for good", "refuses the difference")


def befall(site: Site, *, without: Set[str] = frozenset()) -> str:
    """Make something go wrong, chosen at random, but none of `without`; return its name."""
    faults, bot, chance = site.sandbox.faults, site.bot.id, site.random
    asked: dict[str, Callable[[], object]] = {
        # After these a difference is due: the bot connects again.
        "difference garbled": lambda: faults.garble_answers(DIFFERENCE, chance.choice(list(Damage)), times=2),
        "difference unanswered": lambda: faults.silence(DIFFERENCE),
        "difference stuck": lambda: faults.stick_differences(True, bot),
        "difference empty": lambda: deny_updates(site),
        "difference lags": lambda: faults.lag_differences(1.0, bot),
        "difference refused": lambda: faults.fail(DIFFERENCE, 400, "NONSENSE_OF_TODAY", times=2),
        "state wrong": lambda: faults.distort_states(
            chance.choice((Nonsense.PTS_AHEAD, Nonsense.QTS_AHEAD)), bot
        ),
        "login refused for a while": lambda: faults.fail(IMPORT, 500, "INTERNAL", times=2),
        "key dead": lambda: faults.kill_keys(bot, chance.choice(list(DeadKey))),
    }
    deeds = asked | {
        "push garbled": lambda: faults.garble(
            chance.randrange(1, 6), bot, damage=chance.choice(list(Damage))
        ),
        "log garbled": site.garble_next,
        "nonsense pushed": lambda: faults.hand_nonsense(bot, chance.choice(list(Nonsense))),
        "send unanswered": lambda: faults.silence(SEND, times=2, after=chance.random() < 0.5),
        "send garbled": lambda: faults.garble_answers(SEND, chance.choice(list(Damage)), times=3),
        "send put off": lambda: faults.fail(SEND, 420, "FLOOD_WAIT_4", times=3),
        "send fails": lambda: faults.fail(SEND, 500, "INTERNAL", seconds=3.0),
        "send refused": lambda: faults.fail(SEND, 400, "NONSENSE_OF_TODAY", times=3),
        "bomb": lambda: faults.bomb(SEND, 32),
        "bad_msg": lambda: faults.bad_msg(chance.choice((16, 17, 20, 32, 33, 64)), SEND, times=2),
        "bad salt": lambda: faults.bad_salt(SEND, times=3),
        "transport error": lambda: faults.transport_error(
            chance.choice((-404, -429, -444)), account=bot, shape=chance.choice(list(Shape))
        ),
        "poison": lambda: site.said(site.world.new_user(f"{NAME} Poison").id, f"poison {TEXT}"),
        "kill": lambda: kill(site),
        "clear": faults.clear,
    }
    name = chance.choice([name for name in deeds if name not in without])
    deeds[name]()
    if name in asked:
        faults.drop(bot)
    return name


def deny_updates(site: Site) -> None:
    """Have differences be empty for a while, and requested again after it."""
    faults, bot = site.sandbox.faults, site.bot.id

    def admit() -> None:
        faults.empty_differences(False, bot)
        faults.drop(bot)

    faults.empty_differences(True, bot)
    asyncio.get_running_loop().call_later(EMPTY_SECONDS, admit)


def kill(site: Site) -> None:
    if site.process is not None:
        site.process.signal(signal.SIGKILL)


def running(site: Site) -> bool:
    return site.process is not None and site.process.running


@asynccontextmanager
async def revived(site: Site, outcome: Outcome) -> AsyncIterator[None]:
    """Start the bot again whenever it ends, for as long as the block lasts; count how it ended."""

    async def revive() -> None:
        while True:
            await until(lambda: not running(site), "the process ends", math.inf)
            outcome.statuses[await site.end(signal.SIGKILL)] += 1
            await site.spawn()

    reviving = asyncio.create_task(revive())
    try:
        yield
    finally:
        reviving.cancel()
        await asyncio.wait((reviving,))
        if not reviving.cancelled():
            reviving.result()


async def run_faults(
    site: Site,
    rounds: int,
    *,
    rate: float = 120.0,
    progress: Callable[[Outcome, Load], None] = lambda outcome, load: None,
) -> Outcome:
    """Let faults befall the bot under load, let it catch up, retry what it has kept, stop it and audit."""
    outcome, load, chance = Outcome("faults"), Load(site, rate), site.random
    await (await site.spawn()).up()
    async with revived(site, outcome):
        with load.going_on():
            for _ in range(rounds):
                await load.more(1 + int(chance.random() * rate))
                outcome.kinds[befall(site)] += 1
                outcome.rounds += 1
                progress(outcome, load)
        await catch_up(site, load)
    await conclude(site, load, outcome)
    return outcome


async def catch_up(site: Site, load: Load) -> None:
    """End all faults, and return once everything is answered, also what is parked, for however long."""
    site.sandbox.faults.clear()
    site.sandbox.drop(site.bot.id)
    await quiet(site, load.blocked_at, 15.0)
    await tgbot(site, "parked", "retry", "--all")
    await quiet(site, load.blocked_at)


async def conclude(site: Site, load: Load, outcome: Outcome) -> None:
    """Stop the bot and audit."""
    outcome.statuses[await site.end(signal.SIGTERM)] += 1
    outcome.audit = audit_answers(site, load.blocked_at, ordered=False)
    audit_files(site, outcome.audit)
    # Errors are logged, as they must be. What must not be logged counts, losses and an end by itself too.
    outcome.faults = [
        line
        for line in site.faults
        if line.startswith(("logged ", "ended by itself")) or any(loss in line for loss in LOSSES)
    ]


async def tgbot(site: Site, *words: str) -> tuple[int, str]:
    """Run a command beside the bot; return its status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("tgbot")),
        "--config",
        str(site.directory / "config.toml"),
        *words,
        env=os.environ | {"PYTHONPATH": f"{site.directory}{os.pathsep}{os.getcwd()}"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode(errors="replace")
