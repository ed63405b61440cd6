"""Where the updates of differences go, and where losses are told."""

from __future__ import annotations

import logging
from typing import Protocol

from tgbot.core.plural import counted
from tgbot.store.base import UpdateState
from tgbot.telegram.updates.portions import Hole, Portion

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Where the updates of differences go."""

    #: Whether updates are taken now.
    taking: bool

    def hand_out(self, portions: list[Portion], before: UpdateState, *, replayed: bool) -> None:
        """Take updates of a difference, and hold the state before them."""

    async def room(self) -> None:
        """Return once there is room for more updates; what was handed out is a proof that they come."""

    def prove(self) -> None:
        """Note that everything has reached the bot, unless Telegram's state says otherwise."""

    def lose(self, what: str, count: int = 0) -> None:
        """Note that updates are lost."""


def tell_holes(holes: list[Hole], sink: Sink) -> None:
    """Log holes that were given up, and report them."""
    for hole in holes:
        logger.error("%s never came (%s): in no difference", counted(hole.size, "update"), hole)
        sink.lose("hole", hole.size)


def tell_lost(what: str, why: str, holes: list[Hole], sink: Sink, *, brought: int = 0) -> None:
    """Log why updates are lost, and report them: those in holes, but for as many as the answer brought."""
    count = max(sum(hole.size for hole in holes) - brought, 0)
    if count:
        lost = counted(count, "update")
        logger.error("%s; %s lost for good (%s)", why, lost, ", ".join(map(str, holes)))
    else:
        logger.error("%s; some are lost for good", why)
    sink.lose(what, count)
