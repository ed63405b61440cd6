"""How updates come in: live ones and differences, in the order of Telegram's log, each taken once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from telethon import errors, functions
from telethon._updates.messagebox import GapError, PrematureEndReason
from telethon.tl import types

from tgbot.store.sqlite.session import UpdateState
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.box import UpdateBox, pts_before, updates_in
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.lookback import LookBack

logger = logging.getLogger(__name__)

#: Updates that wait for a worker; beyond it new ones are left at Telegram, and asked for again when only half
#: as many wait. So high that one person with 10,000 messages does not keep the others waiting.
WAITING_LIMIT = 25_000
#: Containers kept while a difference is fetched; beyond it they are asked for again.
HELD_LIMIT = 10_000
#: How often in a row Telegram may refuse a difference (not: fail to give it) before we go on without.
_REFUSALS = 5
#: After how many empty differences an update that is ahead of the log is taken for the next in it.
_EMPTY_TWICE = 2
#: Answers that will not change when the difference is asked for again.
_NO_DIFFERENCES = (
    errors.MethodInvalidError,
    errors.InputMethodInvalidError,
    errors.PersistentTimestampEmptyError,
)
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Intake:
    """Takes what Telegram sends and puts it to the dispatcher, with the state before it in flight.

    Stands in for Telethon's queue of updates: `put_nowait` is called for every container as it is read from
    the socket, and works on it at once. While a difference is being fetched, live containers are held and
    taken after it. `run` fetches the differences; it retries for as long as Telegram does not answer.
    """

    def __init__(
        self,
        box: UpdateBox,
        batches: Batches,
        look_back: LookBack,
        dispatcher: Dispatcher,
        *,
        call: Callable[[Any], Awaitable[Any]],
        server_date: Callable[[Any], None],
        lost: Callable[[str], None],
        entity_cache: Any,
    ) -> None:
        self.box = box
        self.batches = batches
        self.look_back = look_back
        self._dispatcher = dispatcher
        self._call = call
        self._server_date = server_date
        self._lost = lost
        self._entity_cache = entity_cache
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
        #: How many differences in a row were empty while updates waited for their turn.
        self._empty = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._failures = 0
        #: Counts everything that moves the state or finishes an update.
        self.changes = 0

    # ---- what is taken -------------------------------------------------------------------------

    def pts_before_held(self) -> int | None:
        """Return the pts before all that came since the login, None if nothing has."""
        return pts_before([update for container in self._held for update in updates_in(container)])

    def start(self, look_back_until: int | None) -> None:
        """Begin to take updates, first all since the state in the box.

        `look_back_until` is the server time (unix seconds) up to which messages of our own in that
        difference may be answers to updates that will be handled again; None if there are none.
        """
        self._taking = self._started = True
        self.look_back.begin(None if self.box.is_empty() else look_back_until)
        self.begin_difference()

    def stop(self) -> None:
        """Take nothing more. What Telegram sends from now on is asked for after the next start."""
        self._taking = False
        self._caught_up.set()

    def begin_difference(self) -> None:
        """Ask Telegram for everything since the state taken so far; after a reconnection, or for a look."""
        if self._taking and not self.box.is_empty():
            self.box.begin_difference()
            self._caught_up.clear()
            self._failures = 0
            self._wake.set()

    async def caught_up(self) -> None:
        """Ask for a difference and wait until it has been taken in; return at once after `stop`."""
        if self._taking:
            self.begin_difference()
            await self._caught_up.wait()

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
            elif self._overflowing or self._dispatcher.waiting >= WAITING_LIMIT:
                if not self._overflowing:
                    self._overflowing = True
                    logger.warning(
                        "%d updates wait; leaving new ones at Telegram until there is room",
                        self._dispatcher.waiting,
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

    def room(self) -> None:
        """Note that a job is done."""
        self.changes += 1
        if self._overflowing and self._dispatcher.waiting <= WAITING_LIMIT // 2:
            self._room.set()

    def mark(self) -> UpdateState | None:
        """Return the state that may go to disk; None if there is none."""
        return self.batches.mark(self.box)

    def _take(self, container: Any) -> None:
        box = self.box
        own = getattr(container, "_self_outgoing", False)
        kind = type(container)
        if kind is types.Updates:
            self._server_date(container.date)
            before = box.mark()
            update = None if own else box.take_one(container)
            if update is not None:
                self.changes += 1
                self.batches.accept([update], container.users, container.chats, before, live=True)
                return
        elif own and kind is types.UpdateShortSentMessage and box.take_own(container):
            self._server_date(container.date)
            self.changes += 1
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
            users, chats = box.process_updates(container, self._entity_cache, taken)
        except GapError:
            if getattr(container, "seq", 0):
                self._too_early = container
                self._held.appendleft(container)
            self._caught_up.clear()
            self._wake.set()
            return
        finally:
            self.changes += 1
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
            self._caught_up.set()
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
        taken = self.box.take_ahead(bridge=self._bridging or self._empty >= _EMPTY_TWICE)
        self.changes += 1
        self.batches.accept(taken, [], [], before, live=True)

    def _take_held(self) -> None:
        while self._held and not self.box.getting_diff_for and not self._overflowing:
            self.put_nowait(self._held.popleft())

    async def _wait_for_room(self) -> None:
        while self._dispatcher.waiting > WAITING_LIMIT // 2:
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
        if self.look_back.done.is_set() and self._dispatcher.waiting > WAITING_LIMIT // 2:
            self._overflowing = True
            await self._wait_for_room()
            self._overflowing = False
        request = self.box.get_difference()
        try:
            difference = await self._call(request)
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
            state = await self._call(functions.updates.GetStateRequest())
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
        self.changes += 1
        self.look_back.done.set()
        self._lost("difference_refused")

    def _take_difference(self, difference: Any) -> None:
        box = self.box
        before = box.mark()
        other = getattr(difference, "other_updates", ())
        channels = box.channels_before(list(other))
        if channels:
            before = UpdateState(before.pts, before.qts, before.date, before.seq, channels)
        updates, users, chats = box.apply_difference(difference, self._entity_cache)
        self._empty = self._empty + 1 if isinstance(difference, types.updates.DifferenceEmpty) else 0
        self.changes += 1
        if box.too_long:
            box.too_long = False
            logger.error("Telegram no longer has all updates since the last state: some are lost for good")
            self._lost("difference_too_long")
            if not box.account_difference_due:
                self.look_back.done.set()
            return
        self.look_back.read(difference)
        replayed = not self.look_back.done.is_set()
        self.batches.accept(updates, users, chats, before, live=False, replayed=replayed)
        # The intermediate state of a slice has a date of the past.
        state = getattr(difference, "state", None)
        self._server_date(getattr(difference, "date", None) if state is None else state.date)
        self.look_back.passed(difference)

    async def _fetch_channel_difference(self) -> None:
        box = self.box
        request = box.get_channel_difference(self._entity_cache)
        if request is None:
            if 0 in box.getting_diff_for:  # no channel, but Telethon takes it for one and then for none
                box.end_get_diff(0)
                box.map.pop(0, None)
            return
        try:
            difference = await self._call(request)
        except (errors.UnauthorizedError, errors.AuthKeyError):
            raise
        except (errors.ChannelPrivateError, errors.ChannelInvalidError):
            box.end_channel_difference(request, PrematureEndReason.BANNED, self._entity_cache)
            return
        except (errors.RPCError, OSError, ValueError, TimeoutError) as error:
            logger.info("could not get a channel's difference (%s)", type(error).__name__)
            box.end_channel_difference(
                request, PrematureEndReason.TEMPORARY_SERVER_ISSUES, self._entity_cache
            )
            return
        channel = request.channel.channel_id
        account = box.mark()
        before = UpdateState(
            account.pts, account.qts, account.date, account.seq, {channel: box.map[channel].pts}
        )
        updates, users, chats = box.apply_channel_difference(request, difference, self._entity_cache)
        self.changes += 1
        self.batches.accept(updates, users, chats, before, live=False)
