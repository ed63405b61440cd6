"""The users as they were written last: where their rows are, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from tgbot.core.access import Access
from tgbot.core.errors import RegistryDamagedError
from tgbot.core.users import Counts, User
from tgbot.store.base import UpdateState
from tgbot.store.broadcast_rows import NO_BROADCASTS, BroadcastChanges, BroadcastRows
from tgbot.store.counts import AccessCounts, Moved, Notes
from tgbot.store.parked import ParkedChanges, ParkedRows
from tgbot.store.planned import NO_PLANS, KeptPlans, PlannedChanges, PlannedRows
from tgbot.store.record import UserRecord
from tgbot.store.user_json import PackedUser, refreshed, unpack

if TYPE_CHECKING:  # it imports Telethon, and commands that only read users do without
    from tgbot.store.peers import PeerChanges

#: The name of the note with the `Account` of the bot whose users these are.
ACCOUNT: Final = "account"


@dataclass(frozen=True, slots=True)
class SessionChanges:
    """What a flush writes of the session, where it is in the same place as the users."""

    #: None for nothing.
    peers: PeerChanges | None = None
    state: UpdateState | None = None
    #: Marked ids of peers of whom all is deleted, after the others were written.
    forgotten: Collection[int] = ()


#: Gives what of the session goes along with a flush, to a block that ends when it is written, or was not.
Along: TypeAlias = Callable[[], AbstractContextManager[SessionChanges]]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a flush writes, all or nothing."""

    #: User id → the text.
    users: Mapping[int, str] = field(default_factory=dict)
    #: Users to be deleted.
    gone: Collection[int] = ()
    #: Under which access users are counted, of those for whom it changed.
    moved: Sequence[Moved] = ()
    #: User id → whether they decline broadcasts, of those for whom it may have changed.
    declining: Mapping[int, bool] = field(default_factory=dict)
    #: A note, a parked update or a planned entry that is None is deleted.
    notes: Notes = field(default_factory=dict)
    parked: ParkedChanges = field(default_factory=dict)
    planned: PlannedChanges = NO_PLANS
    broadcasts: BroadcastChanges = NO_BROADCASTS
    #: None where the session is kept elsewhere.
    session: SessionChanges | None = None


class UserRows(ParkedRows, Protocol):
    """Where a registry keeps its users, as JSON text by id (see `user_json`), with what goes with them.

    That is the notes, on their counts (see `AccessCounts`) and other ones, their parked updates, what is
    planned, and the broadcasts with their deliveries.

    Every method raises a StorageError where the rows cannot be read or written.
    """

    #: The name of the place, for errors.
    place: str

    @property
    def broadcasts(self) -> BroadcastRows:
        """The broadcasts in the same place."""

    @property
    def plans(self) -> PlannedRows:
        """What is planned, in the same place."""

    def one(self, user_id: int) -> str | None:
        """Return the text of one user, None if there is none."""

    async def many(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Return the texts of those of these users that are there, in one read."""

    def after(self, user_id: int, access: Access | None) -> Iterator[tuple[int, str | None]]:
        """Yield greater ids in order, in bounded memory; without text where the stored access is not wanted.

        Users of whom a note says that their access ends by itself come with their text whatever it is.
        """

    def notes(self) -> Mapping[str, str]:
        """Return all notes that were written."""

    def recount(self) -> Mapping[str, int]:
        """Count the users by their stored access, with a look at each."""

    async def write(self, changes: Changes) -> None:
        """Write all of these changes, or none; they are on disk on return."""

    def close(self) -> None: ...


class StoredUsers:
    """The users in some rows, for reading only: what was written last, while a bot may be running on it."""

    def __init__(self, rows: UserRows, clock: Callable[[], float]) -> None:
        self._rows = rows
        self._clock = clock
        #: What is planned for later moments, beside the users.
        self.planned = KeptPlans(rows.plans)

    def get(self, user_id: int) -> User | None:
        text = self._rows.one(user_id)
        user = None if text is None else self._unpacked(user_id, text).user
        return user if user is not None and user.met else None

    def count(self) -> Counts:
        return AccessCounts(self._clock, self._rows.notes(), self._rows.recount).now()

    def iterate(self, after_id: int = 0, access: Access | None = None) -> Iterator[User]:
        return (user for _, user in self.scan(after_id, access) if user is not None)

    def scan(self, after_id: int = 0, access: Access | None = None) -> Iterator[tuple[int, User | None]]:
        for user_id, text in self._rows.after(after_id, access):
            user = None if text is None else self._unpacked(user_id, text).user
            yield user_id, user if user is not None and user.met and self._has(user, access) else None

    def packed(self) -> Iterator[tuple[int, PackedUser]]:
        """Yield everybody the bot met by id, in order of ids, as packed text; memory stays bounded."""
        for user_id, text in self._rows.after(0, None):
            try:
                user = refreshed(text or "")
            except ValueError as error:
                raise self._damaged(user_id, error) from error
            if user.met:
                yield user_id, user

    def note(self, name: str) -> str | None:
        """Return the note that was written under a name last, None for nothing."""
        return self._rows.notes().get(name)

    async def texts(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Return the packed text of those of these users that are stored, in one read."""
        return await self._rows.many(user_ids)

    def close(self) -> None:
        self._rows.close()

    def _has(self, user: User, access: Access | None) -> bool:
        return access is None or user.verdict(self._clock()).access is access

    def _unpacked(self, user_id: int, text: str) -> UserRecord:
        try:
            return unpack(text)
        except ValueError as error:
            raise self._damaged(user_id, error) from error

    def _damaged(self, user_id: int, error: ValueError) -> RegistryDamagedError:
        return RegistryDamagedError(self._rows.place, f"the record of user {user_id}: {error}")
