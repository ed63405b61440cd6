"""A talk that runs: its function on a strand, from its top to where it stands, and from there on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from telethon import events

from tgbot.core.talks import KeptTalk
from tgbot.plugins.talks.course import Course
from tgbot.plugins.talks.given import Cancelled, Event, Late, Pressed, Written
from tgbot.plugins.talks.raised import Misfit, TalkCancelled, TalkExpired
from tgbot.plugins.talks.registered import Registered
from tgbot.plugins.talks.steps import Steps
from tgbot.plugins.talks.surroundings import Surroundings
from tgbot.plugins.talks.talk import Talk
from tgbot.telegram.strand import Strand
from tgbot.telegram.updates.job import waiting

logger = logging.getLogger(__name__)


class Running:
    """A talk in memory. `save` keeps it; the last time as one that is over."""

    def __init__(
        self,
        bot: Surroundings,
        registered: Registered,
        user_id: int,
        chat_id: int,
        kept: KeptTalk,
        save: Callable[[KeptTalk], None],
        ended: Callable[[], None],
    ) -> None:
        """`ended` is called once the function has ended, also where it was cut off."""
        self._registered = registered
        self._save = save
        self.strand = bot.client.inside.strands.begin(self._run, registered.function, ended)
        self.steps = Steps(kept, save, self.strand.name_sends)
        match = registered.match(kept.text)
        self.course = Course(bot, self.strand, self.steps, user_id, chat_id, match)
        self._talk = Talk(self.course)

    def is_late(self, now: float) -> bool:
        """Return whether the time for an answer to the open question is over; its last second is not."""
        until = self.steps.kept.until
        return 0 < until < int(now)

    async def carry(self, event: Event, given: Written | Pressed | Cancelled | Late | None = None) -> bool:
        """Let the function go on, for the update of this event; return whether it waits for an answer."""
        self.course.event = event
        try:
            return await self.strand.carry(given)
        finally:
            self.course.event = None

    async def _run(self, strand: Strand) -> None:
        talk, course, steps = self._talk, self.course, self.steps
        try:
            try:
                await self._registered.function(talk)
            except events.StopPropagation:
                pass
            finally:
                if steps.misfit is not None and not strand.closing:
                    raise steps.misfit
            steps.finish()
        except TalkExpired:
            await course.close("talk-expired")
        except TalkCancelled as error:
            await course.close("talk-cancelled" if error.command == "cancel" else "")
        except Misfit as error:
            logger.warning(
                "the talk %s does not fit its code any more at step %d, and is ended",
                self._registered.name,
                error.step,
            )
            if self._registered.on_changed is None:
                await course.close("talk-changed")
            else:
                course.begin_closing()
                await self._registered.on_changed(talk)
        if not strand.closing:
            self._save(over(steps.kept))


def over(kept: KeptTalk) -> KeptTalk:
    """Return what stays of a talk that has ended."""
    return KeptTalk(kept.name, kept.key, kept.at, last=kept.last, album=kept.album, over=True)


@dataclass(slots=True, eq=False)
class Line:
    """What comes for the talk of one user in one chat, one after another."""

    #: The talk, if it is in memory.
    running: Running | None = None
    #: Whether something may be planned for it.
    planned: bool = True
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: How many are in line.
    waiting: int = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn; that time is not the handler's own."""
        self.waiting += 1
        try:
            async with AsyncExitStack() as held:
                if self._lock.locked():
                    async with waiting():
                        await held.enter_async_context(self._lock)
                else:
                    await held.enter_async_context(self._lock)
                yield
        finally:
            self.waiting -= 1
