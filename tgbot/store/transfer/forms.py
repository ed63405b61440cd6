"""Files of users in their forms, JSON, CSV and Telethon's sessions, read entry by entry in bounded memory."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from tgbot.core.errors import NobodysSessionError, UnknownFormError, WrongBotError
from tgbot.store.transfer.entries import Entry, EntryError, from_cells, from_fields, from_id, from_peer
from tgbot.store.transfer.sessions import Peers

#: The longest line, and the longest value in an array.
_LONGEST: Final = 1024 * 1024
_CHUNK: Final = 256 * 1024
_BLANK: Final = re.compile(r"\s*")
_DELIMITERS: Final = ",;\t"


class Form(StrEnum):
    """What a file of users can be."""

    #: One user a line: an object, or an id alone.
    JSON = "json"
    #: A header, and one user a row.
    CSV = "csv"
    #: A Telethon session.
    SESSION = "session"


#: Told of an entry that cannot be read: the line (or the row of a session), and why.
Refused = Callable[[int, str], None]


class UserFile:
    """A file of users of the bot `bot_id`: what form it has, and its entries.

    UnknownFormError if it has none; NobodysSessionError, WrongBotError or SessionDamagedError for a session
    that cannot be taken from.
    """

    def __init__(self, path: Path, bot_id: int, now: int, *, same_bot: bool = False) -> None:
        self.path = path
        self._bot_id = bot_id
        self._now = now
        self._start, self._delimiter = "", ","
        #: How much there is to be read, in the units of `done`.
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
        """Each entry in the order of the file; what is none is told and left out."""
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
        text = head.removeprefix(b"\xef\xbb\xbf").decode(errors="replace").lstrip()
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

    def _of_value(self, value: Any, number: int, refused: Refused) -> Iterator[Entry]:
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
                    yield from_cells(dict(zip(names, row, strict=False)), self._now, self._bot_id)
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
                    line = line.removeprefix(b"\xef\xbb\xbf")
                try:
                    # Names out of Telegram may hold halves of characters, and CSV has no way to write them.
                    yield number, line.decode("utf-8", "surrogatepass")
                except UnicodeDecodeError:
                    refused(number, "not UTF-8")

    def _of_array(self, refused: Refused) -> Iterator[Entry]:
        with self.path.open("rb") as raw:
            file = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
            for number, value in _array(file, refused):
                self.done = raw.tell()
                yield from self._of_value(value, number, refused)


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _array(file: IO[str], refused: Refused) -> Iterator[tuple[int, Any]]:
    """The values of a JSON array with their lines; what follows a value that is none cannot be read."""
    decode = json.JSONDecoder().raw_decode
    text, at, line, ended = "", 0, 1, False
    wanted = "["  # what has to come next; "" for a value
    while True:
        here = _after_blank(text, at)
        line += text.count("\n", at, here)
        at = here
        if at < len(text) and text[at] == "]" and wanted != "[":
            return
        if at < len(text) and wanted:
            if text[at] not in wanted:
                refused(line, "not JSON; the rest cannot be read")
                return
            at, wanted = at + 1, ""
            continue
        if at < len(text):
            try:
                value, end = decode(text, at)
            except (ValueError, RecursionError):
                if ended or len(text) - at > _LONGEST:
                    refused(line, "not JSON; the rest cannot be read")
                    return
            else:
                # A number at the edge may go on behind it.
                if end < len(text) or ended:
                    yield line, value
                    line += text.count("\n", at, end)
                    at, wanted = end, ","
                    continue
        if ended:
            refused(line, "the list does not end")
            return
        more = file.read(_CHUNK)
        ended = not more
        text, at = text[at:] + more, 0


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()
