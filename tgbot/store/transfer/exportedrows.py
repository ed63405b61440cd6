"""Users in a table as an export writes them, many rows at a time: read and checked column by column.

What is in any other form is left to `fields`, as by `exported`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import FieldInfo, fields

from tgbot.store.json_text import UNREADABLE
from tgbot.store.transfer.cells import LONGEST_NAME, WORDS, CellError, names_of, number_of, text_of
from tgbot.store.transfer.exported import ExportedUser, is_sound

_FLAGS: Final = frozenset({"premium", "bot", "deleted"})
_NAMES: Final = frozenset({"usernames", "hash_usernames"})
#: Numbers from here on may be something else, such as milliseconds.
_LARGE: Final = 10**11
_decode_numbers: Final = msgspec.json.Decoder(list[int]).decode

#: Returns what the cells of a column hold; adds to the set the places of those that it leaves to `fields`.
_Reader: TypeAlias = Callable[[Sequence[str], set[int]], Iterable[object]]


class ExportedRows:
    """Reads the rows of a table; `places` are our columns → where they are in a row."""

    def __init__(self, places: Mapping[str, int]) -> None:
        read = {name: place for name, place in places.items() if name != "access"}
        #: For each field its place, what reads it, and what makes as many values for as many empty cells.
        self._fields = [
            (read.get(one.name, -1), _reader(one, one.name in read), _empty(one, one.name in read))
            for one in fields(ExportedUser)
        ]

    def read(self, rows: Sequence[Sequence[str]], latest: int, bot_id: int) -> list[ExportedUser | None]:
        """Return the user of each row, None where it is not as an export of this bot wrote it.

        The rows have equally many cells; `latest` is the latest time that there may be.
        """
        if not rows:
            return []
        odd: set[int] = set()
        columns = list(zip(*rows, strict=True))
        values = [
            read(columns[place], odd) if place >= 0 and any(columns[place]) else empty(len(rows))
            for place, read, empty in self._fields
        ]
        users: list[ExportedUser | None] = list(map(ExportedUser, *values))  # each value has its type by now
        for place, user in enumerate(users):
            if place in odd or user is None or not is_sound(user, latest, bot_id):
                users[place] = None
        return users


def _default(field: FieldInfo, given: bool) -> object:
    """Return what an empty cell means, of a column that the table has or not."""
    if field.name == "hash_usernames" and given:
        return ()
    return 0 if field.required else field.default


def _empty(field: FieldInfo, given: bool) -> Callable[[int], Iterable[object]]:
    if (make := field.default_factory) is not msgspec.NODEFAULT:
        return lambda number: [make() for _ in range(number)]  # each user has their own
    return partial(repeat, _default(field, given))


def _reader(field: FieldInfo, given: bool) -> _Reader:
    default = _default(field, given)
    if field.default_factory is not msgspec.NODEFAULT:
        return partial(_objects, msgspec.json.Decoder(field.type).decode, field.default_factory)
    if field.name in _FLAGS:
        return _flags
    if field.name in _NAMES:
        return _names
    if field.name == "access_hash":
        return partial(_hashes, default)
    return partial(_texts if field.type in (str, str | None) else _numbers, default)


def _numbers(default: object, cells: Sequence[str], odd: set[int]) -> Iterable[object]:
    digits = "".join(cells)
    if digits.isdecimal() and digits.isascii():
        try:
            found = _decode_numbers(f"[{','.join(filter(None, cells))}]")  # in a quarter of the time of `int`
        except UNREADABLE:
            found = [_LARGE]
        if max(found) < _LARGE:
            each = iter(found)
            return found if len(found) == len(cells) else [next(each) if cell else default for cell in cells]
    return _each(_number, default, cells, odd)


def _hashes(default: object, cells: Sequence[str], odd: set[int]) -> Iterable[object]:
    """Read access hashes, which may be negative and have more digits than a spreadsheet keeps."""
    numbers = ",".join(cells).replace("'-", "-")
    digits = numbers.replace(",", "").replace("-", "")
    if digits.isdecimal() and digits.isascii():
        try:
            found = _decode_numbers(f"[{numbers}]")
        except UNREADABLE:  # a cell is empty, or something else
            found = []
        if len(found) == len(cells):
            # A number that ends in zeros may have lost its last digits.
            doubtful = [place for place, cell in enumerate(cells) if cell[-2:] == "00"]
            lost: set[int] = set()
            _each(number_of, default, [cells[place] for place in doubtful], lost)
            odd.update([doubtful[place] for place in lost])
            return found
    return _each(number_of, default, cells, odd)


def _number(cell: str) -> int:
    if cell.isdecimal() and cell.isascii() and (number := int(cell)) < _LARGE:
        return number
    raise CellError("may be something else")


def _texts(default: object, cells: Sequence[str], odd: set[int]) -> Iterable[object]:
    if "".join([cell[:1] for cell in cells]).isalpha() and WORDS.isdisjoint(map(str.rstrip, cells)):
        return [cell or default for cell in cells]
    return _each(text_of, default, cells, odd)


def _names(cells: Sequence[str], odd: set[int]) -> Iterable[object]:
    letters = "_".join(("", *cells))
    plain = letters.isidentifier() and letters.isascii() and max(map(len, cells)) <= LONGEST_NAME
    if plain and WORDS.isdisjoint(cells):
        return [(cell,) if cell else () for cell in cells]
    return [tuple(one) if isinstance(one, list) else one for one in _each(names_of, (), cells, odd)]


def _flags(cells: Sequence[str], odd: set[int]) -> Iterable[object]:
    odd.update([place for place, cell in enumerate(cells) if cell not in ("", "1")])
    return [cell == "1" for cell in cells]


def _objects(
    decode: Callable[[str], object], make: Callable[[], object], cells: Sequence[str], odd: set[int]
) -> Iterable[object]:
    try:
        return [decode(cell) if cell else make() for cell in cells]
    except UNREADABLE:
        return [make() if value is None else value for value in _each(decode, None, cells, odd)]


def _each(
    convert: Callable[[str], object], default: object, cells: Sequence[str], odd: set[int]
) -> list[object]:
    """Return what each cell holds, by itself."""
    found = []
    for place, cell in enumerate(cells):
        value = None
        try:
            value = convert(cell) if cell else None
        except (*UNREADABLE, ValueError):
            odd.add(place)
        found.append(default if value is None else value)
    return found
