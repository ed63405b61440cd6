"""Turns for calls: how many a second may go out, over all chats and in each."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from tgbot.telegram.updates.job import waiting

#: Seconds by which the timer of an event loop may fire early.
_EARLY: Final = 0.002
#: Chats remembered before those that may go at once are forgotten.
_CHATS_KEPT: Final = 1024


class Timeline(Protocol):
    """A clock with timers, as an event loop is one."""

    def time(self) -> float:
        """Return the seconds since any fixed moment."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        """Call back once when `time` has reached this moment, or a little earlier."""


class Pace:
    """Give each call its turn: at most so many per second overall and per chat, with short bursts.

    Turns in one chat come in the order of the calls. A chat that has to wait takes no turn from the others.
    One timer runs, no matter how many calls wait, and a handler that waits lends its worker to another.
    Telegram's limits: about 30 per second over all, one per second in a private chat (Telegram's FAQ for
    bots).
    """

    def __init__(
        self,
        *,
        overall: float = 30.0,
        per_chat: float = 1.0,
        overall_burst: int = 30,
        chat_burst: int = 3,
        timeline: Timeline | None = None,
    ) -> None:
        self._gap, self._slack = 1 / overall, (overall_burst - 1) / overall
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

    async def turn(self, chat: int) -> None:
        """Return when a call about `chat`, a marked id, may go out."""
        timeline = self._timeline
        if timeline is None:
            timeline = self._timeline = asyncio.get_running_loop()
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
        now = timeline.time() + _EARLY
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
