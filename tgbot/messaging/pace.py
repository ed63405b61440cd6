"""Turns for calls: how many a second may go out, over all chats and in each."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, Protocol

#: A loop's timer may fire this much early.
_EARLY = 0.002


class Timeline(Protocol):
    """Where time passes for the pace: an event loop is one, and so is a test's clock."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Any: ...


class Pace:
    """Gives each call its turn: so many a second over all chats, so many a second in one, short bursts pass.

    Turns in one chat come in the order asked for. A chat that has to wait takes no turn from the others.
    However many calls wait, one timer runs. Telegram's limits: about 30 a second, one a second in a private
    chat (FAQ for bots).
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
        self._sweep_above = 1024
        self._waiting: list[tuple[float, int, bool, asyncio.Future[None]]] = []
        self._count = 0
        self._timer: Any = None
        self._timer_at = 0.0

    async def turn(self, chat: int) -> None:
        """Returns when a call about `chat` may go out."""
        timeline = self._timeline = self._timeline or asyncio.get_running_loop()
        now = timeline.time()
        due, final = self._chat_due(chat, now), False
        if due <= now:
            due, final = self._overall_due(now), True
            if due <= now:
                return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, final, turn))
        self._arm(timeline)
        await turn

    def _chat_due(self, chat: int, now: float) -> float:
        chats = self._chats
        if len(chats) > self._sweep_above:
            for idle in [known for known, at in chats.items() if at <= now]:
                del chats[idle]
            self._sweep_above = max(1024, 2 * len(chats))
        at = max(chats.get(chat, now), now)
        chats[chat] = at + self._chat_gap
        return max(now, at - self._chat_slack)

    def _overall_due(self, now: float) -> float:
        at = max(self._next, now)
        self._next = at + self._gap
        return max(now, at - self._slack)

    def _arm(self, timeline: Timeline) -> None:
        due = self._waiting[0][0]
        if self._timer is not None:
            if self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        self._timer = timeline.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        timeline, waiting = self._timeline, self._waiting
        if timeline is None:
            return
        now = timeline.time() + _EARLY
        while waiting and waiting[0][0] <= now:
            _, count, final, turn = heapq.heappop(waiting)
            if turn.done():
                continue  # Whoever asked gave up: what was reserved overall stays with the others.
            if not final and (due := self._overall_due(now)) > now:
                heapq.heappush(waiting, (due, count, True, turn))
            else:
                turn.set_result(None)
        if waiting:
            self._arm(timeline)
