"""Which of a bot's sessions gets an update: Telegram does not promise that all of them do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from .feeds import UpdatesTo
from .logs import Entry
from .world import World


class Receiver(Protocol):
    """What is known of a session that gets updates."""

    sent_pts: int
    sent_qts: int
    #: Entries that another session gets.
    others: set[Entry]
    #: Grows with each call; the session with the greatest number is the one that was active last.
    active: int


class Recipients:
    """Choose the session of each update once.

    What another session gets is a gap in the numbers of all others, and so is what was chosen for a session
    that went before it was sent: a difference has it.
    """

    def __init__(self, world: World, random: Callable[[int], bytes]) -> None:
        self._world = world
        self._random = random
        #: The state of each account up to which sessions have been chosen.
        self._fronts: dict[int, tuple[int, int]] = {}
        self._calls = 0

    def reset(self) -> None:
        """Forget what was chosen: all sessions have ended."""
        self._fronts.clear()

    def called(self, session: Receiver) -> None:
        """Note that a session is the one that was active last."""
        self._calls += 1
        session.active = self._calls

    def are_all(self, account: int) -> bool:
        """Return whether all sessions of an account get everything."""
        return self._world.updates_to is UpdatesTo.ALL or not self._world.accounts[account].is_bot

    def choose(self, account: int, connected: Collection[Receiver]) -> None:
        """Choose a session for each entry of the account's log that none was chosen for."""
        if not connected:
            return  # whoever connects again gets it
        pts, qts = self._fronts.get(account, (0, 0))
        pts = max(pts, *(session.sent_pts for session in connected))
        qts = max(qts, *(session.sent_qts for session in connected))
        for entry in self._world.entries(account, pts, qts):
            chosen = self.one(connected)
            for session in connected:
                if session is not chosen:
                    session.others.add(entry)
        self._fronts[account] = self._world.state(account)[:2]

    def one(self, connected: Collection[Receiver]) -> Receiver:
        """Return the session that gets the next update, of those that are connected."""
        if self._world.updates_to is UpdatesTo.LAST:
            return max(connected, key=lambda session: session.active)
        return list(connected)[int.from_bytes(self._random(4), "little") % len(connected)]

    def returned(self, account: int, session: Receiver) -> None:
        """Have a session that connects again miss what was chosen for others while it was away."""
        pts, qts = self._fronts.get(account, (0, 0))
        session.sent_pts = max(session.sent_pts, pts)
        session.sent_qts = max(session.sent_qts, qts)
