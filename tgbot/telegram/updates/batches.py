"""Updates on their way to the workers, in batches that hold the update state until all are finished."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from telethon.tl import types

from tgbot.store.base import UpdateState
from tgbot.telegram.updates.dispatch import Job
from tgbot.telegram.updates.inflight import Batch, InFlight
from tgbot.telegram.updates.keys import dialog_of, marked_entity, message_of, stable_key


class Jobs(Protocol):
    """Run the handlers of updates."""

    @property
    def waiting(self) -> int:
        """How many jobs are not done."""

    def put(self, job: Job) -> None:
        """Take a job; it runs after those of its dialog that were put before."""


class Memory(Protocol):
    """Read what is known of peers into memory."""

    def loaded(self, ids: Iterable[int]) -> bool:
        """Return whether all of these marked ids can be read from memory now."""

    async def load(self, ids: Iterable[int]) -> None:
        """Read what is known of these marked ids into memory."""


class Peers(Protocol):
    """Learn the users and chats that updates name, and who wrote."""

    def remember(self, users: Sequence[types.TypeUser], chats: Sequence[types.TypeChat], source: str) -> None:
        """Take in users and chats."""

    def wrote(self, user_id: int) -> None:
        """Note that a user wrote to the bot."""


class Finished(Protocol):
    """Know which private messages were handled to their end."""

    def last_finished(self, chat_id: int) -> int:
        """Return the greatest id of a finished message of a chat, 0 for none."""


@dataclass(frozen=True, slots=True)
class _Incoming:
    """What one container or difference brought."""

    updates: Sequence[types.TypeUpdate]
    users: Sequence[types.TypeUser]
    chats: Sequence[types.TypeChat]
    #: The users and chats by marked id.
    entities: dict[int, types.TypeUser | types.TypeChat]
    #: The dialog of each update.
    dialogs: list[int]
    live: bool
    replayed: bool
    batch: Batch[UpdateState]

    @property
    def ids(self) -> set[int]:
        """Marked ids of the dialogs and of everybody named, which handlers will read about."""
        return {*self.dialogs, *self.entities} - {0}


class Batches:
    """Make a job of every update once the store has loaded whom it is about, in the order of arrival.

    A batch whose dialogs and users are in memory becomes jobs at once. Otherwise it waits for the store;
    batches that arrive meanwhile queue behind it and are loaded together. Each batch is in flight from its
    arrival until its last update is finished: `mark` stays below it.
    """

    def __init__(self, jobs: Jobs, memory: Memory, peers: Peers, finished: Finished) -> None:
        self.inflight: InFlight[UpdateState] = InFlight()
        #: Set while no batch waits for the store.
        self.idle = asyncio.Event()
        self.idle.set()
        self._jobs = jobs
        self._memory = memory
        self._peers = peers
        self._finished = finished
        self._queue: deque[_Incoming] = deque()
        #: How many updates are in the queue.
        self._queued = 0
        self._wake = asyncio.Event()

    def accept(
        self,
        updates: Sequence[types.TypeUpdate],
        users: Sequence[types.TypeUser],
        chats: Sequence[types.TypeChat],
        before: UpdateState,
        *,
        live: bool,
        replayed: bool = False,
    ) -> None:
        """Take updates, which hold the state at `before` until all of them are finished. Never waits."""
        if not (updates or users or chats):
            return
        entities = {marked_entity(entity): entity for entity in (*users, *chats)}
        dialogs = [dialog_of(update) for update in updates]
        # One more than there are updates: the batch itself, until its jobs are made.
        batch = self.inflight.take(before, len(updates) + 1)
        incoming = _Incoming(updates, users, chats, entities, dialogs, live, replayed, batch)
        if not self._queue and self._memory.loaded(incoming.ids):
            self._dispatch(incoming)
            return
        self._queue.append(incoming)
        self._queued += len(updates)
        self.idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Have the store load what batches wait for, until cancelled; raise the StorageError that ends it."""
        while True:
            self._wake.clear()
            while self._queue:
                together = list(self._queue)
                await self._memory.load(set[int]().union(*(incoming.ids for incoming in together)))
                for incoming in together:
                    self._queue.popleft()
                    self._queued -= len(incoming.updates)
                    self._dispatch(incoming)
            self.idle.set()
            await self._wake.wait()

    @property
    def waiting(self) -> int:
        """How many updates are not finished."""
        return self._jobs.waiting + self._queued

    def finish(self, job: Job) -> None:
        """Note that a job is done."""
        self.inflight.finish(job.batch)

    def mark(self, taken: UpdateState, channels: dict[int, int]) -> UpdateState:
        """Return the state that may go to disk: below the lowest unfinished update, else what was taken.

        `channels` holds the pts of every channel as taken.
        """
        before = self.inflight.low_water()
        account = before if before is not None else taken
        if before is not None and channels:
            for state in reversed(self.inflight.unfinished()):
                channels.update(state.channels)
        return UpdateState(account.pts, account.qts, account.date, account.seq, channels)

    def _dispatch(self, incoming: _Incoming) -> None:
        """Make jobs of a batch.

        Of a difference, the bot's own messages and those that their dialog has finished are left out.
        """
        live, entities, batch = incoming.live, incoming.entities, incoming.batch
        if incoming.users or incoming.chats:
            self._peers.remember(incoming.users, incoming.chats, "update" if live else "difference")
        for update, dialog in zip(incoming.updates, incoming.dialogs, strict=True):
            message_id = self._private_message(update, dialog)
            message = message_of(update)
            own = not live and message is not None and message.out
            if message_id and not own:
                self._peers.wrote(dialog)
            done = not live and 0 < message_id <= self._finished.last_finished(dialog)
            if done or own or type(update) is types.UpdateMessageID:
                self.inflight.finish(batch)
                continue
            update._entities = entities
            key = stable_key(update)
            self._jobs.put(Job(update, entities, batch, dialog, key, message_id, incoming.replayed))
        self.inflight.finish(batch)

    @staticmethod
    def _private_message(update: types.TypeUpdate, dialog: int) -> int:
        """Return the id of the new private message that an update brings, 0 for other updates."""
        message = message_of(update)
        if message is not None:
            return int(message.id) if dialog > 0 else 0
        return int(update.id) if type(update) is types.UpdateShortMessage else 0
