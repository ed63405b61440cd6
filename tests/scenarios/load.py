"""Many people who write to a bot: new ones and known ones. Some of them block it and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tests.scenarios.crash import PATIENCE, Ground, Person
from tests.scenarios.planted import NAME, TEXT


class Load:
    """People who write, new ones and known ones; some of them block the bot and come back.

    They write `rate` messages per second. All random choices come from the site's generator.
    """

    #: The first word of a text tells the plugin what to do.
    WORDS = ("say", "say", "say", "slow", "twice", "reply")

    def __init__(self, site: Ground, rate: float = 120.0) -> None:
        self.site = site
        self.rate = rate
        self.sent = 0
        self.blocks = 0
        #: For each user: the highest message id that the bot had when they last blocked it.
        self.blocked_at: dict[int, int] = {}
        self._known: list[int] = []
        self._blocked: list[int] = []
        self._ticked = asyncio.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Let people write for as long as the block lasts."""
        tasks = [asyncio.create_task(self._go_on())]
        tasks += [asyncio.create_task(self._talk(person)) for person in self.site.people]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()

    async def more(self, count: int) -> None:
        """Return when `count` more messages have been written."""
        target = self.sent + count
        while self.sent < target:
            self._ticked.clear()
            async with asyncio.timeout(PATIENCE):
                await self._ticked.wait()

    async def _go_on(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            before = self.sent
            self.step()
            self._ticked.set()
            due = max(due + max(1, self.sent - before) / self.rate, clock() - 1.0)
            await asyncio.sleep(max(0.0, due - clock()))

    async def _talk(self, person: Person) -> None:
        await person.say("/start")
        number = 0
        while True:
            number += 1
            self.sent += 1
            await person.say(self._text(f"wire {number}"))
            await asyncio.sleep(0.3)

    def step(self) -> None:
        """Let somebody do something; usually they write."""
        chance = self.site.random
        what = chance.random()
        if what < 0.25 or len(self._known) < 10:
            self._meet()
        elif what < 0.30:
            user_id = chance.choice(self._known)
            if chance.random() < 0.5:
                self.say(user_id)  # the answer may be on its way when they block the bot
            self.block(user_id)
        elif what < 0.35 and self._blocked:
            # Half of the unblocks are by users who blocked the bot a moment ago.
            self.unblock(chance.choice(self._blocked[-2:] if chance.random() < 0.5 else self._blocked))
        else:
            recent = chance.random() < 0.5
            user_id = chance.choice(self._known[-50:]) if recent else chance.choice(self._known)
            # Sometimes three at once: the later ones wait for the first.
            for _ in range(chance.choice((1, 1, 1, 1, 3))):
                self.say(user_id)

    def say(self, user_id: int) -> None:
        chance = self.site.random
        self.sent += 1
        text = "/start" if chance.random() < 0.15 else self._text(str(self.sent))
        self.site.said(user_id, text)

    def block(self, user_id: int) -> None:
        self._known.remove(user_id)
        self._blocked.append(user_id)
        self.blocks += 1
        self.blocked_at[user_id] = len(self.site.account.box)
        self.site.world.block(user_id, self.site.bot.id)

    def unblock(self, user_id: int) -> None:
        self._blocked.remove(user_id)
        self._known.append(user_id)
        self.site.world.block(user_id, self.site.bot.id, blocked=False)
        if self.site.random.random() < 0.7:  # the others only unblock: only an update shows it
            self.say(user_id)

    def _meet(self) -> None:
        user = self.site.world.new_user(f"{NAME} {len(self._known) + len(self._blocked)}")
        self._known.append(user.id)
        self.sent += 1
        first = "/start" if self.site.random.random() < 0.8 else self._text(str(self.sent))
        self.site.said(user.id, first)

    def _text(self, number: str) -> str:
        chance = self.site.random
        # Sometimes the same text again: only their order distinguishes the answers.
        if chance.random() < 0.1:
            return f"say {TEXT} the same"
        return f"{chance.choice(self.WORDS)} {TEXT} {number}"
