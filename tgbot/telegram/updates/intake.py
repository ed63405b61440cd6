"""How updates come in: live ones and differences, in the order of Telegram's log, each taken once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import datetime
from typing import Any, Protocol

from telethon import errors, functions
from telethon._updates.messagebox import GapError, PrematureEndReason
from telethon.tl import TLObject, TLRequest, types

from tgbot.store.base import UpdateState
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.box import UpdateBox, pts_before, updates_in

logger = logging.getLogger(__name__)

#: Updates that wait for a worker; beyond it new ones are left at Telegram, and asked for again when only half
#: as many wait. So high that one person with 10,000 messages does not keep the others waiting.
WAITING_LIMIT = 25_000
#: Containers kept while a difference is fetched; beyond it they are asked for again.
HELD_LIMIT = 10_000
#: How often in a row Telegram may refuse a difference (not: fail to give it) before we go on without.
_REFUSALS = 5
#: After that many empty differences in a row a gap is accepted, and the updates after it are taken.
MAX_EMPTY_DIFFERENCES = 2
#: Answers that will not change when the difference is asked for again.
_NO_DIFFERENCES = (
    errors.MethodInvalidError,
    errors.InputMethodInvalidError,
    errors.PersistentTimestampEmptyError,
)
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Ask(Protocol):
    """Makes requests."""

    async def __call__(self, request: TLRequest) -> TLObject:
        """Return Telegram's answer, or raise its error."""


class Backlog(Protocol):
    """Knows how much there is to do."""

    waiting: int
    """Updates whose handlers have not finished."""


class Calendar(Protocol):
    """Learns Telegram's time."""

    def note(self, date: datetime | None) -> None:
        """Learn from a date that Telegram gave for the present; None is ignored."""


class Losses(Protocol):
    """Learns of losses."""

    def lost(self, what: str) -> None:
        """Note that updates are lost for good."""


class Intake:
    """Takes what Telegram sends and hands it to `batches`, with the state before it in flight.

    Stands in for Telethon's queue of updates: `put_nowait` is called for every container as it is read from
    the socket, and works on it at once. While a difference is being fetched, live containers are held and
    taken after it. `run` fetches the differences; it retries for as long as Telegram does not answer.
    """

    def __init__(
        self,
        box: UpdateBox,
        batches: Batches,
        *,
        ask: Ask,
        backlog: Backlog,
        calendar: Calendar,
        losses: Losses,
    ) -> None:
        self.box = box
        self.batches = batches
        self._ask = ask
        self._backlog = backlog
        self._calendar = calendar
        self._losses = losses
        self._taking = False
        self._started = False
        self._overflowing = False
        self._held: deque[Any] = deque()
        #: The container whose seq was too high when it came.
        self._too_early: Any = None
        #: Whether what is taken now is taken whatever lies before it.
        self._bridging = False
        #: Whether the difference could not be had, and will be asked for again.
        self._pausing = False
        #: Whether an earlier run may have handled what differences bring now.
        self._replaying = False
        #: How many differences in a row were empty while updates waited for their turn.
        self._empty = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._failures = 0

    # ---- what is taken -------------------------------------------------------------------------

    def pts_before_held(self) -> int | None:
        """Return the pts before all that came since the login, None if nothing has."""
        return pts_before([update for container in self._held for update in updates_in(container)])

    def start(self, *, replaying: bool) -> None:
        """Take updates from now on, first all since the state in the box.

        `replaying` says whether that state is one of an earlier run, which may have handled what the first
        difference brings.
        """
        self._taking = self._started = True
        self._replaying = replaying
        self.begin_difference()

    @property
    def pts(self) -> int:
        """The account's pts as taken, 0 for none."""
        return self.box.mark().pts

    def start_over(self, state: types.updates.State) -> None:
        """Go on from this state of another log than ours was."""
        self.box.start_over(state)

    def stop(self) -> None:
        """Take nothing more. What Telegram sends from now on is asked for after the next start."""
        self._taking = False

    def begin_difference(self) -> None:
        """Ask Telegram for everything since the state taken so far; after a reconnection, or for a look."""
        if self._taking and not self.box.is_empty():
            self.box.begin_difference()
            self._failures = 0
            self._wake.set()

    def put_nowait(self, container: Any) -> None:
        """Take a container as it comes off the wire. Never raises."""
        if not self._taking:
            if not self._started and len(self._held) < HELD_LIMIT:
                self._held.append(container)
            return
        try:
            if self.box.getting_diff_for:
                if len(self._held) < HELD_LIMIT:
                    self._held.append(container)
                    if self._pausing:
                        self._take_next()
                else:
                    self._held.clear()
                    self._overflowing = True
            elif self._overflowing or self._waiting >= WAITING_LIMIT:
                if not self._overflowing:
                    self._overflowing = True
                    logger.warning(
                        "%d updates wait; leaving new ones at Telegram until there is room",
                        self._waiting,
                    )
                    self._wake.set()
            else:
                self._take(container)
        except Exception:
            # The difference brings whatever was in it, in Telegram's own words.
            logger.exception("could not take an update in; asking for the difference")
            self.begin_difference()

    async def put(self, container: Any) -> None:
        """The same for Telethon's own `catch_up`."""
        self.put_nowait(container)

    def job_finished(self) -> None:
        """Note that a job is done."""
        if self._overflowing and self._waiting <= WAITING_LIMIT // 2:
            self._room.set()

    def mark(self) -> UpdateState | None:
        """Return the state that may go to disk; None if there is none."""
        box = self.box
        return None if box.is_empty() else self.batches.mark(box.mark(), box.channels())

    @property
    def _waiting(self) -> int:
        return self._backlog.waiting + self.batches.queued

    def _take(self, container: Any) -> None:
        box = self.box
        own = getattr(container, "_self_outgoing", False)
        kind = type(container)
        if kind is types.Updates:
            self._calendar.note(container.date)
            before = box.mark()
            update = None if own else box.take_one(container)
            if update is not None:
                self.batches.accept([update], container.users, container.chats, before, live=True)
                return
        elif own and kind is types.UpdateShortSentMessage and box.take_own(container):
            self._calendar.note(container.date)
            return
        else:
            before = box.mark()
        if self._bridging:
            box.bridge(updates_in(container))
        if self._bridging or container is self._too_early:  # no difference brings what is missing
            self._too_early = None
            box.bridge_seq(getattr(container, "seq_start", getattr(container, "seq", 0)) - 1)
        inner = getattr(container, "updates", None)
        channels = box.channels_before(inner) if inner else {}
        if channels:
            before = UpdateState(before.pts, before.qts, before.date, before.seq, channels)
        taken: list[Any] = []
        try:
            users, chats = box.process_updates(container, box.chat_hashes, taken)
        except GapError:
            if getattr(container, "seq", 0):
                self._too_early = container
                self._held.appendleft(container)
            self._wake.set()
            return
        if box.possible_gaps or box.getting_diff_for:
            self._wake.set()
        self.batches.accept(taken, users, chats, before, live=True)

    # ---- differences ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Fetch differences when they are due, until cancelled; none any more after `stop`."""
        while True:
            if not self._taking:
                await asyncio.Event().wait()
            if self._overflowing and not self.box.getting_diff_for:
                await self._wait_for_room()
                self._overflowing = False
                self.begin_difference()
            if self.box.account_difference_due:
                await self._fetch_difference()
                continue
            if self.box.getting_diff_for:
                await self._fetch_channel_difference()
                continue
            self._take_ahead()
            self._take_held()
            if self.box.getting_diff_for or self._overflowing:
                continue
            self._replaying = False
            self._wake.clear()
            deadline = self.box.check_deadlines()
            if self.box.getting_diff_for:
                continue
            try:
                async with asyncio.timeout_at(deadline):
                    await self._wake.wait()
            except TimeoutError:
                self.box.check_deadlines()

    def _take_all_held(self, state: Any) -> None:
        """Take what came while the difference was asked for, as if nothing lay between."""
        if state is not None and state.pts < self.box.mark().pts:
            self.box.forget_account()
            self.box.ahead.clear()
        self._bridging = True
        try:
            self._take_ahead()
            self._take_held()
        finally:
            self._bridging = False

    def _take_ahead(self) -> None:
        """Take what came before its turn, after the difference; twice not in there, it is the next."""
        if not self.box.ahead:
            if not self.box.possible_gaps:
                self._empty = 0
            return
        before = self.box.mark()
        taken = self.box.take_ahead(bridge=self._bridging or self._empty >= MAX_EMPTY_DIFFERENCES)
        self.batches.accept(taken, [], [], before, live=True)

    def _take_held(self) -> None:
        while self._held and not self.box.getting_diff_for and not self._overflowing:
            self.put_nowait(self._held.popleft())

    async def _wait_for_room(self) -> None:
        while self._waiting > WAITING_LIMIT // 2:
            self._room.clear()
            await self._room.wait()

    async def _pause(self) -> None:
        """Wait before asking again; longer each time, cut short by a new reason to ask."""
        self._failures += 1
        self._wake.clear()
        self._pausing = True
        self._take_next()
        try:
            async with asyncio.timeout(_PAUSES[min(self._failures, len(_PAUSES)) - 1]):
                await self._wake.wait()
        except TimeoutError:
            pass
        finally:
            self._pausing = False

    def _take_next(self) -> None:
        """Take what is next in the log, while the difference cannot be had: nothing lies before that."""
        due = set(self.box.getting_diff_for)
        self.box.getting_diff_for.clear()
        try:
            while self._held and not self._overflowing and self.box.is_next(self._held[0]):
                self._take(self._held.popleft())
        finally:
            self.box.getting_diff_for.update(due)

    async def _fetch_difference(self) -> None:
        if self._waiting > WAITING_LIMIT // 2:
            self._overflowing = True
            await self._wait_for_room()
            self._overflowing = False
        request = self.box.get_difference()
        try:
            difference = await self._ask(request)
        except (errors.UnauthorizedError, errors.AuthKeyError):
            raise
        except (errors.RPCError, OSError, ValueError, TimeoutError, errors.TypeNotFoundError) as error:
            if isinstance(error, _NO_DIFFERENCES) or getattr(error, "code", 0) == 501:
                await self._go_on_without()
                return
            logger.info("could not get the difference (%s); trying again", type(error).__name__)
            await self._pause()
            refused = isinstance(error, (errors.BadRequestError, errors.ForbiddenError, errors.NotFoundError))
            if refused and self._failures >= _REFUSALS:
                await self._go_on_without()
            return
        self._failures = 0
        if self._taking:
            self._take_difference(difference)

    async def _go_on_without(self) -> None:
        """Start from Telegram's state of now: the difference from ours will not be had."""
        state: Any = None
        try:
            state = await self._ask(functions.updates.GetStateRequest())
        except (errors.UnauthorizedError, errors.AuthKeyError):
            raise
        except (errors.RPCError, OSError, ValueError, TimeoutError) as error:
            logger.info("could not get the state (%s)", type(error).__name__)
            if not isinstance(error, errors.RPCError):
                return
        logger.error("Telegram refuses the difference; going on with what comes from now on")
        self.box.end_difference()
        self._take_all_held(state)
        if state is not None and state.pts > self.box.mark().pts:
            self.box.set_state(state)
        self._losses.lost("difference_refused")

    def _take_difference(self, difference: Any) -> None:
        box = self.box
        before = box.mark()
        other = getattr(difference, "other_updates", ())
        channels = box.channels_before(list(other))
        if channels:
            before = UpdateState(before.pts, before.qts, before.date, before.seq, channels)
        updates, users, chats = box.apply_difference(difference, box.chat_hashes)
        self._empty = self._empty + 1 if isinstance(difference, types.updates.DifferenceEmpty) else 0
        if box.too_long:
            box.too_long = False
            logger.error("Telegram no longer has all updates since the last state: some are lost for good")
            self._losses.lost("difference_too_long")
            return
        self.batches.accept(updates, users, chats, before, live=False, replayed=self._replaying)
        # The intermediate state of a slice has a date of the past.
        state = getattr(difference, "state", None)
        self._calendar.note(getattr(difference, "date", None) if state is None else state.date)

    async def _fetch_channel_difference(self) -> None:
        box = self.box
        request = box.get_channel_difference(box.chat_hashes)
        if request is None:
            if 0 in box.getting_diff_for:  # no channel, but Telethon takes it for one and then for none
                box.end_get_diff(0)
                box.map.pop(0, None)
            return
        try:
            difference = await self._ask(request)
        except (errors.UnauthorizedError, errors.AuthKeyError):
            raise
        except (errors.ChannelPrivateError, errors.ChannelInvalidError):
            box.end_channel_difference(request, PrematureEndReason.BANNED, box.chat_hashes)
            return
        except (errors.RPCError, OSError, ValueError, TimeoutError) as error:
            logger.info("could not get a channel's difference (%s)", type(error).__name__)
            box.end_channel_difference(request, PrematureEndReason.TEMPORARY_SERVER_ISSUES, box.chat_hashes)
            return
        channel = request.channel.channel_id
        account = box.mark()
        before = UpdateState(
            account.pts, account.qts, account.date, account.seq, {channel: box.map[channel].pts}
        )
        updates, users, chats = box.apply_channel_difference(request, difference, box.chat_hashes)
        self.batches.accept(updates, users, chats, before, live=False)
