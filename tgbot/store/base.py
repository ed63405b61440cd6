"""The store's one seam: what the bot loads before it handles updates, and what a checkpoint writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from tgbot.core.broadcasts import Audience, Broadcast
from tgbot.core.deliveries import Chunk, Correction, Outcome, Tally, Wanted


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


@dataclass(frozen=True, slots=True)
class Planned:
    """Something to be done at a later moment: kept until it is done."""

    #: There is one entry for each key.
    key: str
    #: When it is due, in unix seconds of Telegram's clock.
    at: int
    #: What carries it out: a job of a plugin, such as "shop.remind", or TALK.
    name: str
    #: Id of the user whom it is about, 0 for none.
    user: int = 0
    #: What it needs to know, as JSON text; it may hold what a user said, so it is never logged.
    data: str = field(default="{}", repr=False)
    #: How often it was tried.
    attempts: int = 0


class PlannedRuns(Protocol):
    """What is to be done at later moments, by key; written at the checkpoint, together with the users.

    There may be millions of entries: only those that wait to be written are in memory.
    """

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written."""

    def plan(self, entry: Planned) -> None:
        """Keep an entry; one with the same key is replaced.

        Raise ValueError, without what it holds, for an entry that no store can write: a moment before 1970 or
        after the year 9999, a key or name that is no UTF-8 or has a NUL, a key of more than
        `planned.KEY_BYTES`, more data than `core.users.DATA_BYTES`.
        """

    def drop(self, key: str) -> None:
        """Drop the entry with this key, if there is one."""

    async def get(self, key: str) -> Planned | None:
        """Return the entry with this key, None if there is none; RegistryDamagedError if it is damaged."""

    async def due(self, now: float, *, limit: int = 100) -> list[Planned]:
        """Return entries whose time has come, the earliest first, those of one time by key.

        A damaged entry is never among them: the log tells of it once, and no other entry waits for it.
        """

    async def next_due(self) -> int | None:
        """Return the earliest time of all entries, None if there is none."""

    async def about(self, user_id: int) -> list[Planned]:
        """Return the entries about a user, the earliest first."""

    async def forget(self, user_id: int) -> None:
        """Drop the entries about a user; off the disk at the next checkpoint."""


class Survey(NamedTuple):
    """Who would get a broadcast, if it began now."""

    #: Language code, "" where none is known → how many recipients speak it (see `User.spoken`).
    languages: Counter[str]
    #: How many users whom the bot may write to want no broadcasts.
    declining: int

    @property
    def size(self) -> int:
        """How many recipients there are."""
        return self.languages.total()


class Broadcasts(Protocol):
    """The broadcasts and their deliveries; those are written at the checkpoint, together with the users.

    Definitions and tallies are in memory, of the chunks only those in use: as long as anybody holds a chunk,
    or it waits to be written, `chunk`, `next_chunk` and `find` return the same object.

    Where a database stays out of reach, so that nobody knows whether it took what is to be on disk on return,
    StorageUnreachableError is raised after some seconds, and the next checkpoint takes it back: it did not
    happen. Only a removal is carried out then.
    """

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written."""

    def all(self) -> list[Broadcast]:
        """Return all broadcasts in the order of their numbers."""

    def get(self, broadcast_id: int) -> Broadcast | None:
        """Return the broadcast with this number, None if there is none."""

    def tally(self, broadcast_id: int) -> Tally:
        """Return how many deliveries of a broadcast have each outcome; it is live. KeyError for none."""

    async def create(self, broadcast: Broadcast) -> Broadcast:
        """Keep a new broadcast under the next number, and return it; on disk on return.

        No number is given twice. Raise a StorageError if it cannot be written: it is not kept then.
        """

    async def change(self, broadcast: Broadcast) -> None:
        """Replace the definition with the same number; on disk on return.

        With another `round` every delivery counts as not yet corrected. Raise a StorageError if it cannot be
        written: the old definition stands then. KeyError for an unknown number.
        """

    async def remove(self, broadcast_id: int) -> bool:
        """Delete a broadcast and its deliveries; off the disk on return. Return whether there was one."""

    async def freeze(self, broadcast: Broadcast, now: float) -> Broadcast:
        """Fill the chunks with the recipients, and replace the definition; both or none is on disk.

        Recipients are the users whom the bot may write to at `now`, by Telegram's clock, who meet the
        conditions of the audience and do not decline broadcasts. Return the definition with size and
        languages. The number of parts must be known; ValueError if not, or if the broadcast has recipients.
        """

    async def survey(self, audience: Audience, now: float) -> Survey:
        """Return who the recipients would be if the audience were frozen at `now`."""

    async def chunk(self, broadcast_id: int, number: int) -> Chunk | None:
        """Return a chunk of deliveries, numbered from 0; None if there is none."""

    async def next_chunk(self, broadcast_id: int, after: int, *, wanted: Wanted) -> Chunk | None:
        """Return the first chunk with a greater number and such deliveries, None if there is none."""

    async def find(self, broadcast_id: int, user_id: int) -> tuple[Chunk, int] | None:
        """Return the chunk with the delivery to a user and its index there, None if they are no recipient."""

    def settle(
        self,
        broadcast_id: int,
        chunk: Chunk,
        index: int,
        outcome: Outcome,
        at: int,
        *,
        language: int = 0,
        messages: Sequence[int] = (),
        error: str = "",
    ) -> None:
        """Store what came of a delivery, in place of what was stored before; written at the checkpoint.

        `language` is the place in `Broadcast.languages`, counted from 1; `error` the name of
        Telegram's error where the outcome is FAILED. Nothing is stored of a user who was forgotten meanwhile.
        """

    def settle_all(self, broadcast_id: int, chunk: Chunk, before: Outcome, after: Outcome, at: int) -> int:
        """Replace the outcome `before` with `after` in a whole chunk; return for how many deliveries."""

    def correct(
        self, broadcast_id: int, chunk: Chunk, index: int, correction: Correction, *, error: str = ""
    ) -> None:
        """Store what came of editing or deleting a delivered message; written at the checkpoint.

        `error` is the name of Telegram's error where the correction is REFUSED.
        """

    def removed(self, broadcast_id: int, number: int) -> None:
        """Count messages that Telegram says it deleted; written with the next correction."""

    def click(self, broadcast_id: int, chunk: Chunk, index: int, button: int) -> bool:
        """Store that a recipient used a button with a counted link; return whether it is their first use."""

    async def forget(self, user_id: int) -> None:
        """Delete a user from all deliveries and audiences; off the disk at the next checkpoint."""


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

    async def checkpoint(self, state: UpdateState | None) -> None:
        """Write everything that changed before this call, and the update state if one is given.

        Kept on return; after a crash the state that is kept is never ahead of the users and peers that are.
        Raise a StorageError if it cannot be written: nothing is lost from memory then, and the next call
        writes it again. LeaseLostError where several nodes share a store and another one leads. Calls run one
        after another.
        """
