"""From an update to the handlers that were registered for it, as plain Telethon calls them."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

from telethon import errors, events
from telethon.events.common import EventCommon

from tgbot.telegram.updates.dispatch import Job

if TYPE_CHECKING:
    from tgbot.telegram.client import BotClient

logger = logging.getLogger(__name__)


def entity_of(update: Any, marked_id: int) -> Any:
    """Return the user or chat with this marked id that came with an update; None if it did not come."""
    return update._entities.get(marked_id)


async def handle(client: BotClient, job: Job) -> int:
    """Call the handlers that want this update, in the order they were registered; return how many raised.

    One that raises, or whose filter does, is logged, and the next is called; StopPropagation ends the row.
    An event is built once for each kind of event that is asked for.
    """
    update = job.update
    update.replayed = job.replayed
    built: dict[type, Any] = {}
    raised = 0
    for builder, callback in tuple(client._event_builders):
        kind = type(builder)
        try:
            if kind in built:
                event = built[kind]
            else:
                event = built[kind] = _build(client, kind, builder, job)
            if not event:
                continue
            if not builder.resolved:
                await builder.resolve(client)
            wanted = builder.filter(event)
            if inspect.isawaitable(wanted):
                wanted = await wanted
            if wanted:
                await callback(event)
        except events.StopPropagation:
            break
        except errors.AlreadyInConversationError:
            continue
        except Exception:
            raised += 1
            name = getattr(callback, "__qualname__", repr(callback))
            logger.exception("unhandled exception in %s.%s", getattr(callback, "__module__", "?"), name)
    return raised


def _build(client: BotClient, kind: type, builder: Any, job: Job) -> Any:
    update = job.update
    if kind is events.Raw:
        return update
    event = builder.build(update, None, client._self_id)
    if isinstance(event, EventCommon):
        # Before the client is set: afterwards a NewMessage hands attributes on to its message.
        event.__dict__["replayed"] = job.replayed
        event.original_update = update
        event._entities = job.entities
        event._set_client(client)
    elif event:
        event._client = client
    return event
