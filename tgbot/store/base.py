"""The store's one seam: what the bot loads before it handles updates, and what a checkpoint writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class UpdateState:
    """A position in Telegram's log of updates: everything at or below it is finished, or parked."""

    pts: int
    qts: int
    #: Unix seconds of Telegram's clock.
    date: int
    seq: int
    #: Bare channel id → pts of its own log.
    channels: Mapping[int, int] = field(default_factory=dict)


class Store(Protocol):
    """Keeps peers, update state and users, through a kill or a power cut.

    Changes are in memory until a checkpoint writes them. One contract suite runs against every store.
    """

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written."""

    def loaded(self, ids: Iterable[int]) -> bool:
        """Return whether all of these marked ids can be read from memory now."""

    async def load(self, ids: Iterable[int]) -> None:
        """Read what is known of these marked ids into memory; unknown ids cost no second read.

        A batch of updates is dispatched only after this has returned, so handlers never wait for a disk or
        a network.
        """

    async def checkpoint(self, state: UpdateState | None, *, lease: int = 1) -> None:
        """Write everything that changed before this call, and the update state if one is given.

        Safe on disk on return; after a crash the state on disk is never ahead of the users and peers on
        disk. `lease` is the number under which this process may write (always 1 where one process owns the
        files). Raise a StorageError if it cannot be written: nothing is lost from memory then, and the next
        call writes it again. Calls run one after another.
        """
