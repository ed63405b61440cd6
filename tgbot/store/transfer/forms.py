"""Read files of users, JSON, CSV and Telethon's sessions, entry by entry in bounded memory."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import ijson

from tgbot.core.errors import NobodysSessionError, UnknownFormError, WrongBotError
from tgbot.core.names import clean_name
from tgbot.store.json_text import loads
from tgbot.store.sqlite.peers import Peers
from tgbot.store.transfer.cells import CellError, number_of
from tgbot.store.transfer.entries import (
    AHEAD,
    Entry,
    from_cells,
    from_exported,
    from_fields,
    from_id,
    from_peer,
)
from tgbot.store.transfer.exported import from_line, from_values
from tgbot.store.transfer.exportedrows import ExportedRows
from tgbot.store.transfer.fields import EntryError
from tgbot.store.transfer.sources import CHUNK, Utf8Source
from tgbot.store.transfer.tables import Line, Refused, Table, recognised, rows

#: How many rows of a table are read at a time.
_ROWS: Final = 250
#: The longest line, and the longest entry of a list, in bytes.
_LONGEST: Final = 1024 * 1024
#: A line of a list of ids, as a spreadsheet may write it. A comma within it would be a second column.
_AN_ID: Final = re.compile(r"""['"]*[+-]?[0-9][0-9 .'’_\u00a0\u202f]*(e[+-]?[0-9]+)?['"]*,?""", re.IGNORECASE)


class Form(StrEnum):
    """The form of a file of users."""

    #: One user a line: an object, or an id alone.
    JSON = "json"
    #: A header, then one user a row.
    CSV = "csv"
    #: A Telethon session.
    SESSION = "session"


class UserFile:
    """A file of users of the bot `bot_id`: its form and its entries.

    `id_name` is the name of the column or field with the ids, "" to find it. Raise UnknownFormError for a
    file of another form; AmbiguousIdError or NoSuchColumnError for a table whose ids cannot be told;
    NobodysSessionError, WrongBotError or SessionDamagedError for a session whose users cannot be imported.
    """

    def __init__(
        self, path: Path, bot_id: int, now: int, *, same_bot: bool = False, id_name: str = ""
    ) -> None:
        self.path = path
        #: Whose users it has to hold.
        self.bot_id = bot_id
        self._now = now
        self._latest = now + AHEAD
        self._id_name = id_name
        #: How much there is to read, in the same units as `done`: bytes, or rows of a session.
        self.size = path.stat().st_size
        #: How much has been read.
        self.done = 0
        #: The columns of a table that are not read.
        self.unknown: list[str] = []
        #: Column and reason → how many of its cells could not be understood, and were left out.
        self.unclear: Counter[tuple[str, str]] = Counter()
        self.form, self._read = self._recognised()
        if self.form is Form.SESSION:
            with Peers(path) as peers:
                owner = peers.bot_id()
                self.size = peers.count()
            if owner is None and not same_bot:
                raise NobodysSessionError(path)
            if owner not in (None, bot_id):
                raise WrongBotError(path, int(owner or 0), bot_id)

    def entries(self, refused: Refused) -> Iterator[Entry]:
        """Yield each entry in the order of the file; unreadable entries are reported and skipped."""
        return self._read(refused)

    def _recognised(self) -> tuple[Form, Callable[[Refused], Iterator[Entry]]]:
        with self._opened() as file:
            head = file.read(CHUNK)
        self.done = 0
        if head.startswith(b"SQLite format 3\0"):
            return Form.SESSION, self._of_session
        whole = head.decode(errors="replace")
        text = whole.lstrip()
        if text.startswith("["):
            return Form.JSON, self._of_list
        if text.startswith("{") or _AN_ID.fullmatch(text.partition("\n")[0].strip()):
            return Form.JSON, self._of_lines
        if table := recognised(whole, self.path, self._id_name):
            self.unknown = table.unknown
            return Form.CSV, partial(self._of_table, table)
        raise UnknownFormError(self.path)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the file as UTF-8, and count in `done` how much of it was read."""

        def count(done: int) -> None:
            self.done = done

        with BufferedReader(Utf8Source(self.path, count), CHUNK) as file:
            yield file

    def _of_session(self, refused: Refused) -> Iterator[Entry]:
        with Peers(self.path) as peers:
            for self.done, (marked, peer) in enumerate(peers.iterate(), 1):
                yield from_peer(marked, peer, self.bot_id, self._now)

    def _of_lines(self, refused: Refused) -> Iterator[Entry]:
        for number, data in self._bytes(refused):
            if not self._id_name:
                read = from_line(data, self._latest, self.bot_id)
                if read is not None:
                    yield from_exported(read)
                    continue
            line, broken = _decoded(data)
            stripped = line.strip().removesuffix(",")
            if broken:
                refused(number, "not UTF-8")
            elif stripped:
                try:
                    value = number_of(stripped) if _AN_ID.fullmatch(stripped) else loads(stripped)
                except CellError as error:
                    refused(number, f"the id {error}")
                except (ValueError, RecursionError):
                    refused(number, "not JSON")
                else:
                    if (entry := self._of_value(value, number, refused)) is not None:
                        yield entry

    def _of_value(self, value: object, number: int, refused: Refused) -> Entry | None:
        try:
            if isinstance(value, dict):
                if not self._id_name:
                    read = from_values(value, self._latest, self.bot_id)
                    if read is not None:
                        return from_exported(read)
                return from_fields(value, self._now, self.bot_id, self._id_name)
            return from_id(value)
        except EntryError as error:
            refused(number, str(error))
            return None

    def _of_table(self, table: Table, refused: Refused) -> Iterator[Entry]:
        width = len(table.names)
        places = {**table.layout.fields, "id": table.layout.ids[0]}
        shown = {name: clean_name(table.names[place]) for name, place in places.items()}

        def unclear(name: str, why: str) -> None:
            self.unclear[shown.get(name, name), why] += 1

        late: deque[tuple[int, str]] = deque()  # lines that were refused while rows were read ahead

        def later(line: int, why: str) -> None:
            late.append((line, why))

        found = rows(self._lines(later), table.separator, later)
        next(found, None)  # the header
        exported = ExportedRows(places)
        while some := list(islice(found, _ROWS)):
            whole = [row for _, row, broken in some if len(row) == width and not broken]
            read = exported.read(whole, self._latest, self.bot_id)
            sound = [user for user in read if user is not None]
            if len(sound) == len(some) and not late:  # nearly always
                yield from map(from_exported, sound)
                continue
            users = iter(read)
            for number, row, broken in some:
                while late and late[0][0] < number:
                    refused(*late.popleft())
                if len(row) == width and not broken and (user := next(users)) is not None:
                    yield from_exported(user)
                    continue
                if any(row[width:]):
                    refused(number, "more cells than the header names")
                    continue
                cells = {name: row[place] for name, place in places.items() if place < len(row)}
                if broken:
                    for name in [name for name, cell in cells.items() if "\ufffd" in cell]:
                        unclear(name, "is not UTF-8")
                        del cells[name]
                try:
                    yield from_cells(cells, self._now, self.bot_id, unclear)
                except EntryError as error:
                    refused(number, str(error))
        for line in late:
            refused(*line)

    def _lines(self, refused: Refused) -> Iterator[Line]:
        for number, data in self._bytes(refused):
            yield number, *_decoded(data)

    def _bytes(self, refused: Refused) -> Iterator[tuple[int, bytes]]:
        """Yield each line with its number."""
        with self._opened() as file:
            number = 0
            while line := file.readline(_LONGEST):
                number += 1
                if len(line) == _LONGEST and not line.endswith(b"\n"):
                    while (rest := file.readline(_LONGEST)) and not rest.endswith(b"\n"):
                        pass
                    refused(number, "the line is too long")
                else:
                    yield number, line

    def _of_list(self, refused: Refused) -> Iterator[Entry]:
        values = ijson.sendable_list()
        parser = ijson.items_coro(values, "item")
        number = unfinished = 0  # entries, and bytes since the last of them
        why = ""
        with self._opened() as file:
            while not why:
                data = file.read(CHUNK)
                unfinished += len(data)
                try:
                    parser.send(data) if data else parser.close()
                except (ijson.JSONError, UnicodeDecodeError) as error:
                    why = "the list does not end" if "premature EOF" in str(error) else "not JSON"
                for value in values:
                    number, unfinished = number + 1, 0
                    if (entry := self._of_value(value, number, refused)) is not None:
                        yield entry
                values.clear()
                if unfinished > _LONGEST:
                    why = "the entry is too long"
                elif not data:
                    break
        if why:
            refused(number + 1, f"{why}; the rest cannot be read")


def _decoded(line: bytes) -> tuple[str, bool]:
    """Return a line as text, and whether it holds bytes that are not UTF-8."""
    try:
        # Names out of Telegram may hold lone surrogates, which CSV can hold only in this way.
        return line.decode("utf-8", "surrogatepass"), False
    except UnicodeDecodeError:
        return line.decode("utf-8", "replace"), True
