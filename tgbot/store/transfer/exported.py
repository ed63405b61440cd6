"""Users as an export writes them, read and checked in one step.

What is in any other form is left to `fields`, which says what is wrong with it. What is read here comes out
the same there, in many times the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tgbot.core.users import HISTORY_LENGTH, LANGUAGE
from tgbot.store.transfer.cells import CellError, names_of, number_of, text_of
from tgbot.store.transfer.fields import LANGUAGE_CODE, digits
from tgbot.store.user_json import UNREADABLE, Number, StoredUser

#: The fields that are JSON in a cell of a table, texts, usernames, and flags; all others are numbers.
_JSON: Final = ("known_by", "evidence", "history", "preferences", "join_requests")
_TEXTS: Final = (
    *("access", "first_name", "last_name", "language", "profile_language", "first_payload", "last_payload"),
    *("hash_name", "hash_phone"),
)
#: May be negative, and have more digits than a spreadsheet keeps.
_HASH: Final = ("access_hash",)
_NAMES: Final = ("usernames", "hash_usernames")
_FLAGS: Final = ("premium", "bot", "deleted")


class ExportedUser(StoredUser, forbid_unknown_fields=True, gc=False):
    """A user with what an export adds: the bot's id, and what the session has of the user."""

    bot_id: Number = 0
    #: As text, since it takes 64 bits; a number once it is checked.
    access_hash: int | str = 0
    hash_seen: Number | None = None
    hash_usernames: tuple[str, ...] | None = None
    hash_name: str = ""
    hash_phone: str = ""


_decode: Final = msgspec.json.Decoder(ExportedUser).decode
_decode_cell: Final = msgspec.json.Decoder().decode


def from_line(line: str | bytes, latest: int, bot_id: int) -> ExportedUser | None:
    """Return the user of a line of JSON; None for one that is not as an export of this bot wrote it.

    `latest` is the latest time that there may be.
    """
    try:
        read = _decode(line)
    except UNREADABLE:
        return None
    return read if _is_sound(read, latest, bot_id) else None


def from_values(given: Mapping[str, object], latest: int, bot_id: int) -> ExportedUser | None:
    """Return the user of an object in a list in the same way."""
    try:
        read = msgspec.convert(given, ExportedUser, str_keys=True)
    except UNREADABLE:
        return None
    return read if _is_sound(read, latest, bot_id) else None


class ExportedRows:
    """Reads the rows of a table; `places` are our columns → where they are in a row."""

    def __init__(self, places: Mapping[str, int]) -> None:
        def found(names: Iterable[str]) -> list[tuple[str, int]]:
            return [(name, places[name]) for name in names if name in places]

        others = {*_JSON, *_TEXTS, *_HASH, *_NAMES, *_FLAGS}
        self._numbers = found(name for name in places if name not in others)
        self._texts, self._names, self._hash = found(_TEXTS), found(_NAMES), found(_HASH)
        self._flags, self._json = found(_FLAGS), found(_JSON)
        self._empty: dict[str, object] = {"hash_usernames": ()} if "hash_usernames" in places else {}

    def read(self, row: Sequence[str], latest: int, bot_id: int) -> ExportedUser | None:
        """Return the user of a row; None for one that is not as an export of this bot wrote it."""
        given = self._empty.copy()
        try:
            for name, place in self._numbers:
                if cell := row[place]:
                    if len(cell) > 11 or not (cell.isdecimal() and cell.isascii()):
                        return None
                    given[name] = int(cell)
            for name, place in self._texts:
                if (cell := row[place]) and (text := text_of(cell)) is not None:
                    given[name] = text
            for name, place in self._hash:
                if (cell := row[place]) and (number := number_of(cell)) is not None:
                    given[name] = number
            for name, place in self._names:
                if (cell := row[place]) and (names := names_of(cell)) is not None:
                    given[name] = names
            for name, place in self._flags:
                if cell := row[place]:
                    if cell != "1":
                        return None
                    given[name] = True
            for name, place in self._json:
                if cell := row[place]:
                    given[name] = _decode_cell(cell)
            read = msgspec.convert(given, ExportedUser, str_keys=True)
        except (*UNREADABLE, CellError, IndexError):
            return None
        return read if _is_sound(read, latest, bot_id) else None


def _is_sound(read: ExportedUser, latest: int, bot_id: int) -> bool:
    """Return whether the user is as the registry would keep them, and of this bot."""
    if not 0 < read.id < 2**63 or read.bot_id not in (0, bot_id) or read.bot or read.deleted:
        return False
    if read.language_at > latest or read.first_seen > latest or read.last_seen > latest:
        return False
    for at in read.known_by.values():
        if at > latest:
            return False
    for span in read.evidence.values():
        at = span[-1].at
        if at > latest or (len(span) > 1 and span[0].at >= at):
            return False
    for name in read.usernames:
        if name.startswith("@"):
            return False
    if read.preferences:
        language = read.preferences.get(LANGUAGE)
        if not read.current or (language is not None and not LANGUAGE_CODE.fullmatch(language)):
            return False
    if read.join_requests and (len(read.join_requests) > 1 or max(read.join_requests.values()) > latest):
        return False
    if read.history and (
        len(read.history) > HISTORY_LENGTH or any(not 0 <= at <= latest for at, _, _ in read.history)
    ):
        return False
    return not read.access_hash or _has_a_sound_hash(read, latest)


def _has_a_sound_hash(read: ExportedUser, latest: int) -> bool:
    found = digits(read.access_hash)
    if type(found) is not int or not -(2**63) <= found < 2**63 or (read.hash_seen or 0) > latest:
        return False
    read.access_hash = found
    return not any(name.startswith("@") for name in read.hash_usernames or ())
