"""The row of the lease in memory, and what is done to it, by the rules of `tgbot.store.lease`."""

from __future__ import annotations

from dataclasses import replace

from tgbot.store.lease import Holder

#: Nobody has led yet.
FIRST = Holder(node="", epoch=0, since=0.0, until=float("-inf"), heir="", now=0.0)


def taken(held: Holder, node: str, seconds: float) -> Holder | None:
    """Return the row after a take, None where that is refused."""
    if not held.open_to(node):
        return None
    return replace(held, node=node, epoch=held.epoch + 1, since=held.now, until=held.now + seconds, heir="")


def renewed(held: Holder, node: str, epoch: int, seconds: float) -> Holder | None:
    """Return the row after a renewal, None where that is refused; it may be over, if nobody took it."""
    if (held.node, held.epoch) != (node, epoch):
        return None
    return replace(held, until=held.now + seconds)


def released(held: Holder, node: str, epoch: int, heir: str) -> Holder | None:
    """Return the row after a release, None where that is refused."""
    if (held.node, held.epoch) != (node, epoch):
        return None
    return replace(held, node="", until=held.now, heir=heir)


def admits(held: Holder, epoch: int) -> bool:
    """Return whether the fence lets a transaction of this epoch be committed."""
    return held.epoch == epoch
