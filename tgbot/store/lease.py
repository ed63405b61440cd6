"""The rules of the lease: what its row allows at a moment, and what a node may believe by its own clock.

The row is in a database that all nodes of a bot share, and its times are that database's. A node compares
them with nothing of its own: it counts seconds on its own clock from before it asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: How long a lease lasts, in seconds, unless the configuration says otherwise.
LEASE_SECONDS: Final = 2.5
#: How long the node that the leader handed over to has for itself, in seconds; then any other may lead.
HEIR_SECONDS: Final = 3.0
#: The part of a lease that a node does not count on: its clock may run so much slower than the database's.
MARGIN: Final = 0.15
#: A standby asks at least so often, in seconds.
LOOK_SECONDS: Final = 1.0
#: A lease is renewed so often while it lasts, and a renewal may take this part of it.
_RENEWALS, _PATIENCE = 5, 0.4


@dataclass(frozen=True, slots=True)
class Holder:
    """The row of the lease, read at `now`; all times are the database's, in unix seconds."""

    #: The node that leads; "" after it released the lease, and before the first.
    node: str
    #: Counts the changes of the leader.
    epoch: int
    since: float
    #: After this time another node may take the lease; its holder may still renew it, if none did.
    until: float
    #: The node that the last leader handed over to, "" for any.
    heir: str
    now: float
    #: The node whose lease was over when the present one took it, "" if it had released it.
    taken_from: str = ""

    @property
    def leads(self) -> bool:
        """Whether the node leads: nobody may take the lease from it now."""
        return self.node != "" and self.now <= self.until

    @property
    def left(self) -> float:
        """The seconds that the lease still lasts; none, or fewer, if nobody leads."""
        return self.until - self.now if self.node else 0.0

    def open_to(self, node: str) -> bool:
        """Return whether this node may take the lease: a change of the leader, and a new epoch."""
        return self._opens(node) < self.now

    def pause(self, node: str) -> float:
        """Return after how many seconds a standby of this name should ask again."""
        return 0.0 if self.open_to(node) else min(LOOK_SECONDS, self._opens(node) - self.now)

    def _opens(self, node: str) -> float:
        """Return the time after which this node may take the lease, unless it is renewed before."""
        if self.heir not in ("", node):
            return self.until + HEIR_SECONDS
        return self.until if self.node else float("-inf")


class Tenure:
    """What one node may believe of its lease, by a clock of its own that never goes back.

    It counts from before the lease was asked for, and counts on less than all of it: while the node holds it
    by this clock, no other can have taken it, whenever the question arrived and the answer came back.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        #: The epoch in which the node leads, 0 while it does not.
        self.epoch = 0
        self._until = float("-inf")

    def taken(self, epoch: int, asked: float) -> None:
        """Note that the lease is taken, with a question that was sent at `asked` or later."""
        self.epoch = epoch
        self._until = asked + self.seconds * (1 - MARGIN)

    def renewed(self, epoch: int, asked: float) -> bool:
        """Note that the lease of an epoch is renewed; return False if it was given up meanwhile."""
        if not epoch or epoch != self.epoch:
            return False
        self._until = max(self._until, asked + self.seconds * (1 - MARGIN))
        return True

    def given_up(self) -> None:
        """Note that the node leads no more."""
        self.epoch, self._until = 0, float("-inf")

    def holds(self, now: float) -> bool:
        """Return whether no other node can lead at this time."""
        return now < self._until

    @property
    def renewal_pause(self) -> float:
        """The seconds from one renewal to the next."""
        return self.seconds / _RENEWALS

    @property
    def renewal_limit(self) -> float:
        """The seconds that a renewal may take; there is time for a second one before the lease ends."""
        return self.seconds * _PATIENCE
