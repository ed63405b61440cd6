"""How updates arrive: live ones and differences, in the order of Telegram's log, each taken once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from telethon import errors, functions
from telethon._updates.messagebox import GapError, PrematureEndReason
from telethon.tl import TLObject, TLRequest, types

from tgbot.core.clock import ServerClock
from tgbot.store.base import UpdateState
from tgbot.telegram.hooks import Listener
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.box import UpdateBox, channels_of, pts_before, updates_in

logger = logging.getLogger(__name__)

#: How many updates may wait for a worker. Beyond it new ones are left at Telegram, and a difference fetches
#: them when only half as many wait. High enough that 10,000 messages of one person do not delay the others.
WAITING_LIMIT = 25_000
#: How many containers are kept while a difference is fetched; beyond it they are fetched by the next one.
HELD_LIMIT = 10_000
#: After that many refusals (400, 403, 404) in a row the difference is given up.
MAX_REFUSALS = 5
#: After that many empty differences in a row a gap is accepted, and the updates after it are taken.
MAX_EMPTY_DIFFERENCES = 2
#: Refusals that stay the same however often the difference is requested.
_NO_DIFFERENCES = (
    errors.MethodInvalidError,
    errors.InputMethodInvalidError,
    errors.PersistentTimestampEmptyError,
)
#: Pauses before a difference that failed is requested again, in seconds.
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Intake:
    """Take what Telegram sends and hand it to `batches`, with the state before it in flight.

    Stands in for Telethon's queue of updates: `put_nowait` is called for every container as it is read from
    the socket, and works on it at once. While a difference is fetched, live containers are held and taken
    after it. `run` fetches the differences, again and again until Telegram answers.
    """

    def __init__(
        self,
        box: UpdateBox,
        batches: Batches,
        *,
        ask: Callable[[TLRequest], Awaitable[TLObject]],
        server_time: ServerClock,
        listener: Listener,
    ) -> None:
        self.box = box
        self.batches = batches
        #: Whether an earlier run may have handled what differences bring now; set for the first ones.
        self.replaying = False
        #: How often updates were lost since the start, by the reason.
        self.losses: Counter[str] = Counter()
        self._ask = ask
        self._server_time = server_time
        self._listener = listener
        self._taking = False
        self._overflowing = False
        #: Containers that arrived while a difference was fetched, before the start, or after the stop.
        self._held: deque[types.TypeUpdates] = deque()
        #: The container whose seq was too high when it arrived.
        self._too_early: types.TypeUpdates | None = None
        #: Whether gaps are accepted: the difference was given up.
        self._bridging = False
        #: Whether the difference failed and is requested again after a pause.
        self._pausing = False
        #: How many differences in a row were empty while updates waited for a gap to be filled.
        self._empty = 0
        self._wake = asyncio.Event()
        self._failures = 0

    # ---- what is taken -------------------------------------------------------------------------

    def pts_before_held(self) -> int | None:
        """Return the account's pts before everything that arrived since the login, None if nothing did."""
        return pts_before([update for container in self._held for update in updates_in(container)])

    def start(self) -> None:
        """Take updates from now on, first all since the state in the box."""
        self._taking = True
        self._wake.set()
        self.begin_difference()

    def stop(self) -> None:
        """Take nothing more. What Telegram sends from now on is fetched after the next start."""
        self._taking = False

    def begin_difference(self) -> None:
        """Request everything since the state as taken, for example after a reconnection."""
        if self._taking and not self.box.is_empty():
            self.box.begin_difference()
            self._failures = 0
            self._wake.set()

    def put_nowait(self, container: types.TypeUpdates) -> None:
        """Take a container as it is read from the wire. Never raises."""
        if not self._taking:
            if len(self._held) < HELD_LIMIT:
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
            elif self._overflowing:
                return
            elif self.batches.waiting < WAITING_LIMIT:
                self._take(container)
            else:
                self._overflowing = True
                self._wake.set()
                logger.warning(
                    "%d updates wait; leaving new ones at Telegram until half of them are done",
                    self.batches.waiting,
                )
        except Exception:
            # The difference brings the updates of this container again.
            logger.exception("an update could not be taken; requesting the difference")
            self.begin_difference()

    async def put(self, container: types.TypeUpdates) -> None:
        """Take a container, for Telethon's own `catch_up`."""
        self.put_nowait(container)

    def mark(self) -> UpdateState | None:
        """Return the state that may go to disk; None if there is none."""
        box = self.box
        return None if box.is_empty() else self.batches.mark(box.mark(box.channels()))

    def _take(self, container: types.TypeUpdates) -> None:
        box = self.box
        own = getattr(container, "_self_outgoing", False)
        kind = type(container)
        if kind is types.Updates:
            self._server_time.note(container.date)
            before = box.mark()
            update = None if own else box.take_one(container)
            if update is not None:
                self.batches.accept([update], container.users, container.chats, before, live=True)
                return
        elif own and kind is types.UpdateShortSentMessage and box.take_next(container, container.date):
            self._server_time.note(container.date)
            return
        inner = updates_in(container)
        before = box.mark(channels_of(inner))
        if self._bridging:
            box.bridge(inner)
        if self._bridging or container is self._too_early:  # no difference fills this gap
            self._too_early = None
            box.bridge_seq(getattr(container, "seq_start", getattr(container, "seq", 0)) - 1)
        taken: list[types.TypeUpdate] = []
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
        """Fetch differences when they are due, from `start` to `stop`; run until cancelled."""
        while True:
            while not self._taking:
                self._wake.clear()
                await self._wake.wait()
            if self._overflowing and not self.box.getting_diff_for:
                await self._wait_for_room()
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
            self.replaying = False
            self._wake.clear()
            deadline = self.box.check_deadlines()  # past where a difference has become due
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._wake.wait()

    def _take_ahead(self) -> None:
        """Take updates that arrived after a gap; accept the gap once enough differences were empty."""
        if not self.box.ahead:
            if not self.box.possible_gaps:
                self._empty = 0
            return
        before = self.box.mark()
        taken = self.box.take_ahead(bridge=self._bridging or self._empty >= MAX_EMPTY_DIFFERENCES)
        self.batches.accept(taken, [], [], before, live=True)

    def _take_held(self) -> None:
        while self._taking and self._held and not self.box.getting_diff_for and not self._overflowing:
            self.put_nowait(self._held.popleft())

    async def _wait_for_room(self) -> None:
        self._overflowing = True
        await self.batches.wait_until(WAITING_LIMIT // 2)
        self._overflowing = False

    async def _pause(self) -> None:
        """Wait before the next request, longer each time; a new reason to request ends the wait."""
        self._failures += 1
        self._wake.clear()
        self._pausing = True
        self._take_next()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSES[min(self._failures, len(_PAUSES)) - 1]):
                    await self._wake.wait()
        finally:
            self._pausing = False

    def _take_next(self) -> None:
        """Take what is next in the log although the difference failed: there is no gap before it."""
        due = set(self.box.getting_diff_for)
        self.box.getting_diff_for.clear()
        try:
            while self._held and not self._overflowing and self.box.is_next(self._held[0]):
                self._take(self._held.popleft())
        finally:
            self.box.getting_diff_for.update(due)

    async def _fetch_difference(self) -> None:
        await self._wait_for_room()
        answer = await self._request(self.box.get_difference())
        if not isinstance(answer, Exception):
            self._failures = 0
            if self._taking:
                self._take_difference(answer)
        elif isinstance(answer, _NO_DIFFERENCES) or getattr(answer, "code", 0) == 501:
            await self._go_on_without()
        else:
            await self._pause()
            if getattr(answer, "code", 0) in (400, 403, 404) and self._failures >= MAX_REFUSALS:
                await self._go_on_without()

    async def _request(self, request: TLRequest) -> TLObject | Exception:
        """Return the answer or the error; raise an error only if the login is over."""
        try:
            return await self._ask(request)
        except (errors.UnauthorizedError, errors.AuthKeyError):
            raise
        except (errors.RPCError, OSError, ValueError, TimeoutError, errors.TypeNotFoundError) as error:
            logger.info("%s failed (%s)", type(request).__name__, type(error).__name__)
            return error

    async def _go_on_without(self) -> None:
        """Give the difference up and go on from Telegram's present state; accept every gap until there."""
        box, state = self.box, await self._request(functions.updates.GetStateRequest())
        if isinstance(state, Exception) and not isinstance(state, errors.RPCError):
            return
        logger.error("Telegram refuses the difference; going on with what arrives from now on")
        known = not isinstance(state, Exception)
        box.end_difference()
        if known and state.pts < box.mark().pts:
            box.forget_account()
        self._bridging = True
        try:
            self._take_ahead()
            self._take_held()
        finally:
            self._bridging = False
        if known and state.pts > box.mark().pts:
            box.set_state(state)
        self._note_loss("difference_refused")

    def _take_difference(self, difference: types.updates.TypeDifference) -> None:
        box = self.box
        before = box.mark(channels_of(getattr(difference, "other_updates", ())))
        updates, users, chats = box.apply_difference(difference, box.chat_hashes)
        self._empty = self._empty + 1 if isinstance(difference, types.updates.DifferenceEmpty) else 0
        if isinstance(difference, types.updates.DifferenceTooLong):
            logger.error("Telegram no longer has all updates since the last state: some are lost for good")
            self._note_loss("difference_too_long")
            return
        self.batches.accept(updates, users, chats, before, live=False, replayed=self.replaying)
        # The intermediate state of a slice has a date of the past.
        state = getattr(difference, "state", None)
        self._server_time.note(getattr(difference, "date", None) if state is None else state.date)

    def _note_loss(self, what: str) -> None:
        self.losses[what] += 1
        self._listener.lost(what)

    async def _fetch_channel_difference(self) -> None:
        box = self.box
        request = box.get_channel_difference(box.chat_hashes)
        if request is None:
            if 0 in box.getting_diff_for:  # Telethon adds a channel with the id 0 but never requests it
                box.end_get_diff(0)
                box.map.pop(0, None)
            return
        difference = await self._request(request)
        if isinstance(difference, Exception):
            closed = isinstance(difference, (errors.ChannelPrivateError, errors.ChannelInvalidError))
            reason = PrematureEndReason.BANNED if closed else PrematureEndReason.TEMPORARY_SERVER_ISSUES
            box.end_channel_difference(request, reason, box.chat_hashes)
            return
        before = box.mark([request.channel.channel_id])
        updates, users, chats = box.apply_channel_difference(request, difference, box.chat_hashes)
        self.batches.accept(updates, users, chats, before, live=False, replayed=self.replaying)
