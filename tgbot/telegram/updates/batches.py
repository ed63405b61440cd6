"""Updates on their way to the workers, in batches that hold the update state until all are finished."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telethon.tl import types

from tgbot.store.base import Store, UpdateState
from tgbot.telegram.hooks import Listener
from tgbot.telegram.peers import Peers
from tgbot.telegram.updates.inflight import Batch, InFlight
from tgbot.telegram.updates.job import Job
from tgbot.telegram.updates.keys import NEW_MESSAGES, dialog_of, key_in, lane_of, marked_entity, stable_key


@dataclass(slots=True)  # not frozen: one is made for each update, and that takes three times as long
class _Incoming:
    """What one container or difference brought."""

    updates: Sequence[types.TypeUpdate]
    users: Sequence[types.TypeUser]
    chats: Sequence[types.TypeChat]
    #: The users and chats by marked id.
    entities: dict[int, types.TypeUser | types.TypeChat]
    #: The dialog of each update.
    dialogs: list[int]
    #: Marked ids of the dialogs and of everybody named, which handlers will read about.
    ids: set[int]
    live: bool
    replayed: bool
    ahead: bool
    batch: Batch[UpdateState]


class Batches:
    """Hand every update to `put` as a job, once the store has loaded whom it is about, in order of arrival.

    A batch whose dialogs and users are in memory becomes jobs at once. Otherwise it waits for the store;
    batches that arrive meanwhile queue behind it and are loaded together. Each batch is in flight from its
    arrival until its last update is finished: `mark` stays below it.
    """

    def __init__(self, put: Callable[[Job], None], store: Store, peers: Peers, listener: Listener) -> None:
        self.inflight: InFlight[UpdateState] = InFlight()
        #: How many updates are not finished; a batch that waits for the store counts as one more.
        self.waiting = 0
        self._put = put
        self._store = store
        self._peers = peers
        self._listener = listener
        self._queue: deque[_Incoming] = deque()
        self._wake = asyncio.Event()
        #: Set when an update is done, for those who wait for that.
        self._finished = asyncio.Event()
        self._waiters = 0

    def accept(
        self,
        updates: Sequence[types.TypeUpdate],
        users: Sequence[types.TypeUser],
        chats: Sequence[types.TypeChat],
        before: UpdateState,
        *,
        live: bool,
        replayed: bool = False,
        ahead: bool = False,
    ) -> None:
        """Take updates, which hold the state at `before` until all of them are finished. Never waits.

        `ahead` says that earlier updates of the log are missing: no message counts as the last finished one.
        """
        if not (updates or users or chats):
            return
        # Loops, and not comprehensions: most batches hold one update, and a comprehension is a call.
        entities: dict[int, types.TypeUser | types.TypeChat] = {}
        for entity in users:
            entities[entity.id] = entity
        for entity in chats:
            entities[marked_entity(entity)] = entity
        dialogs = []
        for update in updates:
            dialogs.append(dialog_of(update))  # noqa: PERF401 - as above
        ids = {*dialogs, *entities}
        ids.discard(0)
        # One more than there are updates: the batch itself, until its jobs are made.
        batch = self.inflight.take(before, len(updates) + 1)
        self.waiting += len(updates) + 1
        incoming = _Incoming(updates, users, chats, entities, dialogs, ids, live, replayed, ahead, batch)
        if not self._queue and self._store.loaded(ids):
            self._dispatch(incoming)
            return
        self._queue.append(incoming)
        self._wake.set()

    async def run(self) -> None:
        """Have the store load what batches wait for, until cancelled; raise the StorageError that ends it."""
        while True:
            self._wake.clear()
            while self._queue:
                together = list(self._queue)
                await self._store.load(set[int]().union(*(incoming.ids for incoming in together)))
                for incoming in together:
                    self._queue.popleft()
                    self._dispatch(incoming)
            await self._wake.wait()

    def finish(self, batch: Batch[UpdateState] | None) -> None:
        """Note that an update of a batch is done; a parked one that was tried again is in none."""
        if batch is None:
            return
        self.waiting -= 1
        self.inflight.finish(batch)
        if self._waiters:
            self._finished.set()

    async def wait_until(self, waiting: int) -> None:
        """Return once at most this many updates are not finished."""
        self._waiters += 1
        try:
            while self.waiting > waiting:
                self._finished.clear()
                await self._finished.wait()
        finally:
            self._waiters -= 1

    def mark(self, taken: UpdateState) -> UpdateState:
        """Return the state that may go to disk: below the lowest unfinished update, else what was taken.

        `taken` holds the pts of every channel.
        """
        before = self.inflight.low_water()
        if before is None:
            return taken
        channels = dict(taken.channels)
        if channels:
            for state in reversed(self.inflight.unfinished()):
                channels.update(state.channels)
        return UpdateState(before.pts, before.qts, before.date, before.seq, channels)

    def _dispatch(self, incoming: _Incoming) -> None:
        """Make jobs of a batch.

        Of a difference, the bot's own messages and those that their dialog has finished are left out.
        """
        live, entities, batch = incoming.live, incoming.entities, incoming.batch
        if incoming.users or incoming.chats:
            self._peers.remember(incoming.users, incoming.chats, "update" if live else "difference")
        dialogs, put = iter(incoming.dialogs), self._put
        for update in incoming.updates:
            dialog = next(dialogs)
            kind, message_id, own = type(update), 0, False
            if kind in NEW_MESSAGES:
                own = not live and update.message.out
                if dialog > 0:
                    message_id = update.message.id
            elif kind is types.UpdateShortMessage and dialog > 0:
                message_id = update.id
            if message_id and not own:
                named = entities.get(dialog)
                if named is None or type(named) is not types.User or named.min or not named.access_hash:
                    self._peers.wrote(dialog)
            done = not live and (own or 0 < message_id <= self._listener.last_finished(dialog))
            if done or kind is types.UpdateMessageID:
                self.finish(batch)
                continue
            update._entities = entities
            key: str | None
            if message_id:
                lane, key = dialog, key_in(dialog, message_id)
            else:
                lane, key = lane_of(update, dialog), stable_key(update)
            if incoming.ahead:
                # A message before this one may still come, and would be taken for finished after a restart.
                message_id = 0
            put(Job(update, entities, batch, lane, key, message_id, incoming.replayed))
        self.finish(batch)
