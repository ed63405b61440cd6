"""Conversations: a handler that waits for further messages of its chat does not hold that chat up."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeAlias

from telethon import TelegramClient, events
from telethon.hints import EntityLike
from telethon.tl.custom import Conversation as TelethonConversation

from tgbot.core.places import places
from tgbot.telegram.tasks import Background
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.failures import name_of_handler
from tgbot.telegram.updates.job import Job, current_job

logger = logging.getLogger(__name__)

#: Returns the event of a kind that an update is, None if it is none.
Build: TypeAlias = Callable[[type[Any], Job], Any]  # Any: events have no common base

#: What `client.conversation` takes, with Telethon's defaults.
_DEFAULTS = {
    "timeout": 60,
    "total_timeout": None,
    "max_messages": 100,
    "exclusive": True,
    "replies_are_responses": True,
}


class Conversation(TelethonConversation):
    """Telethon's conversation. Opening it marks the update of its handler as finished: talks live in memory.

    From then on the updates of its chat come to it at once, and to the other handlers beside it. The time
    that it is open does not count as the handler's own.
    """

    def __init__(
        self, client: TelegramClient, entity: EntityLike, dispatcher: Dispatcher, options: dict[str, Any]
    ) -> None:
        super().__init__(client, entity, **(_DEFAULTS | options))
        self._dispatcher = dispatcher
        self._job: Job | None = None

    async def __aenter__(self) -> Conversation:
        await super().__aenter__()
        self._job = current_job.get()
        if self._job is not None:
            self._dispatcher.release(self._job)
            self._job.pause()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._job is not None:
            await self._job.go_on()
        await super().__aexit__(*exc)


def feed(client: TelegramClient, job: Job, build: Build, tasks: Background) -> None:
    """Hand an update to the open conversations of a Telethon client; its chat's messages are answered there.

    What a conversation's own conditions say of it is the result of `job.claim`, which `tasks` runs.
    """
    asking = []
    for conversation in list(chain.from_iterable(client._conversations.values())):
        try:
            for kind, take in (
                (events.NewMessage, conversation._on_new_message),
                (events.MessageEdited, conversation._on_edit),
                (events.MessageRead, conversation._on_read),
            ):
                if event := build(kind, job):
                    take(event)
                    job.replied |= kind is events.NewMessage and event.chat_id == conversation.chat_id
        except Exception as error:
            logger.error(
                "the conversation in %d cannot take an update: %s", conversation.chat_id, places(error)
            )
        if conversation._custom:
            asking.append(conversation)
    if asking:
        job.claim = tasks.spawn(_offer(asking, job, build))


async def _offer(conversations: list[Conversation], job: Job, build: Build) -> bool:
    """Give an update's event to everybody whose condition it meets; return whether there is anybody."""
    taken = False
    for conversation in conversations:
        for key, (condition, future) in list(conversation._custom.items()):
            try:
                event = build(type(condition), job)
                wanted = condition.filter(event) if event else None
                if inspect.isawaitable(wanted):
                    wanted = await wanted
            except Exception as error:
                name = name_of_handler(condition.func or type(condition))
                where = places(error)
                logger.error(
                    "a condition in the conversation in %d failed: %s (%s)", conversation.chat_id, name, where
                )
                continue
            if wanted and not future.done():
                future.set_result(event)
                conversation._custom.pop(key, None)
                taken = True
    return taken
