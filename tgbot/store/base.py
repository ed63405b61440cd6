"""The store's one seam: what the bot loads before it handles updates, and what a checkpoint writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol


class UpdateState(NamedTuple):
    """A position in Telegram's log of updates: everything at or below it is finished, or parked."""

    pts: int
    qts: int
    #: Unix seconds of Telegram's clock.
    date: int
    seq: int
    #: Bare channel id → pts of its own log.
    channels: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Account:
    """What Telegram said of the bot's account at the last login; the rest is set at @BotFather."""

    id: int
    #: Whether the bot can be added to groups.
    joins_groups: bool
    #: Whether it gets all messages of a group (no "privacy mode"), not only those meant for it.
    reads_groups: bool
    #: Whether it gets inline queries.
    inline: bool


class Reason(StrEnum):
    """Why an update is parked; a member's value is how the command line and the store spell it."""

    #: Telegram puts it off for longer than a handler may wait, or its answer cannot be read: tried again by
    #: itself at `retry_at`.
    LATER = "later"
    #: A handler raised, or took longer than its time: tried again by hand.
    FAILED = "failed"
    #: The process died twice in a row while it was handled: tried again by hand.
    POISON = "poison"


@dataclass(frozen=True, slots=True)
class Parked:
    """An update that could not be finished: kept until it is, while the checkpoint goes on."""

    #: The update's key; there is one entry for each.
    key: str
    #: Marked id of the update's dialog.
    dialog: int
    #: Id of the user whom the update is from or about, 0 for none.
    user: int
    reason: Reason
    #: The plugin and handler at which it ended, such as "examples.echo.register.echo"; "" if none is known.
    handler: str
    #: The name of the error: Telegram's, such as "FLOOD_WAIT_65", or a Python class, such as "ValueError".
    error: str
    #: Where and with which words it was raised; may hold message texts, so it is never logged.
    trace: str = field(repr=False)
    #: Telegram's time in unix seconds at which it was parked first.
    parked_at: int
    #: Telegram's time at which it is tried again; None: by hand only.
    retry_at: int | None
    #: How often it was tried.
    attempts: int
    #: The update with its users and chats, as the bytes of a TL object `updates`.
    update: bytes = field(repr=False)


class ParkedUpdates(Protocol):
    """The updates that could not be finished now, by key; written at the checkpoint, together with the users.

    Together, because a user's last finished message may be the one that is parked.
    """

    #: How many entries there are for each reason.
    by_reason: Counter[Reason]

    def park(self, entry: Parked) -> None:
        """Keep an update; an entry with the same key is replaced, with its time and attempts in the new one.

        Beyond the limit of the store the oldest FAILED ones that wait for a hand are dropped. A LATER one
        that was parked too long ago is kept as FAILED. After 30 days those that wait for a hand are dropped.
        """

    def get(self, key: str) -> Parked | None:
        """Return the entry with this key, None if there is none."""

    def drop(self, key: str) -> bool:
        """Drop the entry with this key; return whether there was one."""

    def due(self, now: float) -> list[str]:
        """Return the keys of entries whose time to be tried again has come, the earliest first."""

    def next_due(self) -> int | None:
        """Return the earliest time at which an entry is to be tried again, None if there is none."""

    def entries(self, after: tuple[int, str] | None = None) -> Iterator[Parked]:
        """Yield all entries, the one parked first first; the lot may change meanwhile.

        With `after`, a time and a key, only those behind that place in the order.
        """

    def count(self, user_id: int) -> int:
        """Return how many entries are from or about this user, or of the private dialog with them."""


class Store(Protocol):
    """Keeps peers, update state and users, through a kill or a power cut.

    Changes are in memory until a checkpoint writes them. One contract suite runs against every store.
    """

    @property
    def changed(self) -> bool:
        """Whether a checkpoint is wanted: something waits to be written, or the last one was long ago."""

    def loaded(self, ids: AbstractSet[int]) -> bool:
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
