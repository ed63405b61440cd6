"""The nodes of a bot: what one does, and to which of them the bot can be handed over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from tgbot.core.nodeerrors import NodeNotReadyError, NodeUnknownError, NoStandbyError

#: A node that runs says so each second; after so many seconds of silence it counts as gone.
SILENT_SECONDS: Final = 3.5


class State(StrEnum):
    """What a node does; a member's value is how the database and the command line spell it."""

    #: It opens its parts.
    STARTS = "starts"
    #: It leads as soon as the lease is free, and is not connected to Telegram.
    STANDBY = "standby"
    #: It leads the bot.
    LEADS = "leads"
    #: It finishes what it has begun.
    STOPS = "stops"


class Other(Protocol):
    """A node as the database knows it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def entered(self) -> bool:
        """Whether a process of it runs, or died without a word."""

    @property
    def seen(self) -> float:
        """Seconds since it was seen last."""

    @property
    def state(self) -> str:
        """What it said that it does."""


def heir_of(name: str, wanted: str, others: Sequence[Other]) -> str:
    """Return the node to which the node `name` hands over: the one that is wanted, "" for any.

    Raise NodeUnknownError, NodeNotReadyError or NoStandbyError if it cannot lead now.
    """
    ready = [other.name for other in others if is_ready(other)]
    if not wanted:
        if not ready:
            raise NoStandbyError
        return ready[0]
    if wanted == name:
        raise NodeNotReadyError(wanted, "it leads already")
    other = next((one for one in others if one.name == wanted), None)
    if other is None:
        raise NodeUnknownError(wanted, ", ".join(sorted([name, *(one.name for one in others)])))
    if wanted not in ready:
        raise NodeNotReadyError(wanted, state_of(other))
    return wanted


def is_ready(other: Other) -> bool:
    """Return whether a node stands by now."""
    return other.entered and other.state == State.STANDBY and other.seen < SILENT_SECONDS


def state_of(other: Other) -> str:
    """Return what a person reads of a node: what it does, or that it is gone."""
    if not other.entered:
        return "stopped"
    if other.seen >= SILENT_SECONDS:
        return f"not seen for {other.seen:.0f} s"
    return other.state or State.STARTS
