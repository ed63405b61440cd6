"""Read files of users, JSON, CSV and Telethon's sessions, entry by entry in bounded memory."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

import ijson

from tgbot.core.errors import NobodysSessionError, UnknownFormError, WrongBotError
from tgbot.store.transfer.entries import Entry, EntryError, from_fields, from_id, from_peer
from tgbot.store.transfer.sessions import Peers

#: The longest line, and the longest entry of a list, in bytes.
_LONGEST: Final = 1024 * 1024
_CHUNK: Final = 256 * 1024
_BOM: Final = b"\xef\xbb\xbf"


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
        #: How much there is to read, in the same units as `done`: bytes, or rows of a session.
        self.size = path.stat().st_size
        #: How much has been read.
        self.done = 0
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
        with self.path.open("rb") as file:
            head = file.read(_CHUNK)
        if head.startswith(b"SQLite format 3\0"):
            return Form.SESSION, self._of_session
        text = head.removeprefix(_BOM).decode(errors="replace").lstrip()
        first = (text.splitlines() or [""])[0].strip()
        if text.startswith("["):
            return Form.JSON, self._of_list
        if text.startswith("{") or re.fullmatch(r"\"?[0-9]+\"?,?", first):
            return Form.JSON, self._of_lines
        for delimiter in ",;\t":
            with suppress(csv.Error):
                names = next(csv.reader([first], delimiter=delimiter), [])
                if {"id", "user_id"} & {name.strip().lower() for name in names}:
                    return Form.CSV, partial(self._of_table, delimiter)
        raise UnknownFormError(self.path)

    def _of_session(self, refused: Refused) -> Iterator[Entry]:
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

    def _of_table(self, delimiter: str, refused: Refused) -> Iterator[Entry]:
        at = 0

        def lines() -> Iterator[str]:
            nonlocal at
            for at, line in self._lines(refused):  # noqa: B007 - `at` is of the function around
                yield line

        rows = csv.reader(lines(), delimiter=delimiter)
        names: list[str] = []
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                refused(at, str(error))
                continue
            if not names:
                names = [name.strip().lower() for name in row] if any(row) else []
            elif len(row) > len(names):
                refused(at, "more cells than the header names")
            elif any(row):
                yield from self._of_value(dict(zip(names, row, strict=False)), at, refused)

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

    def _of_list(self, refused: Refused) -> Iterator[Entry]:
        values = ijson.sendable_list()
        parser = ijson.items_coro(values, "item")
        number = unfinished = 0  # entries, and bytes since the last of them
        why = ""
        with self.path.open("rb") as file:
            file.seek(len(_BOM) if file.read(len(_BOM)) == _BOM else 0)
            while not why:
                data = file.read(_CHUNK)
                self.done += len(data)
                unfinished += len(data)
                try:
                    parser.send(data) if data else parser.close()
                except (ijson.JSONError, UnicodeDecodeError) as error:
                    why = "the list does not end" if "premature EOF" in str(error) else "not JSON"
                for value in values:
                    number, unfinished = number + 1, 0
                    yield from self._of_value(value, number, refused)
                values.clear()
                if unfinished > _LONGEST:
                    why = "the entry is too long"
                elif not data:
                    break
        if why:
            refused(number + 1, f"{why}; the rest cannot be read")
