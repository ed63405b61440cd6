"""A node that leads without Telegram: it hands over; one that takes over asks for what the other was sent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from tgbot.core.errors import StorageError
from tgbot.core.nodeerrors import NoStandbyError
from tgbot.core.nodes import heir_of
from tgbot.operate.nodes import Node
from tgbot.telegram.wire.link import LinkState

logger = logging.getLogger(__name__)

#: How often a node that leads pings Telegram, in seconds.
PING_SECONDS: Final = 1.0
#: How often it is looked whether Telegram answers, in seconds; after a longer pause this process stood still.
LOOK_SECONDS: Final = 0.25
#: For how long Telegram does not answer until another node is to lead, in seconds.
SILENT_SECONDS: Final = 3.0
STOOD_STILL_SECONDS: Final = 1.0
#: The same for a node that has not heard Telegram since it leads: the other one may not hear it either, and
#: the two are not to hand over to each other all the time.
NEVER_HEARD_SECONDS: Final = 60.0
#: For how long Telegram may push updates to the link of a node that died, in seconds, and how often it is
#: asked for them meanwhile.
DEAD_LINK_SECONDS: Final = 90.0
ASK_SECONDS: Final = 2.0


class Updates(Protocol):
    """Takes the bot's updates."""

    def begin_difference(self) -> None:
        """Request everything since the state as taken; do nothing where updates are not taken."""


class CutOff:
    """Hand over to a node that stands by when this one, which leads, does not hear Telegram any more.

    Where no other node stands by, or the lease does not hold, nothing is done: the link is tried on.
    """

    def __init__(
        self,
        link: LinkState,
        node: Node,
        hand_over: Callable[[str], object],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._node = node
        self._hand_over = hand_over
        self._monotonic = monotonic
        self._heard_at = self._looked_at = monotonic()
        self._patience = NEVER_HEARD_SECONDS
        link.ping_seconds = PING_SECONDS

    async def watch(self) -> None:
        """Look until the bot is handed over, or this is cancelled."""
        while True:
            if await self.look():
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> bool:
        """Look once; return whether the bot is handed over."""
        now, link = self._monotonic(), self._link
        before, self._looked_at = self._looked_at, now
        linked = link.ready.is_set() and link.up.running
        if linked and not link.unanswered:
            self._heard_at, self._patience = now, SILENT_SECONDS
        elif linked:
            self._heard_at = min(self._heard_at, now - link.unanswered)
        silent = now - self._heard_at
        if silent < self._patience or not self._node.lease.holds():
            return False
        if now - before > STOOD_STILL_SECONDS:
            return False  # what Telegram has answered meanwhile is not read yet
        try:
            heir = heir_of(self._node.name, "", await self._node.others())
        except (NoStandbyError, StorageError):
            return False
        logger.warning("Telegram has not answered for %.0f s: handing over to the node %s", silent, heir)
        self._node.heir = heir
        link.given_up = True
        self._hand_over(heir)
        return True


async def ask_for_what_went_elsewhere(updates: Updates) -> None:
    """Request differences for as long as Telegram may push to the link of the node that led before.

    It has not closed that link, so Telegram may take it for one that updates can go to.
    """
    for _ in range(round(DEAD_LINK_SECONDS / ASK_SECONDS)):
        await asyncio.sleep(ASK_SECONDS)
        updates.begin_difference()
