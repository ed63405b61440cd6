"""The registry of users in one SQLite file, written through sqlitedict and read beside it.

Table `users` is sqlitedict's: key = user id as text, value = JSON text. Table `meta` in the same file holds
the schema version and the counts, so that one commit holds both. A commit is on the disk when it returns
(write-ahead log, synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import heapq
import json
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Final

from sqlitedict import SqliteDict

from tgbot.core.access import Access, judge
from tgbot.core.errors import (
    NeverRunError,
    RegistryDamagedError,
    RegistryTooNewError,
    RegistryTooOldError,
    StorageError,
    StorageFailedError,
)
from tgbot.core.users import Counts, User
from tgbot.store.registry import MemoryRegistry
from tgbot.store.sqlite.connection import beside, connect
from tgbot.store.sqlite.errors import sqlite_errors
from tgbot.store.sqlite.rows import pack, unpack
from tgbot.store.sqlite.schema import MIGRATIONS, NOTE, SCHEMA, prepare, schema_of

#: How many users stay in memory beside those not yet saved.
CACHED_USERS: Final = 20_000
#: How long one flush may take before the disk counts as failed, in seconds.
FLUSH_SECONDS: Final = 30.0

_SLICE: Final = 50  # users encoded between two looks at the event loop: well under a millisecond
_STATEMENT: Final = 1_000  # users in one statement
_PAGE: Final = 200  # users read at once by iterate

# One statement for many users: json_each takes them apart in C with the interpreter free to serve the loop,
# where sqlitedict's own way is a queue entry and a switch of threads for each. An upsert leaves the indexes
# alone.
_SAVE: Final = """
    INSERT INTO users (key, value) SELECT json_extract(value, '$.id'), value FROM json_each(?) WHERE true
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
_DELETE: Final = "DELETE FROM users WHERE key IN (SELECT value FROM json_each(?))"


class SqliteRegistry(MemoryRegistry):
    """A registry of users (see `UserRegistry` for what it promises) in the SQLite file `path`.

    The file is made if there is none (mode 0600), an older schema is copied aside and upgraded, a newer or
    damaged file is refused and left as it is.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Callable[[], float] = time.time,
        cached_users: int = CACHED_USERS,
        flush_seconds: float = FLUSH_SECONDS,
        migrations: Mapping[int, Callable[[sqlite3.Connection], None]] = MIGRATIONS,
        schema: int = SCHEMA,
    ) -> None:
        super().__init__(clock)
        self.path = Path(path)
        self._cached_users = cached_users
        self._flush_seconds = flush_seconds
        self._recent: OrderedDict[int, User] = OrderedDict()
        self._users = self._recent
        self._saving: dict[int, User] = {}
        self._flushing = asyncio.Lock()
        with sqlite_errors(self.path, damaged=RegistryDamagedError):
            prepare(self.path, schema, migrations)
            self._store = SqliteDict(
                str(self.path),
                tablename="users",
                journal_mode="WAL",
                encode=str,
                decode=str,
                outer_stack=False,
            )
            try:
                # sqlitedict opens every file with synchronous=OFF.
                self._ask("PRAGMA synchronous=FULL")
                self._ask("PRAGMA temp_store=MEMORY")  # a large commit needs no second file on the disk
                self._rows = _Rows(self.path)
            except BaseException:
                self._close_store()
                raise
            for name in (self.path, *beside(self.path)):
                with suppress(FileNotFoundError):
                    name.chmod(0o600)
        counts = self._rows.counts()
        self._finals.update(counts)
        #: Counts of what is on disk, which is what goes into meta with the users that make it true.
        self._finals_saved = dict(self._finals)
        self._passing.update(self._rows.passing())
        self._passing_saved = ""

    def iterate(self, after_id: int = 0, access: Access | None = None) -> Iterator[User]:
        # What is not on disk yet is few, so it is sorted; the rest comes from the disk, a page at a time.
        unsaved = sorted(i for i in {**self._saving, **self._dirty} if i > after_id)
        stored = self._rows.after(after_id, access, self._passing)
        before = after_id
        for user_id, text in heapq.merge(((i, "") for i in unsaved), stored, key=lambda row: row[0]):
            if user_id == before:
                continue
            before = user_id
            user = self._recent.get(user_id)
            if user is None and text == "":  # saved and let go of meanwhile
                text = self._rows.one(user_id)
            if user is None and text is not None:
                user = self._rows.user(user_id, text)
            if user is None or not user.met:
                continue
            if access is None or judge(user.record, self._clock()).access is access:
                yield user

    async def flush(self) -> None:
        # A caller that is cancelled stops waiting; the flush itself runs to its end, for its notes must match
        # what the other thread has written by then.
        await asyncio.shield(asyncio.ensure_future(self._flush()))

    def close(self) -> None:
        self._rows.close()
        self._close_store()

    async def _flush(self) -> None:
        async with self._flushing:
            batch, self._dirty = self._dirty, {}
            if not batch:
                return
            self._saving = batch
            try:
                await self._save(batch)
            except BaseException:
                self._dirty = {**batch, **self._dirty}
                raise
            finally:
                self._saving = {}
            for user_id in batch:
                if user_id in self._recent:
                    self._recent.move_to_end(user_id)
            self._evict(len(self._recent))

    async def _save(self, batch: dict[int, User]) -> None:
        """Encode here in small slices, write in a worker thread, note what is on disk then.

        Encoding in the worker would be no cheaper: it is Python and keeps the interpreter from the loop for
        up to 5 ms at each switch of threads; and as users change while it reads them, each change meanwhile
        would have to copy the user first. A slice on the loop takes half a millisecond, and no user changes
        within it.
        """
        finals = dict(self._finals_saved)
        saved: list[tuple[int, User, Access | None]] = []
        texts: list[str] = []
        gone: list[str] = []
        for number, (user_id, user) in enumerate(batch.items(), 1):
            if user.met or user.last_finished_id or user.preferences:
                texts.append(pack(user))
            else:
                gone.append(str(user_id))
            if user.saved is not None:
                finals[user.saved] -= 1
            if user.counted is not None:
                finals[user.counted] += 1
            saved.append((user_id, user, user.counted))
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        self.count()  # drops the windows that have run out
        passing = json.dumps(self._passing)
        notes = {"counts": json.dumps(finals)}
        if passing != self._passing_saved:
            notes["passing"] = passing
        await asyncio.to_thread(self._write, texts, gone, notes)
        self._finals_saved, self._passing_saved = finals, passing
        for user_id, user, counted in saved:
            user.saved = counted
            if (now := self._dirty.get(user_id)) is not None:
                now.saved = counted  # forgotten meanwhile: another object stands for the user

    def _write(self, texts: list[str], gone: list[str], notes: dict[str, str]) -> None:
        """One transaction, in a worker thread."""
        deadline = time.monotonic() + self._flush_seconds
        with sqlite_errors(self.path, damaged=RegistryDamagedError):
            with suppress(sqlite3.Error):
                self._store.conn.check_raise_error()  # what a flush was told that had stopped waiting
            try:
                self._ask("BEGIN IMMEDIATE", deadline=deadline)
                for start in range(0, len(texts), _STATEMENT):
                    self._ask(
                        _SAVE, "[" + ",".join(texts[start : start + _STATEMENT]) + "]", deadline=deadline
                    )
                if gone:
                    self._ask(_DELETE, json.dumps(gone), deadline=deadline)
                for note in notes.items():
                    self._ask(NOTE, *note, deadline=deadline)
                # As a statement: sqlitedict's commit() ends its thread when the disk is full, and then waits
                # for an answer for ever; of a statement it brings the error back.
                self._ask("COMMIT", deadline=deadline)
            except BaseException:
                with suppress(sqlite3.Error, StorageError):
                    self._ask("ROLLBACK", deadline=deadline)
                raise

    def _ask(self, sql: str, *values: str, deadline: float | None = None) -> None:
        """Have sqlitedict's thread run a statement and wait for its end, but not for a dead thread."""
        if deadline is None:
            deadline = time.monotonic() + self._flush_seconds
        connection = self._store.conn
        answers: Queue[object] = Queue()
        connection.execute(sql, values, answers)
        while True:
            try:
                if not isinstance(answers.get(timeout=0.1), tuple):  # rows are tuples, the end is not
                    break
            except Empty:
                if not connection.is_alive():
                    raise StorageFailedError(self.path, "the thread that writes it has ended") from None
                if time.monotonic() > deadline:
                    raise StorageFailedError(
                        self.path, f"the disk did not answer for {self._flush_seconds:g} s"
                    ) from None
        connection.check_raise_error()

    def _close_store(self) -> None:
        if self._store.conn is not None and self._store.conn.is_alive():
            self._store.close(do_log=False)

    def _load(self, user_id: int) -> User | None:
        text = self._rows.one(user_id)
        self._evict(8)
        if text is None:
            return None
        user = self._recent[user_id] = self._rows.user(user_id, text)
        return user

    def _evict(self, at_most: int) -> None:
        """Let go of those who were used least recently, as far as they are saved."""
        for _ in range(min(at_most, len(self._recent) - self._cached_users)):
            user_id, user = self._recent.popitem(last=False)
            if user_id in self._dirty or user_id in self._saving:
                self._recent[user_id] = user


class SqliteReader:
    """A registry file to read, also while a bot is running on it; shows what was flushed."""

    def __init__(self, path: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._clock = clock
        with sqlite_errors(self.path, damaged=RegistryDamagedError):
            if not self.path.exists():
                raise NeverRunError(self.path)
            found = schema_of(self.path)
            if found < SCHEMA:
                raise RegistryTooOldError(self.path, found, SCHEMA)
            if found > SCHEMA:
                raise RegistryTooNewError(self.path, found, SCHEMA)
            self._rows = _Rows(self.path)

    def get(self, user_id: int) -> User | None:
        text = self._rows.one(user_id)
        user = None if text is None else self._rows.user(user_id, text)
        return user if user is not None and user.met else None

    def count(self) -> Counts:
        by = self._rows.counts()
        total = sum(by.values())
        for until, access, afterwards in self._rows.passing().values():
            if until > self._clock():
                by[afterwards] -= 1
                by[access] += 1
        return Counts(total, by)

    def iterate(self, after_id: int = 0, access: Access | None = None) -> Iterator[User]:
        for user_id, text in self._rows.after(after_id, access, self._rows.passing()):
            if text is None:
                continue
            user = self._rows.user(user_id, text)
            if user.met and (access is None or judge(user.record, self._clock()).access is access):
                yield user

    def close(self) -> None:
        self._rows.close()


def open_readonly(path: Path | str, *, clock: Callable[[], float] = time.time) -> SqliteReader:
    """Open a registry for the command line; nothing in it changes, and a running bot is not disturbed."""
    return SqliteReader(path, clock=clock)


_ONE = "SELECT value FROM users WHERE key = ?"


class _Rows:
    """The read-only connection: users by id or in order of ids, and what meta says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect(path)

    def one(self, user_id: int) -> str | None:
        try:
            row = self._connection.execute(
                "SELECT value FROM users WHERE key = ?", (str(user_id),)
            ).fetchone()
        except sqlite3.Error:
            # Read again to map the error: entering `sqlite_errors` costs as much as the read itself.
            row = next(iter(self._select(_ONE, str(user_id))), None)
        return row[0] if row is not None else None

    def user(self, user_id: int, text: str) -> User:
        try:
            return unpack(text)
        except ValueError as error:
            raise RegistryDamagedError(self._path, f"the record of user {user_id}: {error}") from error

    def after(
        self, user_id: int, access: Access | None, also: Iterable[int]
    ) -> Iterator[tuple[int, str | None]]:
        """Ids in order, with the text where the stored access is the wanted one or the id is among `also`.

        A page at a time, whatever matches, so that no step takes long.
        """
        others = json.dumps([str(other) for other in also])
        while True:
            page = self._select(
                "SELECT CAST(key AS INTEGER), CASE WHEN ?2 IS NULL OR json_extract(value, '$.access') = ?2"
                " OR key IN (SELECT value FROM json_each(?3)) THEN value END"
                " FROM users WHERE CAST(key AS INTEGER) > ?1 ORDER BY CAST(key AS INTEGER) LIMIT ?4",
                user_id,
                access,
                others,
                _PAGE,
            )
            yield from page
            if len(page) < _PAGE:
                return
            user_id = page[-1][0]

    def counts(self) -> dict[Access, int]:
        """Users on disk by stored access: as meta has it, else counted."""
        stored = self._note("counts")
        if stored is None:
            stored = dict(
                self._select(
                    "SELECT json_extract(value, '$.access') AS access, count(*) FROM users"
                    " WHERE access IS NOT NULL GROUP BY access"
                )
            )
        return dict.fromkeys(Access, 0) | {Access(access): int(number) for access, number in stored.items()}

    def passing(self) -> dict[int, tuple[int, Access, Access]]:
        stored: dict[str, list[Any]] = self._note("passing") or {}
        return {int(i): (until, Access(now), Access(then)) for i, (until, now, then) in stored.items()}

    def close(self) -> None:
        self._connection.close()

    def _note(self, key: str) -> dict[str, Any] | None:
        rows = self._select("SELECT value FROM meta WHERE key = ?", key)
        note: dict[str, Any] | None = json.loads(rows[0][0]) if rows else None
        return note

    def _select(self, sql: str, *values: int | str | None) -> list[Any]:
        with sqlite_errors(self._path, damaged=RegistryDamagedError):
            return self._connection.execute(sql, values).fetchall()
