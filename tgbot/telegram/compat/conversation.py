"""Conversations: a handler that waits for further messages of its chat does not hold that chat up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.client.updates import EventBuilderDict
from telethon.tl.custom import Conversation as TelethonConversation

from tgbot.telegram.updates.dispatch import Job, current_job

if TYPE_CHECKING:
    from tgbot.telegram.client import BotClient


class Conversation(TelethonConversation):
    """Telethon's conversation. Opening it marks the update of its handler as finished: it is memory.

    From then on the chat's updates come to it at once, and to the other handlers beside it. The time that
    it is open does not count as the handler's own.
    """

    _job: Job | None = None

    async def __aenter__(self) -> Conversation:
        await super().__aenter__()
        job = current_job.get()
        if job is not None:
            self._client._dispatcher.release(job)
            job.pause()
            self._job = job
        return self

    async def __aexit__(self, *exc: Any) -> None:
        if self._job is not None:
            self._job.resume()
            self._job = None
        await super().__aexit__(*exc)


def feed(client: BotClient, job: Job) -> None:
    """Hand an update to the open conversations that are about it."""
    from telethon import events

    built = EventBuilderDict(client, job.update, None)
    for conversations in list(client._conversations.values()):
        for conversation in list(conversations):
            for kind, take in (
                (events.NewMessage, conversation._on_new_message),
                (events.MessageEdited, conversation._on_edit),
                (events.MessageRead, conversation._on_read),
            ):
                event = built[kind]
                if event:
                    take(event)
            if conversation._custom:
                client.spawn(conversation._check_custom(built))
