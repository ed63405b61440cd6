"""Rounds of interruptions under load: kills, stops, cut connections, and a mix of all faults."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.scenarios.audit import Audit, audit_answers, audit_files, audit_people, quiet
from tests.scenarios.crash import Site
from tests.scenarios.load import Load


@dataclass
class Variant:
    """One way to be interrupted; `between` is called with the site after each kill, before the start."""

    name: str
    how: str = "kill"
    between: Callable[[Site], Awaitable[None]] | None = None


async def slice_small(site: Site) -> None:
    """Have the server give differences five updates at a time."""
    site.sandbox.faults.slice_differences(5)


async def keep_little(site: Site) -> None:
    """Have Telegram keep fewer updates than come while the bot is off."""
    site.world.limits.box = 10


async def delete_last_finished(site: Site) -> None:
    """Delete what the registry knows about finished messages."""
    if not site.registry.exists():
        return
    with contextlib.closing(sqlite3.connect(site.registry, isolation_level=None)) as registry:
        tables = {name for (name,) in registry.execute("SELECT name FROM sqlite_master")}
        if "users" in tables:
            registry.execute("UPDATE users SET value = json_remove(value, '$.last_finished_id')")


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("kill"),
        Variant("sliced", between=slice_small),
        Variant("unfinished", between=delete_last_finished),
        Variant("box", between=keep_little),
        Variant("term", how="term"),
        Variant("drop", how="drop"),
        Variant("mix", how="mix"),
    )
}


async def misbehave(site: Site) -> str:
    """Make something go wrong, chosen at random; return its name."""
    faults, bot, chance = site.sandbox.faults, site.bot.id, site.random
    send = "messages.sendMessage"
    kinds: dict[str, Callable[[], object]] = {
        "drop": lambda: faults.drop(bot),
        "refuse": lambda: faults.refuse(0.3),
        "delay": lambda: faults.delay(0.3, chance.choice((send, "updates.getDifference")), account=bot),
        "withhold": lambda: faults.withhold(bot),
        "reorder": lambda: faults.reorder(5, bot),
        "repeat": lambda: faults.repeat(5, bot),
        "lose": lambda: faults.lose(3, bot),
        "flood": lambda: faults.fail(send, 420, "FLOOD_WAIT_1", times=2, account=bot),
        "500": lambda: faults.fail(send, 500, "INTERNAL", times=2, account=bot),
        "500 after": lambda: faults.fail(send, 500, "INTERNAL", times=2, account=bot, after=True),
        "no answer": lambda: faults.lose_answer(send, account=bot),
        "difference fails": lambda: faults.fail(
            "updates.getDifference", 500, "INTERNAL", times=2, account=bot
        ),
        "slices": lambda: faults.slice_differences(20),
        "restart": lambda: None,
        "kill": lambda: None,
        "clear": faults.clear,
    }
    name = chance.choice(list(kinds))
    kinds[name]()
    if name in ("refuse", "difference fails", "slices"):
        faults.drop(bot)  # for the bot to connect, and to ask for a difference
    if name == "restart":
        await faults.restart()
    elif name == "kill":
        await site.end(signal.SIGKILL)
        await site.spawn()
    elif name == "withhold":
        asyncio.get_running_loop().call_later(0.3, faults.release, bot)
    return name


@dataclass
class Outcome:
    """The result of a run of rounds."""

    variant: str
    rounds: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    #: The faults that were chosen at random, in the variant "mix".
    kinds: Counter[str] = field(default_factory=Counter)
    slowest_stop: float = 0.0
    faults: list[str] = field(default_factory=list)
    audit: Audit = field(default_factory=Audit)

    @property
    def well(self) -> bool:
        """Return whether nothing was lost, doubled or wrong, all stops were clean and no log has an error."""
        return self.audit.clean and not self.faults and not set(self.statuses) - {0, -signal.SIGKILL}

    @property
    def ends(self) -> str:
        """Return how the processes ended, and what was done to them."""
        ended = ", ".join(f"{count} with status {status}" for status, count in self.statuses.items())
        text = f"ended: {ended}; slowest end {self.slowest_stop:.2f} s"
        return "; ".join((text, *(f"{count} {kind}" for kind, count in self.kinds.items())))

    def __str__(self) -> str:
        text = f"{self.variant}: {self.rounds} rounds, {self.audit}"
        for fault in self.faults[:5]:
            text += f"\n    log: {fault}"
        return text


async def run_rounds(
    site: Site,
    variant: Variant,
    rounds: int,
    *,
    rate: float = 120.0,
    progress: Callable[[Outcome, Load], None] = lambda outcome, load: None,
) -> Outcome:
    """Interrupt the bot `rounds` times under load, let it catch up, stop it and audit."""
    outcome = Outcome(variant.name)
    load = Load(site, rate)
    chance = site.random
    clock = asyncio.get_running_loop().time
    first = await site.spawn()
    await first.up()  # a bot does not answer what came before its first login
    with load.going_on():
        for _ in range(rounds):
            process = site.process
            assert process is not None
            # Sometimes it is interrupted while it starts, which takes about a second.
            if variant.how == "term" or chance.random() < 0.75:
                await process.up()
            await load.more(1 + int(chance.random() * chance.choice((0.3, 1, 2, 4)) * rate))
            if variant.how == "drop":
                site.sandbox.drop(site.bot.id)
            elif variant.how == "mix":
                outcome.kinds[await misbehave(site)] += 1
            else:
                began = clock()
                status = await site.end(signal.SIGTERM if variant.how == "term" else signal.SIGKILL)
                outcome.slowest_stop = max(outcome.slowest_stop, clock() - began)
                outcome.statuses[status] += 1
                if variant.between is not None:
                    await variant.between(site)
                await site.spawn()
            outcome.rounds += 1
            progress(outcome, load)
        if variant.how == "mix":
            # A lost push is noticed at the next update, or after a quarter of an hour.
            site.sandbox.faults.clear()
            site.sandbox.drop(site.bot.id)
        assert site.process is not None
        await site.process.up()
    await quiet(site, load.blocked_at)
    outcome.statuses[await site.end(signal.SIGTERM)] += 1
    # Where the difference comes late, or a hole is read, what was pushed after it is answered first.
    ordered = variant.how != "mix" and variant.name != "box"
    outcome.audit = audit_answers(site, load.blocked_at, ordered=ordered)
    audit_files(site, outcome.audit)
    audit_people(site, outcome.audit)
    outcome.faults = site.faults
    return outcome
