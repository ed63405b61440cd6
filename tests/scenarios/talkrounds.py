"""People go through a talk while the bot is killed; then what they heard is compared with what they chose."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.scenarios.crash import Site, until
from tgbot.sandbox.dialogs import Copy

#: A talk that notes what it does in a file, which a kill leaves as it is. If there is a file "die" with the
#: id of a user and the name of a point, the process ends itself there, once.
PLUGIN = """
import os
import random
import signal
from pathlib import Path

from tgbot.plugins.talks.given import Pressed
from tgbot.plugins.talks.opened import OpenTalks
from tgbot.plugins.talks.running import Running
from tgbot.plugins.talks.steps import Steps
from tgbot.plugins.talks.surroundings import Surroundings

HERE = Path(__file__).parent

def note(*words):
    with (HERE / "notes").open("a") as notes:
        notes.write(" ".join(map(str, words)) + chr(10))

def die(user, point):
    file = HERE / "die"
    if file.exists() and file.read_text() == f"{user} {point}":
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

send, keep, planned, carry = Surroundings.send, Steps.keep, OpenTalks.planned, Running.carry

async def send_and_die(self, chat_id, *given):
    die(chat_id, "before a send")
    sent = await send(self, chat_id, *given)
    die(chat_id, "after a send")
    return sent

def keep_and_die(self, step, **changes):
    kept = keep(self, step, **changes)
    user = self.kept.key[1:].partition(":")[0]
    die(user, f"after {step.kind} is {'done' if step.done else 'asked'}")
    return kept

def planned_and_die(self, place, at, **given):
    if given:
        die(place.user_id, "before a press is on disk")
    return planned(self, place, at, **given)

async def carry_and_die(self, event, given=None):
    if isinstance(given, Pressed):
        die(self.course.user_id, "after a press is on disk")
    return await carry(self, event, given)

Surroundings.send, Steps.keep, OpenTalks.planned, Running.carry = (
    send_and_die, keep_and_die, planned_and_die, carry_and_die
)

def register(client, *, talks):
    @talks.on(r"^/order$", name="order")
    async def order(talk):
        def quote():
            price = random.randrange(1_000_000)
            note("quote", talk.user_id, price)
            die(talk.user_id, "in once")
            return price

        size = await talk.choose("Which size?", ["S", "M", "L"], columns=3)
        street = await talk.ask("Where to?")
        price = await talk.once("price", quote)
        note("returned", talk.user_id, price)
        die(talk.user_id, "after once")
        sure = await talk.choose("Sure?", ["Yes", "No"])
        await talk.say(f"{size} to {street}: {price}, {sure}")
"""

SIZE, STREET, SURE = "Which size?", "Where to?", "Sure?"
#: After how many seconds somebody presses a button again.
AGAIN = 1.0


class Customer:
    """Somebody who orders, from inside the world, as people do: who hears nothing presses again."""

    def __init__(self, site: Site, number: int) -> None:
        chance = site.random
        self.size, self.sure = chance.choice("SML"), chance.choice(("Yes", "No"))
        self.street = f"{number} Baker Street"
        self.presses = 0
        self._site = site
        self._account = site.world.accounts[site.world.new_user(f"Customer {number}").id]
        self.id = int(self._account.id)
        #: The id of the last message that was answered by a text, or seen, and when it was pressed last.
        self._answered, self._pressed_at = 0, 0.0
        self.begun = False

    def begin(self) -> None:
        self.begun = True
        self._site.said(self.id, "/order")

    def heard(self) -> list[str]:
        """Return what the bot said, in order."""
        return [copy.post.text for copy in self._site.dialog(self.id) if copy.out]

    @property
    def through(self) -> bool:
        """Whether the bot has said the last words."""
        last = self._last()
        return last is not None and last.post.text not in (SIZE, STREET, SURE)

    def act(self, now: float) -> None:
        """Answer what the bot asks."""
        last = self._last()
        if last is None or last.post.text not in (SIZE, STREET, SURE):
            return
        if last.post.text == STREET:
            if self._answered != last.id:
                self._site.said(self.id, self.street)
        elif self._answered != last.id or now > self._pressed_at + AGAIN:
            self._press(last, self.size if last.post.text == SIZE else self.sure)
            self._pressed_at = now
        self._answered = last.id

    def _last(self) -> Copy | None:
        dialog = self._account.box.dialogs.get(self._site.bot.id)
        copies = (self._account.box.get(number) for number in reversed(dialog.ids if dialog else []))
        return next((copy for copy in copies if copy is not None and not copy.out), None)

    def _press(self, copy: Copy, label: str) -> None:
        for row in getattr(copy.post.markup, "rows", None) or []:
            for button in row.buttons:
                if button.text == label:
                    self.presses += 1
                    world = self._site.world
                    world.presses.press(self._account, copy, button.type.data, world.now() + 15.0)


@dataclass
class TalkResult:
    """The result of a run."""

    people: int = 0
    kills: int = 0
    presses: int = 0
    #: How often the function of `once` was called more than once, before it had returned.
    quoted_again: int = 0
    found: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not self.found and not self.faults

    def __str__(self) -> str:
        text = (
            f"talks: {self.people} people, {self.kills} kills, {self.presses} presses, "
            f"{self.quoted_again} quoted again, {len(self.found)} wrong"
        )
        return "\n    ".join([text, *self.found[:10], *(f"log: {fault}" for fault in self.faults[:5])])


def audit(site: Site, customers: Sequence[Customer], result: TalkResult) -> None:
    """Compare what each one heard with what they chose, and with what the talk noted."""
    quotes, returned = _notes(site, result)
    for one in customers:
        prices = set(returned[one.id])
        heard = one.heard()
        if len(prices) != 1:
            result.found.append(f"{one.id} was quoted {len(prices)} prices: {heard}")
            continue
        last = f"{one.size} to {one.street}: {prices.pop()}, {one.sure}"
        if heard != [SIZE, STREET, SURE, last]:
            result.found.append(f"{one.id} should have heard {last!r} in the end, and heard {heard}")
    result.people = len(customers)
    result.presses = sum(one.presses for one in customers)
    result.quoted_again = sum(count - 1 for count in quotes.values())


def _notes(site: Site, result: TalkResult) -> tuple[Counter[int], dict[int, list[str]]]:
    quotes: Counter[int] = Counter()
    returned: dict[int, list[str]] = defaultdict(list)
    for line in (site.directory / "notes").read_text().splitlines():
        what, user, price = line.split()
        if what == "returned":
            returned[int(user)].append(price)
            continue
        quotes[int(user)] += 1
        if int(user) in returned:
            result.found.append(f"{user} was quoted again after once had returned")
    return quotes, returned


@contextlib.contextmanager
def acting(customers: Sequence[Customer]) -> Iterator[None]:
    """Let people answer for as long as the block lasts."""

    async def act() -> None:
        clock = asyncio.get_running_loop().time
        while True:
            for one in customers:
                one.act(clock())
            await asyncio.sleep(0.02)

    task = asyncio.create_task(act())
    try:
        yield
    finally:
        task.cancel()
        if task.done() and not task.cancelled():
            task.result()


async def run_talks(
    site: Site,
    people: int,
    *,
    kills: int,
    at_most: int,
    progress: Callable[[TalkResult, int], object] = lambda result, through: None,
) -> TalkResult:
    """Let people order, some more after each of the first `kills` kills; go on killing until all are through.

    After `at_most` kills the bot runs on.
    """
    result = TalkResult()
    customers = [Customer(site, number) for number in range(people)]
    share = -(-people // kills)
    process = await site.spawn()
    await process.up()  # a bot does not answer what came before its first login
    with acting(customers):
        while result.kills < at_most and not all(one.through for one in customers):
            for one in customers[result.kills * share : (result.kills + 1) * share]:
                one.begin()
            if site.random.random() < 0.8:
                await process.up()
            await asyncio.sleep(site.random.uniform(0.1, 1.5))  # it is killed every second or so
            await site.end(signal.SIGKILL)
            result.kills += 1
            process = await site.spawn()
            progress(result, sum(one.through for one in customers))
        for one in customers[result.kills * share :]:
            one.begin()
        await process.up()
        with contextlib.suppress(TimeoutError):
            await until(
                lambda: all(one.through for one in customers),
                "all are through",
                30.0,
                progress=lambda: _done(customers),
            )
    await site.end(signal.SIGTERM)
    audit(site, customers, result)
    result.faults = site.faults
    return result


def _done(customers: Sequence[Customer]) -> int:
    return sum(len(one.heard()) for one in customers if one.begun)


#: The points at which the process ends itself.
POINTS: Final = (
    "before a send",
    "after a send",
    "after choose is asked",
    "before a press is on disk",
    "after a press is on disk",
    "after choose is done",
    "after ask is done",
    "in once",
    "after once is done",
    "after once",
    "after say is done",
)


async def run_points(site: Site, points: Sequence[str] = POINTS, *, others: int = 0) -> TalkResult:
    """Let somebody order for each point at which the process ends itself, all of them side by side.

    Before each of them so many others begin, whom the end of the process hits anywhere.
    """
    result = TalkResult()
    customers = [Customer(site, number) for number in range(len(points))]
    crowd = [Customer(site, len(points) + number) for number in range(others * len(points))]
    process = await site.spawn()
    await process.up()
    with acting([*customers, *crowd]):
        for number, (one, point) in enumerate(zip(customers, points, strict=True)):
            for other in crowd[number * others : (number + 1) * others]:
                other.begin()
            (site.directory / "die").write_text(f"{one.id} {point}")
            one.begin()
            await until(lambda: not _runs(site), f"it dies {point}")
            await site.end(signal.SIGKILL)
            result.kills += 1
            await site.spawn()
        await until(lambda: all(one.through for one in [*customers, *crowd]), "all are through")
    await site.end(signal.SIGTERM)
    audit(site, [*customers, *crowd], result)
    result.faults = site.faults
    return result


def _runs(site: Site) -> bool:
    return site.process is not None and site.process.running
