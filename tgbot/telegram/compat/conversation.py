"""Conversations: a handler that waits for further messages of its chat does not hold that chat up."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from telethon import TelegramClient, events
from telethon.client.updates import EventBuilderDict
from telethon.hints import EntityLike
from telethon.tl.custom import Conversation as TelethonConversation

from tgbot.telegram.updates.dispatch import Job, current_job

#: What `client.conversation` takes, with Telethon's defaults.
_DEFAULTS = {
    "timeout": 60,
    "total_timeout": None,
    "max_messages": 100,
    "exclusive": True,
    "replies_are_responses": True,
}


class Jobs(Protocol):
    """Run the handlers of updates."""

    @property
    def waiting(self) -> int:
        """How many jobs are not done."""

    def put(self, job: Job) -> None:
        """Take a job; it runs after those of its dialog that were put before."""

    def release(self, job: Job) -> None:
        """Count a running job as finished and let its dialog go on; the job keeps its task."""


class Tasks(Protocol):
    """Run tasks."""

    def spawn(self, work: Coroutine[object, object, object]) -> None:
        """Run something beside the handlers."""


class Conversation(TelethonConversation):
    """Telethon's conversation. Opening it marks the update of its handler as finished: talks live in memory.

    From then on the updates of its chat come to it at once, and to the other handlers beside it. The time
    that it is open does not count as the handler's own.
    """

    def __init__(
        self, client: TelegramClient, entity: EntityLike, jobs: Jobs, options: dict[str, Any]
    ) -> None:
        super().__init__(client, entity, **(_DEFAULTS | options))
        self._jobs = jobs
        self._job: Job | None = None

    async def __aenter__(self) -> Conversation:
        await super().__aenter__()
        job = current_job.get()
        if job is not None:
            self._jobs.release(job)
            job.pause()
            self._job = job
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._job is not None:
            self._job.resume()
            self._job = None
        await super().__aexit__(*exc)


class Conversations:
    """Hand each update to the open conversations of a Telethon client, then to the handlers."""

    def __init__(self, client: TelegramClient, jobs: Jobs, tasks: Tasks) -> None:
        self._client = client
        self._jobs = jobs
        self._tasks = tasks

    def open(self, entity: EntityLike, options: dict[str, Any]) -> Conversation:
        """Return a conversation with what `TelegramClient.conversation` takes."""
        return Conversation(self._client, entity, self._jobs, options)

    @property
    def waiting(self) -> int:
        """How many jobs are not done."""
        return self._jobs.waiting

    def put(self, job: Job) -> None:
        """Take a job."""
        if self._client._conversations:
            self._feed(job)
        self._jobs.put(job)

    def _feed(self, job: Job) -> None:
        built = EventBuilderDict(self._client, job.update, None)
        for conversations in list(self._client._conversations.values()):
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
                    self._tasks.spawn(conversation._check_custom(built))
