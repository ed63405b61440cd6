"""Numbers about a running client, read out of its parts when somebody asks: nothing is counted for them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from telethon.tl import TLRequest

from tgbot.telegram.calls.entrance import Entrance
from tgbot.telegram.calls.limits import FloodWaits
from tgbot.telegram.calls.retries import Retries
from tgbot.telegram.checkpoints import Checkpoints
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.events import Handlers
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.watch import Watch
from tgbot.telegram.wire.link import LinkState


class Reading(NamedTuple):
    """The numbers at one moment. What is counted is counted since the start; times are seconds."""

    link_up: bool
    logged_in: bool
    #: How many links were made, and logins; how often Telegram sent what cannot be read.
    links: int
    logins: int
    unreadable: int
    #: Since the last proof that updates reach the bot.
    proof_age: float
    #: How often it was found that updates do not reach the bot, and whether that is so now.
    deafnesses: int
    deaf: bool
    #: The place in the account's log, and by how many numbers it is behind what Telegram named last.
    pts: int
    pts_behind: int
    qts_behind: int
    #: Updates that are not finished, and those of them that handlers work on.
    unfinished: int
    running: int
    losses: Mapping[str, int]
    #: How often handlers raised or were cut off, by their module.
    handler_errors: Mapping[str, int]
    checkpoints: int
    checkpoint_seconds: float
    checkpoint_failures: int
    #: Since the last checkpoint was complete.
    checkpoint_age: float
    #: How often Telegram asked to wait, and for how long in all; by the class of the request.
    flood_waits: Mapping[type[TLRequest], int]
    flood_seconds: Mapping[type[TLRequest], int]
    #: How often requests were made again, by the reason.
    made_again: Mapping[str, int]
    #: Flood waits that last now, and until the last of them is over.
    waits: int
    longest_wait: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The parts of a client that know the numbers."""

    link: LinkState
    intake: Intake
    watch: Watch
    batches: Batches
    dispatcher: Dispatcher
    handlers: Handlers
    checkpoints: Checkpoints
    floods: FloodWaits
    retries: Retries
    entrance: Entrance

    def sends(self) -> int:
        """Return how many messages the bot has sent since the start, but for those to many people."""
        return self.entrance.sends

    def read(self) -> Reading:
        """Return the numbers of this moment, which do not change afterwards."""
        checkpoints = self.checkpoints
        pts_behind, qts_behind = self.intake.behind()
        waits = self.floods.waits()
        return Reading(
            link_up=self.link.up.running,
            logged_in=self.link.ready.is_set(),
            links=self.link.links,
            logins=self.link.logins,
            unreadable=self.link.unreadable,
            proof_age=self.watch.proof_age(),
            deafnesses=self.watch.deafnesses,
            deaf=self.watch.deaf,
            pts=self.intake.log.mark().pts,
            pts_behind=pts_behind,
            qts_behind=qts_behind,
            unfinished=self.batches.waiting,
            running=self.dispatcher.running,
            losses=dict(self.intake.losses),
            handler_errors=dict(self.handlers.errors),
            checkpoints=checkpoints.made,
            checkpoint_seconds=checkpoints.seconds,
            checkpoint_failures=checkpoints.failed,
            checkpoint_age=time.monotonic() - checkpoints.made_at,
            flood_waits=dict(self.floods.asked),
            flood_seconds=dict(self.floods.seconds),
            made_again=dict(self.retries.made_again),
            waits=len(waits),
            longest_wait=max(waits, default=0.0),
        )
