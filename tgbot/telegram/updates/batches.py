"""Updates on their way to the workers, in batches that hold the update state until all are finished."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from telethon.tl import types

from tgbot.store.base import Store, UpdateState
from tgbot.telegram.hooks import Listener
from tgbot.telegram.peers import Peers
from tgbot.telegram.updates.inflight import Batch, InFlight
from tgbot.telegram.updates.job import Job
from tgbot.telegram.updates.keys import NEW_MESSAGES, dialog_of, key_in, lane_of, marked_entity, stable_key

#: A batch, its jobs, the users and chats that came with it, whether it is live, and whether it is ahead.
_Waiting: TypeAlias = tuple[
    Batch[UpdateState], list[Job], Sequence[types.TypeUser], Sequence[types.TypeChat], bool, bool
]

#: How many ids of messages taken ahead of a hole are remembered.
AHEAD_KEPT: Final = 25_000


class Batches:
    """Hand every update to `put` as a job, once the store has loaded whom it is about, in order of arrival.

    The jobs of a batch whose dialogs and users are in memory are handed out at once. Otherwise they wait for
    the store; batches that arrive meanwhile queue behind them and are loaded together. Each batch is in
    flight from its arrival until its last update is finished: `mark` stays below it.
    """

    def __init__(self, put: Callable[[Job], None], store: Store, peers: Peers, listener: Listener) -> None:
        self.inflight: InFlight[UpdateState] = InFlight()
        #: How many updates are not finished; a batch that brings only users or chats counts as one.
        self.waiting = 0
        #: The id of the newest message taken in order, 0 for none; those of channels do not count.
        self.newest = 0
        #: The ids of the last messages taken ahead of a hole.
        self.ahead: dict[int, None] = {}
        self._put = put
        self._store = store
        self._peers = peers
        self._listener = listener
        #: What is dispatched once the store has loaded whom it is about, and their marked ids.
        self._queue: deque[_Waiting] = deque()
        self._missing: set[int] = set()
        self._wake = asyncio.Event()
        #: Set when an update is done, for those who wait for that.
        self._finished = asyncio.Event()
        self._waiters = 0

    @property
    def queued(self) -> bool:
        """Whether updates wait for the store."""
        return bool(self._queue)

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

        Of a difference, the bot's own messages are left out, and those that their dialog has finished.
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
        # Whom handlers will read about: the dialogs, and everybody named.
        ids = set(entities)
        jobs: list[Job] = []
        newest = 0
        for update in updates:
            kind, message_id = type(update), 0
            key: str | None
            peer: types.TypePeer = None
            if kind in NEW_MESSAGES:
                if not live and update.message.out:
                    continue
                peer = update.message.peer_id
            elif kind is types.UpdateMessageID:
                continue
            if type(peer) is types.PeerUser and peer.user_id > 0:  # as that of most
                lane = dialog = peer.user_id
                message_id = update.message.id
                key = key_in(dialog, message_id)
            else:
                dialog = dialog_of(update)
                lane, key = lane_of(update, dialog), stable_key(update)
                if kind is types.UpdateShortMessage:
                    message_id = update.id
            if dialog:
                ids.add(dialog)
            update._entities = entities
            jobs.append(Job(update, entities, None, lane, key, message_id, replayed))
            if kind is types.UpdateNewMessage:
                newest = update.message.id
                if ahead:
                    self._note_ahead(newest)
        if newest and not ahead:
            self.newest = newest
        count = len(jobs) or 1
        batch = self.inflight.take(before, count)
        self.waiting += count
        if not self._queue:
            if self._store.loaded(ids):
                self._dispatch(batch, jobs, users, chats, live, ahead)
                return
            self._wake.set()
        self._queue.append((batch, jobs, users, chats, live, ahead))
        self._missing |= ids

    async def run(self) -> None:
        """Have the store load what batches wait for, until cancelled; raise the StorageError that ends it."""
        while True:
            self._wake.clear()
            while self._queue:
                together, missing = len(self._queue), self._missing
                self._missing = set()
                try:
                    await self._store.load(missing)
                    for _ in range(together):
                        self._dispatch(*self._queue.popleft())
                except BaseException:
                    self._missing |= missing  # the next `run` begins with it
                    raise
            await self._wake.wait()

    def finish(self, batch: Batch[UpdateState] | None) -> None:
        """Note that an update of a batch is done; a parked one that was tried again is in none."""
        if batch is None:
            return
        if batch.unfinished < 1:
            raise ValueError("every update of this batch is finished already")
        batch.unfinished -= 1
        self.waiting -= 1
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

    def _note_ahead(self, message_id: int) -> None:
        self.ahead[message_id] = None
        if len(self.ahead) > AHEAD_KEPT:
            del self.ahead[next(iter(self.ahead))]

    def _dispatch(
        self,
        batch: Batch[UpdateState],
        jobs: Sequence[Job],
        users: Sequence[types.TypeUser],
        chats: Sequence[types.TypeChat],
        live: bool,
        ahead: bool,
    ) -> None:
        """Hand out the jobs of a batch, but for messages of a difference that their dialog has finished."""
        if users or chats:
            self._peers.remember(users, chats, "update" if live else "difference")
        put = self._put
        for job in jobs:
            job.batch = batch
            message_id = job.message_id
            if message_id:
                dialog = job.dialog
                named: Any = job.entities.get(dialog)  # Any: a user or chat
                if type(named) is not types.User or named.min or not named.access_hash:
                    self._peers.wrote(dialog)
                if not live and message_id <= self._listener.last_finished(dialog):
                    self.finish(batch)
                    continue
                if ahead:
                    # A message before it may still come, and would be taken for finished after a restart.
                    job.message_id = 0
            put(job)
        if not jobs:
            self.finish(batch)
