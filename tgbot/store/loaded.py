"""The users in memory, in front of their rows: those in use, and those not yet written."""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from tgbot.core.access import Access
from tgbot.core.users import Profile, User, UserFields
from tgbot.store.record import UserRecord
from tgbot.store.stored import StoredUsers, UserRows

#: How many users stay in memory beside those not yet saved.
CACHED_USERS: Final = 20_000
#: How many ids are remembered as unknown to the store, so that it is not asked for them again.
ABSENT_IDS: Final = 10_000

_PAGE: Final = 500  # users loaded between two turns of the event loop


class LoadedUsers(StoredUsers):
    """The users as they are now; those that were used least recently leave memory beyond `cached_users`."""

    def __init__(self, rows: UserRows, clock: Callable[[], float], cached_users: int) -> None:
        super().__init__(rows, clock)
        self._cached_users = cached_users
        self._records: OrderedDict[int, UserRecord] = OrderedDict()
        #: Changed since they were written, and being written now; both are among `_records`, too.
        self._dirty: dict[int, UserRecord] = {}
        self._saving: dict[int, UserRecord] = {}
        self._absent: dict[int, None] = {}
        #: How many writes have ended: what was read before one may not be as it is now.
        self.written = 0

    def get(self, user_id: int) -> User | None:
        record = self._records.get(user_id) or self._find(user_id)
        if record is None or (record.counted is None and not record.met):
            return None
        return record.user

    def last_finished(self, user_id: int) -> int:
        record = self._records.get(user_id) or self._find(user_id)
        return 0 if record is None else record.fields.last_finished_id

    def scan(self, after_id: int = 0, access: Access | None = None) -> Iterator[tuple[int, User | None]]:
        # What is not written yet is few, so it is sorted; the rest comes from the rows, a page at a time.
        unsaved = sorted(i for i in {**self._saving, **self._dirty} if i > after_id)
        stored = self._rows.after(after_id, access)
        before = after_id
        for user_id, text in heapq.merge(((i, "") for i in unsaved), stored, key=lambda row: row[0]):
            if user_id == before:
                continue
            before = user_id
            record = self._records.get(user_id)
            if record is None and text == "":  # written, and gone from memory, since the iteration began
                text = self._rows.one(user_id)
            if record is None and text is not None:
                record = self._unpacked(user_id, text)
            wanted = record is not None and record.user.met and self._has(record.user, access)
            yield user_id, record.user if record is not None and wanted else None

    def loaded(self, user_ids: AbstractSet[int]) -> bool:
        """Return whether all of these users, as far as there are any, are in memory."""
        records, absent = self._records, self._absent
        return records.keys() >= user_ids or all(one in records or one in absent for one in user_ids)

    async def load(self, user_ids: Iterable[int]) -> None:
        """Read these users into memory, those that are not there, many in one read."""
        wanted = self.missing(user_ids)
        for start in range(0, len(wanted), _PAGE):
            if start:
                await asyncio.sleep(0)
            page = wanted[start : start + _PAGE]
            self.take_in(page, await self._read(page))

    def missing(self, user_ids: Iterable[int]) -> list[int]:
        """Return those of these users of whom the rows have to be asked."""
        records, absent = self._records, self._absent
        return [one for one in user_ids if one not in records and one not in absent]

    def take_in(self, user_ids: Collection[int], texts: Mapping[int, str]) -> None:
        """Note what was read of users who were missing; what came in while they were read is newer.

        Nothing may have been written since: `written` is as it was.
        """
        records, absent = self._records, self._absent
        for user_id in user_ids:
            if user_id in records or user_id in absent:
                continue
            if user_id in texts:
                records[user_id] = self._unpacked(user_id, texts[user_id])
            else:
                absent[user_id] = None
        self._evict(2 * len(user_ids))

    async def _read(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Return the texts of these users as they are now, with no write that ended since the read began.

        Somebody may come and leave memory meanwhile, or be imported.
        """
        while True:
            written = self.written
            texts = await self._rows.many(user_ids)
            if written == self.written:
                return texts

    def _find(self, user_id: int) -> UserRecord | None:
        """Return the record from the rows; None if there is none, which is remembered."""
        if user_id in self._absent:
            return None
        text = self._rows.one(user_id)
        self._evict(8)
        if text is None:
            self._absent[user_id] = None
            return None
        record = self._records[user_id] = self._unpacked(user_id, text)
        return record

    def _obtain(self, user_id: int) -> UserRecord:
        """Return the record from the rows, or a new one; it is in memory from here on."""
        record = self._find(user_id)
        if record is None:
            record = self._records[user_id] = UserRecord(UserFields(user_id, Profile(user_id)))
        return record

    def _change(self, user_id: int) -> UserRecord:
        """Return the record, to be written at the next flush."""
        record = self._dirty[user_id] = self._records.get(user_id) or self._obtain(user_id)
        return record

    def _evict(self, at_most: int) -> None:
        """Drop from memory the written users who were used least recently, and the oldest absent ids."""
        for _ in range(len(self._absent) - ABSENT_IDS):
            del self._absent[next(iter(self._absent))]
        for _ in range(min(at_most, len(self._records) - self._cached_users)):
            user_id, record = self._records.popitem(last=False)
            if user_id in self._dirty or user_id in self._saving:
                self._records[user_id] = record
            else:
                self._absent.pop(user_id, None)
