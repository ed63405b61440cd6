"""From an update to the handlers that were registered for it, as plain Telethon calls them."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final, NoReturn, TypeAlias

from telethon import TelegramClient, errors, events
from telethon.events.common import EventCommon
from telethon.tl import types

from tgbot.telegram.peers import Peers
from tgbot.telegram.updates.failures import ENDS, Failure, described, name_of_handler, says_no_access
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.updates.lineup import OWN, Entry, Lineup, Measured, module_of, package_of
from tgbot.telegram.updates.marks import Marks
from tgbot.telegram.updates.private import PrivateMessage, private_message

logger = logging.getLogger(__name__)

#: The handler that the running task is, or was started by; None outside of any.
current_handler: ContextVar[Entry | None] = ContextVar("current_handler", default=None)

#: Is told of an error: given the name of the handler (module and function), its event, and the error.
Tell: TypeAlias = Callable[[str, Any, BaseException], Awaitable[None]]  # Any: events have no common base

#: Stands for an event that was not built yet.
_UNBUILT: Final = object()


def entity_of(update: types.TypeUpdate, marked_id: int) -> types.TypeUser | types.TypeChat | None:
    """Return the user or chat with this marked id that came with an update, None if it did not."""
    return update._entities.get(marked_id)


def is_matched() -> bool:
    """Return whether an earlier handler with a pattern was called with the update of the running handler."""
    job = current_job.get()
    return job is not None and job.matched


def is_answered() -> bool:
    """Return whether that is so, or a plugin or a conversation answers the update in its chat."""
    job = current_job.get()
    return job is not None and (job.matched or job.replied)


def is_retried() -> bool:
    """Return whether the update of the running handler was parked, and is tried again."""
    job = current_job.get()
    return job is not None and job.entry is not None


def leave_out() -> NoReturn:
    """Keep the update of the running handler, and the album that it is part of, from all later handlers."""
    job = current_job.get()
    if job is not None:
        job.update.left_out = True
    raise events.StopPropagation


class Handlers:
    """Call the handlers that were registered with a Telethon client."""

    def __init__(
        self, client: TelegramClient, peers: Peers, marks: Marks, measured: Measured | None = None
    ) -> None:
        #: How often handlers raised or were cut off since the start, by their module.
        self.errors: Counter[str] = Counter()
        #: Is told when a handler raises, None if nobody is.
        self.tell: Tell | None = None
        client._event_builders = self._lineup = Lineup(client._event_builders, measured)
        self._client = client
        self._peers = peers
        self._marks = marks

    def register_first(self, callback: Callable[[Any], Awaitable[None]], builder: events.Raw) -> None:
        """Add a raw handler of the bot's own ahead of those of plugins."""
        self._lineup.put_first((builder, callback))

    def want_albums(self) -> bool:
        """Return whether there is a handler of `events.Album`."""
        return any(isinstance(builder, events.Album) for builder, _ in self._lineup)

    def packages(self) -> set[str]:
        """Return the names of the packages that registered handlers, but for the bot's own."""
        return {package_of(callback) for _, callback in self._lineup} - {OWN}

    async def handle(self, job: Job) -> None:
        """Call the handlers that want this update, in the order of their registration.

        The job of an album is for handlers of `events.Album`, which no other job is for.

        A handler or filter that raises is logged and counted, the job has failed, and the next one is called;
        StopPropagation ends it. An event is built once for each kind of event.
        """
        update, lineup = job.update, self._lineup
        if job.entry is not None:
            self._peers.recall(job.entities)  # it may have been parked by an earlier run
        update.replayed = job.replayed
        built: dict[type, Any] = {}  # Any: events have no common base
        for entry in self._of_albums(update) if job.album else lineup.wanting(update):
            kind, builder, callback, pattern, unfiltered, raw, _, _, mark, call = entry
            job.handler = callback
            try:
                if raw:
                    event = update
                else:
                    event = built.get(kind, _UNBUILT)
                    if event is _UNBUILT:
                        event = built[kind] = self.build(kind, job)
                    if not event:
                        continue
                    if unfiltered and type(event) is PrivateMessage:
                        if pattern is not None and not event.matches(pattern):
                            continue
                    else:
                        if not builder.resolved:
                            await builder.resolve(self._client)
                        wanted = builder.filter(event)
                        if wanted is not event and inspect.isawaitable(wanted):
                            wanted = await wanted
                        if not wanted:
                            continue
                if job.mark:
                    self._marks.begin_handler(job, mark)
                current_handler.set(entry)
                try:
                    await call(event)
                finally:
                    if pattern is not None:
                        job.matched = True
            except events.StopPropagation:
                return
            except errors.AlreadyInConversationError:
                continue
            except ENDS:
                if job.cuts:
                    self.errors[module_of(callback)] += 1
                raise
            except BaseException as error:  # whatever a handler raises is its own failure
                self.errors[module_of(job.handler)] += 1
                if self._note_error(job, error) and self.tell is not None:
                    await self._tell(job, entry, built.get(kind) or update, error)

    def _of_albums(self, first: types.TypeUpdate) -> tuple[Entry, ...]:
        """Return the handlers of an album, of which this is the first message; none if that was left out."""
        return () if getattr(first, "left_out", False) else self._lineup.wanting_albums()

    def _note_error(self, job: Job, error: BaseException) -> bool:
        """Log an error of a handler; return whether it makes the job fail."""
        handler, where = name_of_handler(job.handler), described(error)
        logger.error(
            "unhandled exception in %s (update %s, dialog %d): %s", handler, job.key, job.dialog, where
        )
        # That nobody may write to the user is no failure of the handler: the evidence is in the registry.
        if job.dialog > 0 and says_no_access(error):
            return False
        job.fail(Failure.of(handler, error))
        return True

    async def _tell(self, job: Job, entry: Entry, event: Any, error: BaseException) -> None:  # Any: as above
        """Tell of an error of a handler; what is sent meanwhile has names of its own, the same at a retry."""
        name = name_of_handler(job.handler)  # of a talk, which another handler carries on
        current_handler.set(entry._replace(name=f"{name}.on_error", own=False))
        assert self.tell is not None
        if event is job.update and name != entry.name:
            event = self.build(events.NewMessage, job) or self.build(events.CallbackQuery, job) or event
        try:
            await self.tell(name, event, error)
        except ENDS:
            raise
        except BaseException as own:  # it is a plugin's code, as a handler is
            logger.error("on_error of %s failed: %s", name, described(own))

    def build(self, kind: type[Any], job: Job) -> Any:  # Any: as above
        """Return the event of a kind (a builder's class) that an update is, None if it is none."""
        if kind is events.NewMessage and not job.album:
            event = private_message(job, self._client, self._peers)
            if event is not None:
                return event
        update, client = job.update, self._client
        if kind is events.Raw and not job.album:
            return update
        if issubclass(kind, events.Album) is not bool(job.album):
            return None
        if job.album:
            event = events.Album.Event([one.message for one in job.album])
        else:
            event = kind.build(update, None, self._peers.self_id)
        if isinstance(event, EventCommon):
            # Before the client is set: afterwards a NewMessage hands attributes on to its message.
            event.__dict__["replayed"] = job.replayed
            event.original_update = update
            event._entities = job.entities
            event._set_client(client)
        elif event:
            event._client = client
        return event
