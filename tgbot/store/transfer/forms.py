"""Read files of users, JSON, CSV and Telethon's sessions, entry by entry in bounded memory."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

import ijson

from tgbot.core.errors import NobodysSessionError, UnknownFormError, WrongBotError
from tgbot.store.transfer.entries import Entry, EntryError, from_fields, from_id, from_peer
from tgbot.store.transfer.sessions import Peers

#: The longest line, and the longest entry of a list, in bytes.
_LONGEST: Final = 1024 * 1024
_CHUNK: Final = 256 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = ",;\t"


class Form(StrEnum):
    """The form of a file of users."""

    #: One user a line: an object, or an id alone.
    JSON = "json"
    #: A header, then one user a row.
    CSV = "csv"
    #: A Telethon session.
    SESSION = "session"


#: Is called for an entry that cannot be read: with the line, or its place in a JSON list, and why.
Refused = Callable[[int, str], None]


class UserFile:
    """A file of users of the bot `bot_id`: its form and its entries.

    Raise UnknownFormError for a file of another form; NobodysSessionError, WrongBotError or
    SessionDamagedError for a session whose users cannot be imported.
    """

    def __init__(self, path: Path, bot_id: int, now: int, *, same_bot: bool = False) -> None:
        self.path = path
        self._bot_id = bot_id
        self._now = now
        self._start, self._delimiter = "", ","
        #: How much there is to read, in the same units as `done`: bytes, or rows of a session.
        self.size = path.stat().st_size
        #: How much has been read.
        self.done = 0
        self.form = self._form()
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
        if self.form is Form.SESSION:
            yield from self._of_session()
        elif self.form is Form.CSV:
            yield from self._of_csv(refused)
        elif self._start == "[":
            yield from self._of_array(refused)
        else:
            yield from self._of_lines(refused)

    def _form(self) -> Form:
        with self.path.open("rb") as file:
            head = file.read(_CHUNK)
        if head.startswith(b"SQLite format 3\0"):
            return Form.SESSION
        text = head.removeprefix(_BOM).decode(errors="replace").lstrip()
        self._start = text[:1]
        first = (text.splitlines() or [""])[0].strip()
        if self._start in ("[", "{") or re.fullmatch(r"\"?[0-9]+\"?,?", first):
            return Form.JSON
        for delimiter in _DELIMITERS:
            if {"id", "user_id"} & set(_header(first, delimiter)):
                self._delimiter = delimiter
                return Form.CSV
        raise UnknownFormError(self.path)

    def _of_session(self) -> Iterator[Entry]:
        with Peers(self.path) as peers:
            for self.done, (marked, peer) in enumerate(peers.iterate(), 1):
                yield from_peer(marked, peer, self._bot_id, self._now)

    def _of_lines(self, refused: Refused) -> Iterator[Entry]:
        for number, line in self._lines(refused):
            stripped = line.strip().removesuffix(",")
            if stripped:
                try:
                    value = json.loads(stripped)
                except (ValueError, RecursionError):
                    refused(number, "not JSON")
                else:
                    yield from self._of_value(value, number, refused)

    def _of_value(self, value: object, number: int, refused: Refused) -> Iterator[Entry]:
        try:
            yield from_fields(value, self._now, self._bot_id) if isinstance(value, dict) else from_id(value)
        except EntryError as error:
            refused(number, str(error))

    def _of_csv(self, refused: Refused) -> Iterator[Entry]:
        at = 0

        def lines() -> Iterator[str]:
            nonlocal at
            for number, line in self._lines(refused):
                at = number
                yield line

        rows = csv.reader(lines(), delimiter=self._delimiter)
        names: list[str] | None = None
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                refused(at, str(error))
                continue
            if names is None:
                names = [name.strip().lower() for name in row] if any(row) else None
            elif any(row):
                if len(row) > len(names):
                    refused(at, "more cells than the header names")
                    continue
                try:
                    yield from_fields(dict(zip(names, row, strict=False)), self._now, self._bot_id)
                except EntryError as error:
                    refused(at, str(error))

    def _lines(self, refused: Refused) -> Iterator[tuple[int, str]]:
        with self.path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST):
                number += 1
                self.done += len(line)
                if len(line) == _LONGEST and not line.endswith(b"\n"):
                    while (rest := file.readline(_LONGEST)) and not rest.endswith(b"\n"):
                        self.done += len(rest)
                    self.done += len(rest)
                    refused(number, "the line is too long")
                    continue
                if number == 1:
                    line = line.removeprefix(_BOM)
                try:
                    # Names out of Telegram may hold lone surrogates, which CSV can hold only in this way.
                    yield number, line.decode("utf-8", "surrogatepass")
                except UnicodeDecodeError:
                    refused(number, "not UTF-8")

    def _of_array(self, refused: Refused) -> Iterator[Entry]:
        with self.path.open("rb") as file:
            part = _Part(file)
            number = 0
            try:
                for number, value in enumerate(ijson.items(part, "item"), 1):
                    self.done = part.entry_read()
                    yield from self._of_value(value, number, refused)
            except _TooLongError:
                refused(number + 1, "the entry is too long; the rest cannot be read")
            except (ijson.JSONError, UnicodeDecodeError) as error:
                why = "the list does not end" if "premature EOF" in str(error) else "not JSON"
                refused(number + 1, f"{why}; the rest cannot be read")


class _TooLongError(Exception):
    """An entry of a list takes more than `_LONGEST` bytes."""


class _Part:
    """A file of which no entry of a list may take more than `_LONGEST` bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._read = self._entry_began = len(_BOM) if file.read(len(_BOM)) == _BOM else file.seek(0)

    def read(self, size: int) -> bytes:
        """Return the next bytes, as ijson asks for them."""
        if self._read - self._entry_began > _LONGEST:
            raise _TooLongError
        data = self._file.read(size)
        self._read += len(data)
        return data

    def entry_read(self) -> int:
        """Note that an entry was read, and return how many bytes are read so far."""
        self._entry_began = self._read
        return self._read


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []
