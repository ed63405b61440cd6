"""A broadcast under kills, cut links, flood waits and faults, and then an edit and a deletion of it.

The bot is `tgbot run`, and `tgbot broadcast` makes the broadcast. People block the bot and return meanwhile.
"""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Final

from tests.scenarios.crash import Process, Site, until
from tests.scenarios.planted import TEXT
from tests.scenarios.receipts import Receipts, Result
from tgbot.core.access import Access
from tgbot.core.broadcasts import Action, Broadcast, State
from tgbot.core.errors import TgbotError
from tgbot.operate.control import ask
from tgbot.sandbox.faults import Damage
from tgbot.store.sqlite.userfile import open_broadcasts, open_readonly

SEND: Final = "messages.sendMessage"
EDIT: Final = "messages.editMessage"
DELETE: Final = "messages.deleteMessages"
NEWS: Final = f"{TEXT} news"
BETTER: Final = f"{TEXT} better news"
#: `[bot]` keys of the site: the greatest pace, and nobody is answered.
SETTINGS: Final[dict[str, Any]] = {"pace": 1000.0, "handlers": ["allowed"]}
#: Waits between the attempts of a delivery that are shorter, so that they are seen; and an operator's words.
PLUGIN: Final = """
from telethon import events
from tgbot.core.errors import TgbotError
from tgbot.messaging.broadcast import attempts
from tgbot.messaging.broadcast.drafts import text_content

attempts.PAUSES = (0.5,) * 4

def register(client, broadcasts):
    async def correct(event):
        word, number, text = event.raw_text.split(" ", 2)
        try:
            if word == "edit":
                await broadcasts.edit(int(number), {"": text_content(text)})
            else:
                await broadcasts.delete(int(number))
        except TgbotError:
            pass  # after a kill the message comes again
        raise events.StopPropagation

    client.add_event_handler(correct, events.NewMessage(incoming=True, pattern="(edit|delete) "))
"""
#: Parts of the people: who has blocked the bot, without that the bot has heard of it; whose account is gone.
BLOCKED, UNHEARD, DELETED = 0.025, 0.025, 0.01
#: What part of the people blocks the bot, or comes back, while the broadcast runs.
MEANWHILE: Final = 0.02
#: How many starts of the broadcast are cut short, and after how many seconds at most: the recipients are
#: written meanwhile.
STARTS, FREEZE = 3, 0.15
#: How many seconds old may be what is known of the broadcast on disk.
GLANCE: Final = 0.1


class Mailing:
    """One broadcast to many people, and what happens while it runs."""

    def __init__(self, site: Site, people: int, *, kills: int, progress: Callable[[Result], None]) -> None:
        self.site = site
        self.world = site.world
        self.people = people
        self.kills = kills
        self.progress = progress
        self.result = Result()
        self.operator = int(site.world.new_user("Operator").id)
        self.receipts = Receipts(site, NEWS, self.operator)
        self.number = 0
        #: How many messages in the bot's dialogs are none of the broadcast.
        self._others = 0
        self._known: tuple[float, Broadcast | None] = (0.0, None)
        self._measures: set[asyncio.Task[None]] = set()

    # ---- before ----------------------------------------------------------------------------------

    async def meet(self) -> None:
        """Have everybody start the bot; some block it then, and some accounts are deleted."""
        site, world, receipts, chance = self.site, self.world, self.receipts, self.site.random
        met: list[int] = []
        while len(met) < self.people:
            met += [one.id for one in world.crowd(site.bot.id, min(100, self.people - len(met)))]
            await asyncio.sleep(0)
        site.said(self.operator, "/start")
        await self._stored(None, self.people + 1)
        some = max(2, round(self.people * BLOCKED))
        odd = chance.sample(met, 3 * some)
        blocked, unheard, deleted = odd[::3], odd[1::3], odd[2::3][: max(2, round(self.people * DELETED))]
        for person in blocked:
            world.block(person, site.bot.id)
        await self._stored(Access.BLOCKED, len(blocked))
        for person in unheard:
            world.accounts[person].blocked |= {site.bot.id}
        for person in deleted:
            world.delete_account(person)
        receipts.blocked, receipts.deleted = set(unheard), set(deleted)
        receipts.audience = sorted({*met, self.operator} - {*blocked})

    async def _stored(self, access: Access | None, count: int) -> None:
        """Return once so many users, with this access if one is given, are on disk."""

        def stored() -> int:
            if not self.site.registry.exists():
                return 0
            registry = open_readonly(self.site.registry)
            try:
                counts = registry.count()
            finally:
                registry.close()
            return counts.total if access is None else counts.by.get(access, 0)

        await until(lambda: stored() >= count, "everybody is on disk", progress=stored)

    async def begin(self) -> None:
        """Make and test the broadcast, and start it; kill the bot after the test, and during the start."""
        self.number = (await self.ask("create", "--text", NEWS))["id"]
        await self.ask("test", str(self.number), "--to", str(self.operator))
        await self.kill()
        for _ in range(STARTS):
            if self.state() is not State.DRAFT:
                break
            await self._up()
            starting = asyncio.create_task(asyncio.to_thread(self._start))
            await asyncio.sleep(self.site.random.uniform(0.0, FREEZE))
            await self.kill()
            await starting
        if self.state() is State.DRAFT:
            await self.ask("start", str(self.number), "--yes")
        self._others = len(self.site.account.box) - self.receipts.count()

    def _start(self) -> None:
        """Ask the bot to start the broadcast; it may be killed before it answers."""
        with suppress(TgbotError, OSError):
            ask(self.site.session.with_suffix(".control"), "broadcast.start", {"id": self.number})

    # ---- the broadcast ---------------------------------------------------------------------------

    async def deliver(self) -> None:
        """Kill the bot at random places, the last time among the last recipients; pause it once."""
        chance, size, kills = self.site.random, len(self.receipts.audience), self.kills
        last = min(900, size // 8)  # within the last chunk
        for number in range(kills):
            await self._up()
            self.trouble()
            if number == kills - 1:
                place = size - chance.uniform(0.2, 0.9) * last
            else:
                place = (number + chance.random()) * (size - last) / max(1, kills - 1)
            await until(
                lambda: self.delivered() >= place or self.is_done(),  # noqa: B023 - awaited here
                "the broadcast goes on",
                progress=self.delivered,
            )
            if number == (kills - 1) // 2:
                await self.pause()
            self.quarrel()
            await self.kill(quarrel=True)
            if chance.random() < 0.25:  # once more, while it starts
                await asyncio.sleep(chance.uniform(0.0, 2.0))
                await self.kill(quarrel=True)
        await self.ends()

    async def pause(self) -> None:
        """Pause the broadcast and kill the bot: it stays paused until it is resumed."""
        if not await self.ask("pause", str(self.number), may_fail=True):
            return  # it was done
        self.result.kinds["pause"] += 1
        had = self.receipts.count()
        await self.kill()
        status = await self.ask("status", str(self.number))
        if status["state"] != "paused" or self.receipts.count() != had:
            self.result.note("not paused", f"{status['state']}, {self.receipts.count() - had} more got it")
        await self.ask("resume", str(self.number), may_fail=True)

    async def correct(self, action: Action, *, kills: int, text: str = "") -> None:
        """Have what was delivered edited or deleted, and kill the bot meanwhile."""
        method, each = (EDIT, 1.0) if action is Action.EDIT else (DELETE, 0.01)
        calls, before = self.site.sandbox.calls, self.site.sandbox.calls[method]
        await self._up()
        self.site.said(self.operator, f"{action} {self.number} {text}")
        for number in range(kills):
            place = (
                before + (number + self.site.random.random()) / kills * each * self.result.outcomes["sent"]
            )
            await until(
                lambda: calls[method] >= place or self.is_done(action),  # noqa: B023 - awaited here
                f"it goes on to {action}",
                progress=lambda: calls[method],
            )
            await self.kill()
        await self.ends(action)

    # ---- what happens meanwhile --------------------------------------------------------------------

    def trouble(self) -> None:
        """Make two things go wrong."""
        faults, bot, chance = self.site.sandbox.faults, self.site.bot.id, self.site.random
        some = chance.randrange(1, 8)
        kinds: dict[str, Callable[[], object]] = {
            "link cut": lambda: faults.drop(bot),
            "flood wait": lambda: faults.fail(SEND, 420, "FLOOD_WAIT_1", seconds=0.5),
            "500": lambda: faults.fail(SEND, 500, "INTERNAL", times=some),
            "500, but sent": lambda: faults.fail(SEND, 500, "INTERNAL", times=some, after=True),
            "no answer": lambda: faults.lose_answer(SEND),
            "unreadable answers": lambda: faults.garble_answers(SEND, chance.choice(list(Damage)), times=3),
            "late answers": lambda: faults.delay(0.2, SEND),
        }
        for name in chance.sample(list(kinds), 2):
            kinds[name]()
            self.result.kinds[name] += 1

    def quarrel(self) -> None:
        """Have some block the bot or come back: mostly those who had their turn just now or have it next."""
        chance, audience, front = self.site.random, self.receipts.audience, self.delivered()
        some = max(2, round(len(audience) * MEANWHILE / (2 * self.kills)))
        for _ in range(some):
            near = front + round(chance.gauss(-some, 2 * some))
            index = near if chance.random() < 0.8 else chance.randrange(len(audience))
            person = audience[min(len(audience) - 1, max(0, index))]
            if person == self.operator or person in self.receipts.blocked | self.receipts.deleted:
                continue
            blocks = self.site.bot.id not in self.world.accounts[person].blocked
            self.world.block(person, self.site.bot.id, blocked=blocks)
            self.receipts.quarrelled.add(person)
            self.result.kinds["block" if blocks else "return"] += 1

    async def kill(self, *, quarrel: bool = False) -> None:
        """Kill the bot and start it again; measure how soon it goes on once it is ready.

        With `quarrel` some block it or come back meanwhile: only the difference tells the bot.
        """
        self.result.statuses[await self.site.end(signal.SIGKILL)] += 1
        self.result.kills += 1
        self.site.sandbox.faults.clear()
        if quarrel:
            self.quarrel()
        self.progress(self.result)
        goes_on = self.state() is State.RUNNING
        process = await self.site.spawn()
        if goes_on:
            measure = asyncio.create_task(self._measure(process))
            self._measures.add(measure)
            measure.add_done_callback(self._measures.discard)

    async def _measure(self, process: Process) -> None:
        calls, clock = self.site.sandbox.calls, asyncio.get_running_loop().time
        methods = (SEND, EDIT, DELETE)
        before = sum(calls[method] for method in methods)
        await process.ready.wait()
        ready = clock()
        while process.running and clock() - ready < 30:
            if sum(calls[method] for method in methods) > before:
                self.result.resumed.append(clock() - ready)
                return
            await asyncio.sleep(0.005)

    # ---- what is known -----------------------------------------------------------------------------

    def delivered(self) -> int:
        """Return how many have it."""
        return len(self.site.account.box) - self._others

    def stored(self) -> Broadcast | None:
        """Return the broadcast as it is on disk, or was a moment ago."""
        now = asyncio.get_running_loop().time()
        if now - self._known[0] > GLANCE:
            with open_broadcasts(self.site.registry) as broadcasts:
                self._known = now, broadcasts.get(self.number)
        return self._known[1]

    def state(self) -> State | None:
        self._known = (0.0, None)
        stored = self.stored()
        return None if stored is None else stored.state

    def is_done(self, action: Action = Action.SEND) -> bool:
        stored = self.stored()
        return stored is not None and stored.state is State.DONE and stored.action is action

    async def ends(self, action: Action = Action.SEND) -> None:
        """Return once it is done."""
        calls = self.site.sandbox.calls
        await until(lambda: self.is_done(action), "it ends", progress=lambda: calls[SEND] + calls[EDIT])

    async def _up(self) -> None:
        assert self.site.process is not None
        await self.site.process.up()

    async def ask(self, *words: str, may_fail: bool = False) -> dict[str, Any]:
        """Return what `tgbot broadcast` says; with `may_fail` it may fail, and nothing is returned."""
        if not may_fail:
            await self._up()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tgbot.cli", "--config", str(self.site.directory / "config.toml")),
            *("broadcast", *words, "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
        if process.returncode:
            if may_fail:
                return {}
            raise RuntimeError(f"tgbot broadcast {words[0]}: {complaint.decode()}")
        found = json.loads(said.splitlines()[-1])
        assert isinstance(found, dict)
        return found

    async def report(self) -> list[dict[str, str]]:
        """Return the rows of the report."""
        path = self.site.directory / "report.csv"
        await self.ask("report", str(self.number), "--csv", str(path))
        with path.open(newline="") as file:
            return list(csv.DictReader(file))


async def run_broadcast(
    site: Site,
    people: int,
    *,
    kills: int,
    corrections: int,
    progress: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Send a broadcast with so many kills, then edit it and delete it with some kills each; compare all.

    The site needs `PLUGIN` and `SETTINGS`.
    """
    await (await site.spawn()).up()
    mailing = Mailing(site, people, kills=kills, progress=progress)
    result, receipts = mailing.result, mailing.receipts
    await mailing.meet()
    await mailing.begin()
    await mailing.deliver()
    receipts.compare(await mailing.report(), result)
    if corrections:
        await mailing.correct(Action.EDIT, kills=corrections, text=BETTER)
        receipts.compare_edits(await mailing.report(), BETTER, result)
        await mailing.correct(Action.DELETE, kills=corrections)
        receipts.compare_deletions(await mailing.report(), result)
    result.statuses[await site.end(signal.SIGTERM)] += 1
    with closing(open_readonly(site.registry)) as registry:
        receipts.compare_access(registry.get, result)
    result.faults = site.faults
    return result
