"""People who write `/start` to a bot, directly in the sandbox's world, and wait for the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import islice

from tgbot.sandbox.world import World


class Load:
    """Send `/start` to a bot and time the answers, until `close`.

    `times` has the seconds from each message, once it is in the bot's log, to the arrival of its answer.
    An answer that does not come within `patience` seconds raises TimeoutError.
    """

    def __init__(self, world: World, bot_id: int, patience: float = 60.0) -> None:
        self._world = world
        self._bot_id = bot_id
        self._patience = patience
        self._sent_at: dict[int, float] = {}
        self._answered = asyncio.Event()
        self.times: list[float] = []
        #: How many messages came that answer nothing, such as a second answer.
        self.unasked = 0
        self._end = world.subscribe(self._changed)

    def close(self) -> None:
        self._end()

    def meet(self, number: int) -> list[int]:
        """Return the ids of so many new people, who have not written yet."""
        return [self._world.new_user("Ann", "Lee").id for _ in range(number)]

    async def saturate(self, people: Sequence[int], window: int) -> None:
        """Let each of them write once, at most `window` messages unanswered, and wait for all answers."""
        step, waiting = max(window // 10, 1), iter(people)
        while some := list(islice(waiting, step)):
            for each in some:
                self._send(each)
            await self._until(window - step)
        await self._until(0)

    async def pace(self, people: Sequence[int], rate: float) -> None:
        """Let each of them write once, so many a second, and wait for all answers."""
        began = time.monotonic()
        for number, each in enumerate(people):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            self._send(each)
        await self._until(0)

    def _send(self, user: int) -> None:
        self._world.send_as(user, self._bot_id, "/start")
        self._sent_at[user] = time.monotonic()

    def _changed(self, account: int) -> None:
        log = self._world.accounts[account].log
        message = log.above(log.pts - 1, log.qts)[-1].message
        if account == self._bot_id or message is None or message.post.sender != self._bot_id:
            return
        sent = self._sent_at.pop(account, None)
        if sent is None:
            self.unasked += 1
            return
        self.times.append(time.monotonic() - sent)
        self._answered.set()

    async def _until(self, unanswered: int) -> None:
        while len(self._sent_at) > unanswered:
            self._answered.clear()
            async with asyncio.timeout(self._patience):
                await self._answered.wait()
