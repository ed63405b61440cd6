"""Where the updates of differences go, and where losses are told."""

from __future__ import annotations

import logging
from typing import Protocol

from tgbot.store.base import UpdateState
from tgbot.telegram.updates.portions import Hole, Portion

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Where the updates of differences go."""

    #: Whether updates are taken now.
    taking: bool

    def hand_out(self, portions: list[Portion], before: UpdateState, *, replayed: bool) -> None:
        """Take updates of a difference, and hold the state before them."""

    def prove(self) -> None:
        """Note that everything has reached the bot, unless Telegram's state says otherwise."""

    def lose(self, what: str, count: int = 0) -> None:
        """Note that updates are lost."""


def tell_holes(holes: list[Hole], sink: Sink) -> None:
    """Log holes that were given up, and report them."""
    for hole in holes:
        count = hole.last - hole.first + 1
        logger.error("%d updates never came (%s %d to %d): no difference has them",
                     count, hole.sequence, hole.first, hole.last)  # fmt: skip
        sink.lose("hole", count)
