"""A storm: many people write to the bot while it is killed, and each of their messages is counted.

The text has {n}, a number that differs in each message. Before the storm one person writes it twice: that
shows how many messages answer one, and whether these hold the number. If they do, each answer is known by
its number; if not, the answers are counted in each chat.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..accounts import Account
from ..dialogs import Copy
from ..world import World
from .tabs import DeedError, text

#: Between two numbers of a storm, so that an answer with a sum has the number of no other message.
STEP: Final = 10
FIRST: Final = 1010
#: How long the bot may take to answer all, in seconds.
PATIENCE: Final = 120.0
#: How often one person writes, in seconds.
EACH: Final = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """What a storm does."""

    text: str
    people: int
    seconds: float
    kills: int

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Plan:
        """Read what a tab has sent; raise DeedError."""
        plan = cls(
            text(asked, "text", "{n} + 1"),
            _whole(asked, "people", 5, 1, 100),
            float(_whole(asked, "seconds", 5, 1, 300)),
            _whole(asked, "kills", 3, 0, 100),
        )
        if "{n}" not in plan.text:
            raise DeedError("the text of a storm has a place for a number: {n}")
        return plan


def _whole(asked: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = asked.get(name, default)
    if not isinstance(value, int) or not least <= value <= most:
        raise DeedError(f"{name} must be a whole number from {least} to {most}")
    return value


class Storm:
    """One storm on one bot. `write` has a person send a text, `settled` says whether the bot is idle."""

    def __init__(
        self,
        world: World,
        bot: int,
        plan: Plan,
        *,
        write: Callable[[int, str], Awaitable[object]],
        kill: Callable[[], Awaitable[object]] | None,
        settled: Callable[[], Awaitable[bool]],
        told: Callable[[Mapping[str, object]], object],
        chance: random.Random,
    ) -> None:
        self._world = world
        self._bot = bot
        self._plan = plan
        self._write = write
        self._kill = kill
        self._settled = settled
        self._told = told
        self._random = chance
        self._number = FIRST
        #: Who was asked what: person and number.
        self._asked: list[tuple[int, int]] = []
        self._killed = 0

    async def run(self) -> dict[str, object]:
        """Carry it out, and return what was counted."""
        people = [self._person(index) for index in range(self._plan.people)]
        for person in people:
            await self._say(person)
        await self._quiet()
        tries = [await self._try(people[0]) for _ in range(2)]
        each = len(tries[-1][1])
        if not each or len(tries[0][1]) != each:
            raise DeedError(
                f"the bot does not answer “{self._plan.text}” in the same way each time:"
                " choose a text that it does"
            )
        named = all(_holds(copy.post.text, number) for number, copies in tries for copy in copies)
        start = {person.id: len(self._answers(person)) for person in people}
        self._asked.clear()
        await asyncio.gather(*(self._chat(person) for person in people), self._kills())
        self._tell("the bot answers what is left")
        await self._quiet()
        return self._counted(people, start, each, named=named)

    def _counted(
        self, people: Sequence[Account], start: Mapping[int, int], each: int, *, named: bool
    ) -> dict[str, object]:
        lost = twice = answers = 0
        for person in people:
            said = self._answers(person)[start[person.id] :]
            answers += len(said)
            numbers = [number for whom, number in self._asked if whom == person.id]
            if named:
                held: Counter[int] = Counter()
                for copy in said:
                    held.update(number for number in numbers if _holds(copy.post.text, number))
                lost += sum(held[number] < each for number in numbers)
                twice += sum(held[number] > each for number in numbers)
            else:
                over = len(said) - each * len(numbers)
                lost, twice = lost + max(0, -over), twice + max(0, over)
        return {
            "asked": len(self._asked),
            "answers": answers,
            "each": each,
            "named": named,
            "killed": self._killed,
            "lost": lost,
            "twice": twice,
        }

    async def _chat(self, person: Account) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + self._plan.seconds
        while clock() < end:
            await self._say(person)
            self._tell("people write")
            await asyncio.sleep(self._random.uniform(0.2, 1.8) * EACH)

    async def _kills(self) -> None:
        if self._kill is None:
            return
        for _ in range(self._plan.kills):
            await asyncio.sleep(self._random.uniform(0.3, 1.0) * self._plan.seconds / (self._plan.kills + 1))
            await self._kill()
            self._killed += 1

    async def _try(self, person: Account) -> tuple[int, list[Copy]]:
        """Have a person write once; return the number, and what the bot answered."""
        before = len(self._answers(person))
        number = await self._say(person)
        await self._quiet()
        return number, self._answers(person)[before:]

    async def _say(self, person: Account) -> int:
        self._number += STEP
        number = self._number
        self._asked.append((person.id, number))
        await self._write(person.id, self._plan.text.replace("{n}", str(number)))
        return number

    async def _quiet(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._settled():  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise DeedError(f"the bot was not idle within {PATIENCE:.0f} s") from None

    def _answers(self, person: Account) -> list[Copy]:
        """Return all messages of the bot to a person, also those that it has deleted from its own side."""
        copies = (person.box.get(number) for number in person.box.history(self._bot))
        return [copy for copy in copies if copy is not None and not copy.out and copy.post.action is None]

    def _person(self, index: int) -> Account:
        """Return one of the people of storms, who are there from the first storm on."""
        name = f"storm_{index + 1}_sandbox"
        known = self._world.accounts.holder(name)
        if known is not None:
            return self._world.accounts[known]
        return self._world.new_user(f"Storm {index + 1}", username=name)

    def _tell(self, what: str) -> None:
        self._told({"running": True, "what": what, "asked": len(self._asked), "killed": self._killed})


def _holds(text: str, number: int) -> bool:
    """Return whether a text has this number, and not as a part of a longer one."""
    return re.search(rf"(?<!\d){number}(?!\d)", text) is not None
