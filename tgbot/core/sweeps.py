"""What a sweep is: whom of all users it probes, how far it is, and what it has found. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from tgbot.core.access import Access, Evidence
from tgbot.core.users import User

#: How many users a second a sweep probes, unless told otherwise.
RATE: Final = 30.0
#: Whose access a sweep looks at, unless told otherwise: those gone for good are left out.
USUAL: Final = (Access.REACHABLE, Access.BLOCKED, Access.NOT_ALLOWED, Access.UNKNOWN)


class State(StrEnum):
    """Where a sweep stands; a member's value is how it is stored, so it never changes."""

    #: It probes, and goes on after a restart.
    RUNNING = "running"
    #: It waits until somebody resumes it.
    PAUSED = "paused"
    #: It has looked at everybody.
    FINISHED = "finished"
    #: Somebody ended it.
    CANCELLED = "cancelled"


class Look(msgspec.Struct, frozen=True):
    """What became of one user: the access before and after a probe, or the name of an error; or nothing."""

    before: Access | None = None
    after: Access | None = None
    error: str = ""


#: A user who is passed over.
PASSED: Final = Look()


class Progress(msgspec.Struct):
    """A sweep: what it is to do, and the numbers of all users up to the id `cursor`."""

    #: Whose access is looked at.
    access: tuple[Access, ...]
    #: Who was judged by evidence that is younger, in seconds, is skipped; 0: nobody.
    older_than: int
    #: The most probes a second.
    rate: float
    #: Telegram's time in unix seconds.
    started_at: int
    #: How many users had such an access at the start.
    total: int
    state: State = State.RUNNING
    ended_at: int | None = None
    #: All users up to this id are done.
    cursor: int = 0
    #: How many had such an access; of those, how many were probed, and how many skipped.
    looked_at: int = 0
    probed: int = 0
    skipped: int = 0
    #: Access before and after, with a space between → how many users.
    changes: dict[str, int] = {}
    #: The name of an error that says nothing about access → for how many users it came.
    errors: dict[str, int] = {}
    #: How often Telegram asked to wait.
    floods: int = 0
    #: The chat and the id of the message that shows an admin how far it is.
    shown: tuple[int, int] | None = None

    @property
    def open(self) -> bool:
        """Whether it is neither finished nor cancelled."""
        return self.state in (State.RUNNING, State.PAUSED)

    def wants(self, user: User, now: float) -> bool | None:
        """Return whether a user is to be probed; None for one who is not looked at.

        A bot is never probed.
        """
        access, _, _, evidence = user.verdict(now)
        if access not in self.access or access is Access.BOT or user.bot:
            return None
        return not self._is_fresh(evidence, now)

    def _is_fresh(self, evidence: Evidence | None, now: float) -> bool:
        return self.older_than > 0 and evidence is not None and evidence.at > now - self.older_than

    def note(self, user_id: int, look: Look) -> None:
        """Count the next user in the order of ids."""
        self.cursor = user_id
        self.looked_at += 1
        if look.error:
            self.errors[look.error] = self.errors.get(look.error, 0) + 1
        elif look.after is None:
            self.skipped += 1
        else:
            self.probed += 1
            if look.after is not look.before:
                change = f"{look.before} {look.after}"
                self.changes[change] = self.changes.get(change, 0) + 1

    def found(self) -> list[tuple[Access, Access, int]]:
        """Return access before, access after and how many users, the most frequent change first."""
        found = [(Access(one), Access(other), n) for (one, other), n in self._changes()]
        return sorted(found, key=lambda change: (-change[2], change))

    def _changes(self) -> Iterator[tuple[list[str], int]]:
        return ((change.split(), number) for change, number in self.changes.items())


def pack(progress: Progress) -> str:
    """Return a sweep as text, to be kept."""
    return msgspec.json.encode(progress).decode()


def unpack(text: str) -> Progress:
    """Return the sweep that was packed; raise ValueError if the text holds none."""
    return msgspec.json.decode(text, type=Progress)
