"""Turns for calls: how many a second may go out, over all chats and in each."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from functools import partial
from typing import Final

from tgbot.messaging.leftover import EARLY, Leftover, Timeline
from tgbot.telegram.updates.job import waiting

#: Chats remembered before those that may go at once are forgotten.
_CHATS_KEPT: Final = 1024


class Pace:
    """Give each call its turn: at most so many per second overall and per chat, with short bursts.

    Turns in one chat come in the order of the calls. A chat that has to wait takes no turn from the others.
    One timer runs, no matter how many calls wait, and a handler that waits lends its worker to another.
    Telegram's limits: about 30 per second over all, one per second in a private chat (Telegram's FAQ for
    bots).

    Broadcasts take their turns from `leftover`: what all sends of the bot, which `sends` counts, leave of the
    overall pace. Answers to people never wait. `probes` has the turns of calls to many people that send
    nothing, such as chat actions: Telegram limits those for each chat, and far above one call, so they are as
    many a second as messages may be, and take nothing from them.
    """

    def __init__(
        self,
        *,
        overall: float = 30.0,
        per_chat: float = 1.0,
        overall_burst: int | None = None,
        chat_burst: int = 3,
        sends: Callable[[], int] = lambda: 0,
        timeline: Timeline | None = None,
    ) -> None:
        burst = max(1.0, overall) if overall_burst is None else overall_burst
        self._gap, self._slack = 1 / overall, (burst - 1) / overall
        self._chat_gap, self._chat_slack = 1 / per_chat, (chat_burst - 1) / per_chat
        self._timeline = timeline
        self._next = 0.0
        self._chats: dict[int, float] = {}
        self._sweep_above = _CHATS_KEPT
        self._waiting: list[tuple[float, int, bool, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        #: The timer, and when it fires: that of a moment which has passed cannot be asked in every loop.
        self._timer: asyncio.TimerHandle | None = None
        self._fires = 0.0
        self.leftover = Leftover(overall, sends=sends, timeline=timeline)
        self.probes = Leftover(overall, timeline=timeline)

    def at_once(self, chat: int) -> bool:
        """Take a turn if a call about `chat` may go out now; else return False: `turn` is to be asked."""
        timeline = self._timeline
        if timeline is None:
            timeline = self._timeline = asyncio.get_running_loop()
        now, chats = timeline.time(), self._chats
        if self._next <= now and len(chats) <= self._sweep_above and chats.get(chat, now) <= now:
            self._next, chats[chat] = now + self._gap, now + self._chat_gap
            return True
        return False

    async def turn(self, chat: int) -> None:
        """Return when a call about `chat`, a marked id, may go out."""
        if self.at_once(chat):
            return  # what follows, where nobody waits
        assert self._timeline is not None
        timeline = self._timeline
        now = timeline.time()
        due, final = self._chat_due(chat, now), False
        if due <= now:
            due, final = self._overall_due(now), True
            if due <= now:
                return  # nearly always
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due, next(self._numbers), final, turn))
        self._arm(timeline)
        async with waiting():
            await turn

    def _chat_due(self, chat: int, now: float) -> float:
        chats = self._chats
        if len(chats) > self._sweep_above:
            chats = self._chats = {known: at for known, at in chats.items() if at > now}
            self._sweep_above = max(_CHATS_KEPT, 2 * len(chats))
        at = chats.get(chat, now)
        if at <= now:
            chats[chat] = now + self._chat_gap
            return now
        chats[chat] = at + self._chat_gap
        return max(now, at - self._chat_slack)

    def _overall_due(self, now: float) -> float:
        at = self._next
        if at <= now:
            self._next = now + self._gap
            return now
        self._next = at + self._gap
        return max(now, at - self._slack)

    def _arm(self, timeline: Timeline) -> None:
        due = self._waiting[0][0]
        if self._timer is not None:
            if self._fires <= due:
                return
            self._timer.cancel()
        self._fires = due
        self._timer = timeline.call_at(due, partial(self._wake, timeline))

    def _wake(self, timeline: Timeline) -> None:
        self._timer = None
        waiting = self._waiting
        now = timeline.time() + EARLY
        while waiting and waiting[0][0] <= now:
            _, count, final, turn = heapq.heappop(waiting)
            if turn.done():
                continue  # The caller gave up, so its turn goes to the others.
            if not final and (due := self._overall_due(now)) > now:
                heapq.heappush(waiting, (due, count, True, turn))
            else:
                turn.set_result(None)
        if waiting:
            self._arm(timeline)
