"""Updates on their way to the workers: in batches that hold the state before them until all are finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telethon.tl import types

from tgbot.store.sqlite.session import UpdateState
from tgbot.telegram.updates.box import UpdateBox
from tgbot.telegram.updates.dispatch import Dispatcher, Job
from tgbot.telegram.updates.inflight import InFlight
from tgbot.telegram.updates.keys import dialog_of, marked_entity, message_of, name_of


class Batches:
    """Makes a job of every update, and knows which state may go to disk while jobs are unfinished."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        remember: Callable[[list[Any], list[Any], str], None],
        last_finished: Callable[[int], int],
        converse: Callable[[Job], None],
        entity_cache: Any,
    ) -> None:
        self.inflight: InFlight[UpdateState] = InFlight()
        #: Unfinished updates that may have been answered before: their answers are looked for.
        self.replaying = 0
        self._dispatcher = dispatcher
        self._remember = remember
        self._last_finished = last_finished
        self._converse = converse
        self._entity_cache = entity_cache

    def accept(
        self,
        updates: list[Any],
        users: list[Any],
        chats: list[Any],
        before: UpdateState,
        *,
        live: bool,
        replayed: bool = False,
    ) -> None:
        """Put updates to the dispatcher; they hold the state at `before` until all are finished.

        Of a difference (not `live`) our own messages, and those that their dialog has finished, are left out.
        """
        if users or chats:
            self._remember(users, chats, "update" if live else "difference")
        if not updates:
            return
        entities = {marked_entity(entity): entity for entity in (*users, *chats)}
        kept = []
        for update in updates:
            message = message_of(update)
            message_id = 0
            if message is not None:
                if message.out and not live:
                    continue
                if type(message.peer_id) is types.PeerUser:
                    message_id = message.id
                    self._entity_cache.wrote(message.peer_id.user_id)
                    if not live and message_id <= self._last_finished(message.peer_id.user_id):
                        continue
            elif type(update) is types.UpdateShortMessage:
                message_id = update.id
                self._entity_cache.wrote(update.user_id)
            elif isinstance(update, types.UpdateMessageID):
                continue
            kept.append((update, message_id))
        if not kept:
            return
        if replayed:
            self.replaying += len(kept)
        batch = self.inflight.take(before, len(kept))
        for update, message_id in kept:
            update._entities = entities
            job = Job(update, entities, batch, dialog_of(update), name_of(update), message_id, replayed)
            self._converse(job)
            self._dispatcher.put(job)

    def finish(self, job: Job) -> None:
        """Note that a job is done."""
        if job.replayed:
            self.replaying -= 1
        self.inflight.finish(job.batch)

    def mark(self, box: UpdateBox) -> UpdateState | None:
        """Return the state that may go to disk: below the lowest unfinished update. None: no state."""
        if box.is_empty():
            return None
        before = self.inflight.low_water()
        account = before if before is not None else box.mark()
        channels = box.channels()
        if before is not None and channels:
            for state in reversed(self.inflight.unfinished()):
                channels.update(state.channels)
        return UpdateState(account.pts, account.qts, account.date, account.seq, channels)
