"""How updates arrive: live ones and differences, in the order of Telegram's log, each taken once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from telethon.errors import AuthKeyNotFound
from telethon.tl import types

from tgbot.core.clock import ServerClock
from tgbot.core.places import places
from tgbot.store.base import UpdateState
from tgbot.telegram.hooks import Listener
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.channels import ChannelDifferences
from tgbot.telegram.updates.differences import AccountDifferences
from tgbot.telegram.updates.guard import keep
from tgbot.telegram.updates.log import Log
from tgbot.telegram.updates.missed import Missed
from tgbot.telegram.updates.place import channels_of, pts_before, updates_in
from tgbot.telegram.updates.portions import Portion
from tgbot.telegram.updates.requests import LoginOverError, Requests

logger = logging.getLogger(__name__)

#: The type of all updates, as Telethon numbers it; a short container is one itself, and of another type.
_UPDATE = types.UpdateNewMessage.SUBCLASS_OF_ID
#: How many updates may wait for a worker. Beyond it new ones are left at Telegram, and a difference fetches
#: them when only half as many wait. High enough that 10,000 messages of one person do not delay the others.
WAITING_LIMIT = 25_000
#: How many containers are kept before the start.
HELD_LIMIT = 10_000
#: By how many seconds a timer may be late before the process counts as busy, and how long it is waited then.
BUSY_SECONDS, LONGEST_LATE = 0.1, 1.0
#: How often it is looked, while there is a hole and no link, whether there is one again, in seconds.
DOWN_SECONDS = 0.2
#: How often it is looked whether a sequence had no update for too long, in seconds.
SWEEP_SECONDS = 60.0


class Intake:
    """Take what Telegram sends and hand it to `batches`, with the state before it in flight.

    Stands in for Telethon's queue of updates: `put_nowait` is called for every container as it is read from
    the socket, and works on it at once, whatever the differences do. `run` fetches the differences, the
    account's and the channels' side by side, and hands out what was held behind a hole for long enough.
    `renew` makes a fresh link, `is_up` says whether there is one; `access_hash` returns the access hash of a
    channel, None for an unknown one.
    """

    def __init__(
        self,
        batches: Batches,
        *,
        requests: Requests,
        server_time: ServerClock,
        listener: Listener,
        access_hash: Callable[[int], int | None],
        renew: Callable[[str], None],
        is_up: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        missed: Missed | None = None,
    ) -> None:
        self.log = Log(server_time)
        self.batches = batches
        #: How often updates were lost since the start, by the reason.
        self.losses: Counter[str] = Counter()
        #: Whether updates are taken now.
        self.taking = False
        #: When updates were last known to reach the bot, by `clock`.
        self.proved_at = clock()
        self._clock = clock
        self._is_up = is_up
        self._server_time = server_time
        self._listener = listener
        self._account = AccountDifferences(
            self.log, requests, self, server_time=server_time, renew=renew, clock=clock, missed=missed
        )
        self._channels = ChannelDifferences(self.log, requests, self, access_hash=access_hash, clock=clock)
        self._overflowing = False
        self._strange = 0
        #: The date of the last container that told Telegram's time.
        self._noted: datetime | None = None
        #: The pts and qts that Telegram named last when it was asked for its state.
        self._told = (0, 0)
        #: Containers that arrived before the start, or after the stop.
        self._held: deque[types.TypeUpdates] = deque()
        #: Set when the account's difference is to be requested.
        self._due = asyncio.Event()
        #: Set when there is something to do in a hole before `_minding_until`.
        self._hole = asyncio.Event()
        self._minding_until = float("inf")
        #: Set when the loops are to be started again.
        self._again = asyncio.Event()

    # ---- what is taken -------------------------------------------------------------------------

    @property
    def settled(self) -> bool:
        """Whether every difference was fetched and taken, and nothing is missing."""
        return self._channels.settled and not (
            self.log.due or self.log.account.asking or self.log.holes or self._held or self._overflowing
        )

    @property
    def catching_up(self) -> bool:
        """Whether a difference is due or under way: older updates may come after newer ones."""
        return self.log.due or self.log.account.asking or not self._channels.settled

    @property
    def overflowing(self) -> bool:
        """Whether new updates are left at Telegram until there is room for them."""
        return self._overflowing

    def load(self, state: UpdateState, *, replayed: bool = False) -> None:
        """Start from a state.

        `replayed` says that an earlier run may have handled what the first differences bring.
        """
        self.log.load(state, self._clock(), replayed=replayed)

    def pts_before_held(self) -> int | None:
        """Return the account's pts before everything that arrived since the login, None if nothing did."""
        return pts_before([update for container in self._held for update in updates_in(container)])

    def start(self) -> None:
        """Take updates from now on, first all since the loaded state."""
        self.taking = True
        self.begin_difference()
        for _ in range(len(self._held)):
            self.put_nowait(self._held.popleft())
        self._look()

    def stop(self) -> None:
        """Take nothing more. What Telegram sends from now on is fetched after the next start."""
        self.taking = False

    def begin_difference(self) -> None:
        """Request everything since the state as taken, for example after a reconnection."""
        if self.taking and not self.log.is_empty():
            self.log.begin_difference()
            self._account.nudge()
            self._due.set()

    def link_made(self) -> None:
        """Request everything since the state as taken, over a link that was made just now."""
        for numbers in self.log.holes:
            numbers.moved = self._clock()  # what is missing could not come before
        self.begin_difference()

    def start_over(self, state: types.updates.State) -> None:
        """Go on from a state of another log."""
        self.log.start_over(state)

    def restart(self) -> None:
        """End all requests under way and begin `run` anew: it does not go on by itself."""
        self._again.set()

    def put_nowait(self, container: types.TypeUpdates) -> None:
        """Take a container as it is read from the wire. Never raises."""
        if not self.taking:
            if len(self._held) < HELD_LIMIT:
                self._held.append(container)
            return
        if self._overflowing:
            return
        if self.batches.waiting >= WAITING_LIMIT:
            self._overflowing = True
            self.log.drop_held()
            self.begin_difference()
            logger.warning(
                "%d updates wait; leaving new ones at Telegram until half of them are done",
                self.batches.waiting,
            )
            return
        try:
            self._take(container)
        except Exception as error:
            # The difference brings the updates of this container again.
            logger.error("an update could not be taken (%s); requesting the difference", places(error))
            self.begin_difference()

    async def put(self, container: types.TypeUpdates) -> None:
        """Take a container, for Telethon's own `catch_up`."""
        self.put_nowait(container)

    def mark(self) -> UpdateState | None:
        """Return the state that may go to disk; None if there is none."""
        log = self.log
        return None if log.is_empty() else self.batches.mark(log.mark(log.channels))

    def hand_out(self, portions: list[Portion], before: UpdateState, *, replayed: bool) -> None:
        """Take updates of a difference, and hold the state before them."""
        self._accept(portions, before, live=False, replayed=replayed)

    async def room(self) -> None:
        """Return once there is room for more updates; what was handed out is a proof that they come."""
        self.proved_at = self._clock()
        await self._room()

    async def _room(self) -> None:
        """Return once half as many updates wait as may; new ones are left at Telegram until then."""
        self._overflowing = True
        await self.batches.wait_until(WAITING_LIMIT // 2)
        self._overflowing = False

    def told(self, state: types.updates.State) -> bool:
        """Note Telegram's present state; return whether everything up to it has reached the bot."""
        self._told = (state.pts, state.qts)
        return self._reached()

    def behind(self) -> tuple[int, int]:
        """Return by how much pts and qts are behind the state that Telegram named last."""
        mark, (pts, qts) = self.log.mark(), self._told
        return max(pts - mark.pts, 0), max(qts - mark.qts, 0)

    def prove(self) -> None:
        """Note that everything has reached the bot, unless Telegram's state says otherwise."""
        if self._reached():
            self.proved_at = self._clock()

    def _reached(self) -> bool:
        mark, (pts, qts) = self.log.mark(), self._told
        return mark.pts >= pts and (not mark.qts or mark.qts >= qts)

    def lose(self, what: str, count: int = 0) -> None:
        """Note that updates are lost."""
        self.losses[what] += 1
        self._listener.lost(what, count)

    def _take(self, container: types.TypeUpdates) -> None:
        kind, log = type(container), self.log
        if kind is types.UpdateShortSentMessage:  # the answer to a send: as many arrive as messages do
            if log.take_next(container, container.date):
                return
        elif kind is types.Updates:
            date = container.date
            if date is not self._noted:  # the first of its second
                self._noted = date
                self._server_time.note(date)
            if not getattr(container, "_self_outgoing", False):
                clock = self._clock
                now = clock()
                before = log.take_one(container, now)
                if before is not None:
                    self.proved_at = now
                    try:
                        self.batches.accept(
                            container.updates, container.users, container.chats, before, live=True
                        )
                    except Exception:
                        log.roll_back(before)  # nobody has the update
                        raise
                    return
        self._take_any(container)

    def _take_any(self, container: types.TypeUpdates) -> None:
        log, now, own = self.log, self._clock(), getattr(container, "_self_outgoing", False)
        inner = updates_in(container)
        if any(update.SUBCLASS_OF_ID != _UPDATE for update in inner if update is not container):
            raise TypeError("a container holds what is no update")
        before = log.mark(channels_of(inner))
        try:
            self._accept(log.take(container, now), before, live=True)
        except Exception:
            log.roll_back(before)
            raise
        if not own and (log.account.at, log.qts.at) != (before.pts, before.qts):
            self.proved_at = now
        self._look()

    def _accept(
        self, portions: list[Portion], before: UpdateState, *, live: bool, replayed: bool = False
    ) -> None:
        for updates, users, chats, ahead in portions:
            self.batches.accept(updates, users, chats, before, live=live, replayed=replayed, ahead=ahead)

    def _look(self) -> None:
        """Wake the loops that have something to do."""
        log = self.log
        if log.strange > self._strange:
            self._strange = log.strange
            logger.info("an update with impossible numbers is left out (%d so far)", log.strange)
        if log.due:
            self._due.set()
        if log.channels_due:
            self._channels.look()
        if log.holes and (due := log.next_time()) is not None and due < self._minding_until:
            self._hole.set()

    # ---- differences ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Fetch differences when they are due, from `start` to `stop`; run until cancelled.

        Raise an error only if it ends the login.
        """
        while True:
            self._again.clear()
            over = (LoginOverError, AuthKeyNotFound)
            loops = [
                asyncio.create_task(keep("reading differences", self._read_account, raising=over)),
                asyncio.create_task(keep("reading channels", self._channels.run, raising=over)),
                asyncio.create_task(keep("watching holes", self._mind_holes, raising=over)),
            ]
            again = asyncio.create_task(self._again.wait())
            try:
                done, _ = await asyncio.wait((*loops, again), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in (*loops, again):
                    task.cancel()
                await asyncio.gather(*loops, again, return_exceptions=True)

    async def _read_account(self) -> None:
        while True:
            self._due.clear()
            if not self.taking or not (self.log.due or self._overflowing):
                await self._due.wait()
                continue
            await self._room()
            if self.taking and self.log.due:
                await self._account.read()
                self._look()

    async def _mind_holes(self) -> None:
        """Hand out in time what is held behind a hole, and look for sequences without updates.

        Nothing is handed out while there is no link: the difference cannot come, nor what would have to wait.
        """
        swept = self._clock()
        while True:
            self._hole.clear()
            now = self._clock()
            if self.log.holes and (late := now - self._minding_until) > BUSY_SECONDS:
                # The process was busy: what fills the hole may have arrived, and was not read yet.
                await asyncio.sleep(min(late, LONGEST_LATE))
                now = self._clock()
            up = self._is_up()
            if self.taking and up:
                portions = self.log.expire(now)
                if portions:
                    logger.info("a difference takes long: what came behind the hole does not wait for it")
                for portion in portions:
                    self._accept([portion], self.log.mark(channels_of(portion.updates)), live=True)
                if now - swept >= SWEEP_SECONDS:
                    swept = now
                    self.log.sweep(now)
                self._look()
            due = self.log.next_time() if self.taking else None
            if due is not None and not up:
                due = now + DOWN_SECONDS
            self._minding_until = swept + SWEEP_SECONDS if due is None else min(due, swept + SWEEP_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self._minding_until - now, 0.001)):
                    await self._hole.wait()
