"""What the bot's own parts use of the client, and plugins do not."""

from __future__ import annotations

from typing import Any

from tgbot.telegram.strand import Strands
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.events import Handlers
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.job import current_job
from tgbot.telegram.updates.marks import Marks


class Inside:
    """The insides of a client, for parts that stand between Telegram's updates and handlers."""

    def __init__(self, handlers: Handlers, intake: Intake, dispatcher: Dispatcher, marks: Marks) -> None:
        #: Tasks that work for one update after another.
        self.strands = Strands(marks)
        #: Register a raw handler of the bot's own ahead of those of plugins.
        self.handle_first = handlers.register_first
        self._handlers = handlers
        self._intake = intake
        self._dispatcher = dispatcher

    @property
    def key(self) -> str | None:
        """The key of the update that is handled, None for one that Telegram does not keep, or for none."""
        job = current_job.get()
        return None if job is None else job.key

    def event(self, kind: type[Any]) -> Any:  # Any: events have no common base
        """Return the event of a kind (a builder's class) that the update that is handled is, None if none."""
        job = current_job.get()
        return None if job is None else self._handlers.build(kind, job)

    def is_quiet(self, dialog: int) -> bool:
        """Return whether no update of a dialog is on its way, as far as the bot can know."""
        intake = self._intake
        return intake.settled and not intake.batches.queued and not self._dispatcher.has(dialog)
