"""Users as an export writes them, read and checked in one step.

What is in any other form is left to `fields`, which says what is wrong with it. What is read here comes out
the same there, in many times the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from operator import itemgetter
from typing import Final

import msgspec
from msgspec.structs import fields

from tgbot.core.users import HISTORY_LENGTH, LANGUAGE
from tgbot.store.json_text import UNREADABLE
from tgbot.store.transfer.cells import CellError, names_of, number_of, text_of
from tgbot.store.transfer.fields import LANGUAGE_CODE, digits
from tgbot.store.user_json import Number, StoredUser

#: The fields that are JSON in a cell of a table, texts, usernames, flags, or not read; others are numbers.
_JSON: Final = ("known_by", "evidence", "history", "preferences", "join_requests")
#: JSON as well, but few users have it: it is always left to `fields`.
_KEPT: Final = ("data", "talks")
_TEXTS: Final = (
    *("first_name", "last_name", "language", "profile_language", "first_payload", "last_payload"),
    *("hash_name", "hash_phone"),
)
#: May be negative, and have more digits than a spreadsheet keeps.
_HASH: Final = ("access_hash",)
_NAMES: Final = ("usernames", "hash_usernames")
_FLAGS: Final = ("premium", "bot", "deleted")
_IGNORED: Final = ("access",)
#: Numbers from here on may be something else, such as milliseconds.
_LARGE: Final = 10**11


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
_decode_numbers: Final = msgspec.json.Decoder(list[int]).decode
_FIELDS: Final = ExportedUser.__struct_fields__
#: Field → what reads the JSON in its cell, and what makes an empty value.
_CELLS: Final[Mapping[str, tuple[Callable[[str], object], Callable[[], object]]]] = {
    one.name: (msgspec.json.Decoder(one.type).decode, list if one.name == "history" else dict)
    for one in fields(ExportedUser)
    if one.name in _JSON
}


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
        def found(names: Iterable[str]) -> list[tuple[int, int]]:
            return [(_FIELDS.index(name), places[name]) for name in names if name in places]

        others = {*_JSON, *_KEPT, *_TEXTS, *_HASH, *_NAMES, *_FLAGS, *_IGNORED}
        # The id twice, so that `itemgetter` gives a tuple whatever else there is.
        numbers = found(("id", *[name for name in places if name not in others]))
        self._numbers = [field for field, _ in numbers]
        self._number_cells = itemgetter(*[place for _, place in numbers])
        self._texts, self._names, self._hash = found(_TEXTS), found(_NAMES), found(_HASH)
        self._flags = found(_FLAGS)
        self._kept = [place for _, place in found(_KEPT)]
        self._json = [(_FIELDS.index(name), places.get(name, -1), *_CELLS[name]) for name in _JSON]
        defaults = {one.name: one.default for one in fields(ExportedUser)} | {"id": 0}
        defaults |= {name: {} for name in _KEPT}  # nobody changes these: they are replaced
        if "hash_usernames" in places:
            defaults["hash_usernames"] = ()
        self._defaults = list(defaults.values())

    def read(self, row: Sequence[str], latest: int, bot_id: int) -> ExportedUser | None:
        """Return the user of a row; None for one that is not as an export of this bot wrote it."""
        values = self._defaults.copy()
        try:
            cells = self._number_cells(row)
            digits = "".join(cells)
            if not (digits.isdecimal() and digits.isascii()):
                return None
            numbers = _decode_numbers(f"[{','.join(filter(None, cells))}]")
            if max(numbers) >= _LARGE:
                return None
            for field, number in zip(compress(self._numbers, cells), numbers, strict=True):
                values[field] = number
            for place in self._kept:
                if row[place]:
                    return None
            for field, place in self._texts:
                if (cell := row[place]) and (text := text_of(cell)) is not None:
                    values[field] = text
            for field, place in self._hash:
                if (cell := row[place]) and (signed := number_of(cell)) is not None:
                    values[field] = signed
            for field, place in self._names:
                if (cell := row[place]) and (names := names_of(cell)) is not None:
                    values[field] = tuple(names)
            for field, place in self._flags:
                if cell := row[place]:
                    if cell != "1":
                        return None
                    values[field] = True
            for field, place, decode, empty in self._json:
                values[field] = decode(cell) if place >= 0 and (cell := row[place]) else empty()
            read = ExportedUser(*values)  # each value has its type by now
        except (*UNREADABLE, CellError, IndexError):
            return None
        return read if _is_sound(read, latest, bot_id) else None


def _is_sound(read: ExportedUser, latest: int, bot_id: int) -> bool:
    """Return whether the user is as the registry would keep them, and of this bot."""
    if not 0 < read.id < 2**63 or read.bot_id not in (0, bot_id) or read.bot or read.deleted:
        return False
    if read.data or read.talks:
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
    for name in read.usernames + (read.hash_usernames or ()):
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
    return True
