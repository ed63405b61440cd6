"""The rules of the registry of users; where the users are kept is behind `UserRows`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import islice
from typing import Final

from tgbot.core.access import Access, Evidence, Kind, Seen, seen_of
from tgbot.core.broadcasts import NEWS, declines
from tgbot.core.clock import is_future
from tgbot.core.errors import StorageError
from tgbot.core.storeerrors import UnfinishedCopyError
from tgbot.core.talks import KeptTalk
from tgbot.core.users import CAME, KNOWN_BY, LANGUAGE, Counts, JsonObject, Profile, User, UserFields, Way
from tgbot.core.verdicts import LASTING, ORDINARY, in_order
from tgbot.store.base import Account
from tgbot.store.broadcasts import StoredBroadcasts
from tgbot.store.completion import to_the_end
from tgbot.store.counts import AccessCounts
from tgbot.store.kept import copy_of, kept_data, kept_talk
from tgbot.store.loaded import CACHED_USERS, LoadedUsers
from tgbot.store.parked import PARKED_UPDATES, ParkingLot
from tgbot.store.record import UserRecord
from tgbot.store.stored import ACCOUNT, Along, Changes, UserRows
from tgbot.store.tables import COPYING
from tgbot.store.user_json import pack

_SLICE: Final = 50  # users packed between two turns of the event loop: well under a millisecond

#: Names of their own, because they are needed for each message: a member of an enum is looked up slowly.
_MESSAGE: Final = Kind.MESSAGE
_START: Final = Kind.START
_REACHABLE: Final = Access.REACHABLE


class Registry(LoadedUsers):
    """A `UserRegistry` on some rows, with the users in use, and those not yet written, in memory.

    `clock` is Telegram's clock, in unix seconds. A flush writes what has changed; users that were used least
    recently leave memory once they are written, beyond `cached_users`. `parked` is how many updates that
    handlers failed on are kept. A flush calls `came` with the ids of those of its users who came to the bot.
    """

    def __init__(
        self,
        rows: UserRows,
        clock: Callable[[], float],
        *,
        cached_users: int = CACHED_USERS,
        parked: int = PARKED_UPDATES,
        came: Callable[[Collection[int]], None] = lambda user_ids: None,
    ) -> None:
        super().__init__(rows, clock, cached_users)
        self._came = came
        #: The updates that could not be finished, in the same commit as the users.
        self.parked = ParkingLot(rows, clock, limit=parked)
        #: Notes that are not written yet.
        self._notes: dict[str, str] = {}
        #: Users whose wish to get broadcasts, or none, may not be as it was written.
        self._wishes: set[int] = set()
        notes = rows.notes()
        if COPYING in notes:
            raise UnfinishedCopyError(rows.place, notes[COPYING])
        #: All notes as they are now: nobody else writes those that are asked for.
        self._noted = dict(notes)
        self._counts = AccessCounts(clock, notes, rows.recount)
        self._flushing = asyncio.Lock()
        #: Users who may have been added, or not, with their accesses.
        self._doubtful: Mapping[int, Access] = {}
        #: The broadcasts and their deliveries, in the same commit as the users.
        self.broadcasts = StoredBroadcasts(rows.broadcasts, self.flush)

    # ---- reading -------------------------------------------------------------------------------

    def count(self) -> Counts:
        return self._counts.now()

    def note(self, name: str) -> str | None:
        """Return what `keep_note` was given last under a name, None for nothing."""
        return self._noted.get(name)

    @property
    def changed(self) -> bool:
        """Whether anything waits for a flush."""
        others = self.parked.changed or self.planned.changed or self.broadcasts.changed
        return bool(self._dirty or self._notes) or others

    # ---- changing ------------------------------------------------------------------------------

    def seen(self, profile: Profile, at: int, via: Way) -> User:
        record = self._records.get(profile.id) or self._obtain(profile.id)
        self._dirty[profile.id] = record
        fields = record.fields
        # Nearly every call: a known user, and only the time is new.
        if (
            fields.profile == profile
            and at >= fields.last_seen
            and via in fields.known_by
            and not (profile.bot or profile.deleted)
        ):
            fields.last_seen = at
            if profile.language:
                fields.language_at = at
            return record.user
        if at < fields.last_seen and is_future(fields.last_seen, self._clock()):
            fields.last_seen = at
        if at < fields.language_at and is_future(fields.language_at, self._clock()):
            fields.language_at = at
        record.see(profile, at, via)
        if record.counted is None or profile.bot or profile.deleted:  # else it says nothing of access
            self._counts.update(record)
        return record.user

    def record(self, user_id: int, evidence: Evidence) -> User:
        record = self._change(user_id)
        self._learn(record, evidence.kind, seen_of(*evidence[1:]))
        return record.user

    def answered(self, user_id: int, kind: Kind, at: int, detail: str = "", *, strangers: bool) -> None:
        record = self._records.get(user_id) or self._find(user_id)
        if record is None:
            if not strangers:
                return
            record = self._obtain(user_id)
        elif record.counted is None and not strangers and not record.met:
            return
        self._dirty[user_id] = record
        known = record.fields.evidence
        seen: Seen = (at,)
        if detail or not ORDINARY.issuperset(known.spans):
            seen = seen_of(*in_order(known, Evidence(kind, at, detail=detail))[1:])
        self._learn(record, kind, seen)

    def wrote(self, user_id: int, at: int, message_id: int, payload: str | None = None) -> User:
        record = self._dirty[user_id] = self._records.get(user_id) or self._obtain(user_id)
        self._learn(record, _MESSAGE if payload is None else _START, (at,))
        if payload is not None:
            record.started(payload, message_id)
        if not 0 < record.fields.first_message_id <= message_id:
            record.fields.first_message_id = message_id
        return record.user

    def finished(self, user_id: int, message_id: int) -> None:
        record = self._records.get(user_id) or self._obtain(user_id)
        if message_id > record.fields.last_finished_id:
            record.fields.last_finished_id = message_id
            self._dirty[user_id] = record

    def prefer(self, user_id: int, name: str, value: str | None) -> User:
        record = self._change(user_id)
        if value is None:
            record.fields.preferences.pop(name, None)
        else:
            record.fields.preferences[name] = value
        if name == NEWS:
            self._wishes.add(user_id)
        return record.user

    def choose_language(self, user_id: int, code: str | None) -> User:
        return self.prefer(user_id, LANGUAGE, code)

    def data(self, user_id: int, plugin: str) -> JsonObject:
        record = self._records.get(user_id) or self._find(user_id)
        kept = None if record is None else record.fields.data.get(plugin)
        return copy_of(kept) if kept else {}

    def keep_data(self, user_id: int, plugin: str, data: Mapping[str, object]) -> None:
        kept = kept_data(plugin, data)
        fields = self._change(user_id).fields
        others = {name: other for name, other in fields.data.items() if name != plugin}
        fields.data = {**others, plugin: kept} if kept else others

    def talk(self, user_id: int, chat_id: int) -> KeptTalk | None:
        record = self._records.get(user_id) or self._find(user_id)
        return None if record is None else record.fields.talks.get(chat_id)

    def keep_talk(self, user_id: int, chat_id: int, talk: KeptTalk | None) -> None:
        talk = None if talk is None else kept_talk(talk)
        fields = self._change(user_id).fields
        others = {chat: kept for chat, kept in fields.talks.items() if chat != chat_id}
        fields.talks = others if talk is None else {**others, chat_id: talk}

    def join_requested(self, user_id: int, chat_id: int, at: int) -> User:
        record = self._change(user_id)
        record.join_requested(chat_id, at)
        return record.user

    def join_request_closed(self, user_id: int, chat_id: int, at: int) -> User | None:
        record = self._records.get(user_id) or self._find(user_id)
        if record is None or not record.join_request_closed(chat_id, at):
            return None
        self._judge(record)
        return record.user

    def join_request_dropped(self, user_id: int, chat_id: int, at: int) -> User | None:
        record = self._records.get(user_id) or self._find(user_id)
        if record is None or not record.join_request_dropped(chat_id, at):
            return None
        self._dirty[user_id] = record
        return record.user

    def access_greeted(self, user_id: int, message_id: int) -> User:
        record = self._change(user_id)
        record.fields.greeted_access_id = min(record.fields.greeted_access_id or message_id, message_id)
        return record.user

    def merge(self, other: UserFields, *, partial: bool = False, now: int) -> bool | None:
        """Add what a file knows of a user (see `UserRecord.merge`); `now` is when, where it does not say.

        Return True if this changed a user, False if it did not, None if the bot had not met the user before.
        """
        record = self._records.get(other.id) or self._find(other.id)
        known = record is not None and record.user.met
        if record is None:
            record = self._records[other.id] = UserRecord(other)
            changed = True
        else:
            changed = record.merge(other, partial=partial)
        if not record.user.met:
            self._note_import(record, now)
            changed = True
        if changed:
            self._judge(record)
            self._wishes.add(other.id)
        return changed if known else None

    def keep_note(self, name: str, text: str) -> None:
        """Keep a text under a name that nothing else has in the store; written with the users."""
        self._notes[name] = self._noted[name] = text

    def belongs_to(self, account: Account) -> None:
        """Note whose users these are: a restore can tell then whether two files fit together."""
        text = json.dumps(asdict(account))
        if self.note(ACCOUNT) != text:
            self.keep_note(ACCOUNT, text)

    def imported(self, user_id: int, now: int) -> bool:
        """Note that an admin imported a user; return whether this is news, because they had not come yet."""
        record = self._records.get(user_id) or self._obtain(user_id)
        if record.user.came:
            return False
        self._note_import(record, now)
        self._judge(record)
        return True

    def _note_import(self, record: UserRecord, now: int) -> None:
        record.fields.known_by[Way.IMPORT] = now
        record.fields.first_seen = record.fields.first_seen or now

    def forget(self, user_id: int) -> None:
        record = self._records.get(user_id) or self._obtain(user_id)
        record.forget()
        self._judge(record)
        self._wishes.add(user_id)
        self.parked.forget(user_id)

    # ---- writing -------------------------------------------------------------------------------

    async def flush(self, along: Along | None = None) -> None:
        """Write what has changed; `along` goes with it, all or nothing, also if nothing has changed."""
        # What is noted of the disk must agree with what the other thread has written.
        await to_the_end(self._flush(along))

    async def add(self, texts: Mapping[int, str], accesses: Mapping[int, Access]) -> None:
        """Write users whom neither memory nor the rows have, as packed text; on disk on return, all or none.

        Nobody's access may end by itself, and nobody may have preferences.
        """
        async with self._flushing:
            await self._settle()
            try:
                with self._counts.adding(accesses) as (notes, moved):
                    await self._rows.write(Changes(texts, notes=notes, moved=moved))
            except StorageError as error:
                if error.in_doubt:
                    self._doubtful = accesses
                raise
            finally:
                self.written += 1
                for user_id in texts:
                    self._absent.pop(user_id, None)

    async def _settle(self) -> None:
        """Find out whether users were added of whom a link left that in doubt when it went.

        Nothing was written since, so all of them are there, or none.
        """
        if self._doubtful:
            one = next(iter(self._doubtful))
            if await self._rows.many([one]):
                self._counts.added(self._doubtful)
            self._doubtful = {}

    async def _flush(self, along: Along | None) -> None:
        async with self._flushing:
            if not self.changed and along is None:
                return
            await self._settle()
            batch = self._saving = self._dirty
            self._dirty = {}
            wishes, self._wishes = self._wishes, set()
            notes = dict(self._notes)
            try:
                # Taken together: what an update did to its user goes with its place among the parked ones,
                # and what came of a delivery with what it says of its user.
                with (
                    self.parked.saving() as parked,
                    self.planned.saving() as planned,
                    self.broadcasts.saving() as deliveries,
                ):
                    others = Changes(notes=notes, parked=parked, planned=planned, broadcasts=deliveries)
                    await self._write(batch, wishes, others, along)
            except BaseException:
                self._dirty = {**batch, **self._dirty}
                self._wishes |= wishes
                raise
            finally:
                self._saving = {}
                self.written += 1
            self._notes = {name: text for name, text in self._notes.items() if notes.get(name) != text}
            for user_id in batch:
                self._records.move_to_end(user_id)
            self._evict(len(self._records))

    async def _write(
        self,
        batch: Mapping[int, UserRecord],
        wishes: Collection[int],
        others: Changes,
        along: Along | None,
    ) -> None:
        """Write these users, and the other changes with them."""
        # Packed on the event loop, in small slices: a thread would pack no faster, because it holds the
        # interpreter, and users may change while it packs, whereas none changes within a slice.
        texts: dict[int, str] = {}
        gone: list[int] = []
        came: list[int] = []
        packed: list[tuple[UserRecord, Access | None]] = []
        waiting = iter(batch.items())
        while part := list(islice(waiting, _SLICE)):
            for user_id, record in part:
                fields, counted = record.fields, record.counted
                if counted is not None or record.kept:
                    texts[user_id] = pack(fields, counted)
                else:
                    gone.append(user_id)
                if not CAME.isdisjoint(fields.known_by):
                    came.append(user_id)
                packed.append((record, counted))
            await asyncio.sleep(0)
        self._came(came)
        declining = {user_id: declines(batch[user_id].user) for user_id in wishes}
        changes = replace(others, users=texts, gone=gone, declining=declining)
        with (
            # Not before the session knows who came: their access hashes are written with them.
            along() if along is not None else nullcontext() as session,
            self._counts.saving(packed) as (counts, moved),
        ):
            notes = {**counts, **others.notes}
            await self._rows.write(replace(changes, moved=moved, notes=notes, session=session))

    # ---- records -------------------------------------------------------------------------------

    def _learn(self, record: UserRecord, kind: Kind, seen: Seen) -> None:
        fields = record.fields
        new = fields.evidence.note(kind, seen)
        # More evidence of access does not change a user who is counted as reachable.
        if new and (record.counted is not _REACHABLE or kind not in LASTING):
            via = KNOWN_BY.get(kind)
            if via is not None and not fields.known_by:
                fields.known_by[via] = seen[0]
            self._counts.update(record)

    def _judge(self, record: UserRecord) -> None:
        self._dirty[record.fields.id] = record
        self._counts.update(record)
