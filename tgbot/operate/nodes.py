"""The nodes of a bot: what one tells of itself, the commands of one that stands by, and `handover`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from tgbot import __version__
from tgbot.core.nodes import Other, State, heir_of
from tgbot.operate import levels
from tgbot.operate.control import Command, Say
from tgbot.store.lease import Holder


class Lease(Protocol):
    """The lease of this node."""

    @property
    def epoch(self) -> int:
        """The epoch in which it leads, 0 while it does not."""

    def holds(self) -> bool:
        """Return whether no other node can lead now."""


class Node(Protocol):
    """This process as a node."""

    name: str
    #: Who leads, as it was read last.
    holder: Holder | None
    #: The node that gets the lease when this one leaves.
    heir: str
    #: How often the database could not be reached.
    errors: int

    @property
    def lease(self) -> Lease:
        """Its lease."""

    @property
    def situation(self) -> str:
        """Who leads, as a person reads it."""

    async def others(self) -> Sequence[Other]:
        """Return the other nodes."""


class NodeNumbers(NamedTuple):
    """Numbers about a node at one moment."""

    leads: bool
    #: The epoch of who leads, 0 where it is not known.
    epoch: int
    #: How often the database could not be reached, since the start.
    errors: int


def numbers(node: Node, errors: int = 0) -> NodeNumbers:
    """Return the numbers of this moment; `errors` are those that others of this process met."""
    epoch = node.lease.epoch or (node.holder.epoch if node.holder is not None else 0)
    return NodeNumbers(node.lease.holds(), epoch, node.errors + errors)


def described(node: Node) -> dict[str, object]:
    """Return what `status` tells of a node."""
    holder = node.holder
    leads = node.lease.epoch > 0
    leader = node.name if leads else holder.node if holder is not None and holder.leads else None
    return {
        "name": node.name,
        "leads": leads,
        "leader": leader,
        "epoch": numbers(node).epoch,
        "holds": node.lease.holds(),
    }


def standby_commands(node: Node, *, monotonic: Callable[[], float] = time.monotonic) -> dict[str, Command]:
    """Return the commands of a node that does not lead; the time that it is up counts from this call."""
    began = monotonic()

    async def status(say: Say) -> object:
        return {
            "ready": False,
            "trouble": f"{State.STANDBY}: {node.situation}",
            "version": __version__,
            "pid": os.getpid(),
            "uptime": round(monotonic() - began, 3),
            "node": described(node),
        }

    return {"status": status, **levels.commands()}


def handover(node: Node, hand_over: Callable[[str], object]) -> Command:
    """Return the command of a node that leads; `hand_over` has the bot stop, for another node to lead."""

    async def begin(say: Say, to: str = "") -> object:
        heir = heir_of(node.name, to, await node.others())
        node.heir = heir
        hand_over(heir)
        return {"from": node.name, "to": heir, "epoch": node.lease.epoch}

    return begin
