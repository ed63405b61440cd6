"""Conversations: a handler that waits for further messages of its chat does not hold that chat up."""

from __future__ import annotations

from itertools import chain
from typing import Any

from telethon import TelegramClient, events
from telethon.client.updates import EventBuilderDict
from telethon.hints import EntityLike
from telethon.tl.custom import Conversation as TelethonConversation

from tgbot.telegram.tasks import Background
from tgbot.telegram.updates.dispatch import Dispatcher, Job, current_job

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
            self._job.resume()
        await super().__aexit__(*exc)


def feed(client: TelegramClient, job: Job, tasks: Background) -> None:
    """Hand an update to the open conversations of a Telethon client; `tasks` runs their own conditions."""
    built = EventBuilderDict(client, job.update, None)
    for conversation in list(chain.from_iterable(client._conversations.values())):
        for kind, take in (
            (events.NewMessage, conversation._on_new_message),
            (events.MessageEdited, conversation._on_edit),
            (events.MessageRead, conversation._on_read),
        ):
            if event := built[kind]:
                take(event)
        if conversation._custom:
            tasks.spawn(conversation._check_custom(built))
