"""Tables as spreadsheets and databases write them: the separator, the header, and row after row."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

from tgbot.core.errors import AmbiguousIdError, NoSuchColumnError
from tgbot.core.names import clean_name
from tgbot.store.transfer.cells import CellError, number_of
from tgbot.store.transfer.columns import Layout, layout, plain
from tgbot.store.transfer.fields import COLUMNS

_SEPARATORS: Final = ",;\t|"
#: The longest row, in lines: a quote that does not end would take in all that follows.
_ROW_LINES: Final = 200
#: The longest cell, in characters: five of the longest talks. The csv module has one limit for the process.
_CELL: Final = 1024 * 1024
#: So many rows are looked at to see which column holds the ids.
_SAMPLE: Final = 50
#: Smaller ids are so rare at Telegram that a column of larger numbers is the more likely one.
_SMALL: Final = 10_000

#: What the name of a column has in it whose numbers may be those of people.
_PEOPLE: Final = re.compile(
    "id$|user|client|customer|member|person|people|account|telegram|^tg|chat|peer|contact|subscriber|follower"
    "|клиент|пользоват|подписч|аккаунт|телеграм|контакт"
)
_QUOTES: Final = "the quotes do not end where a cell ends"

#: Is called with a line, or a place in a JSON list, and why it cannot be read.
Refused = Callable[[int, str], None]
#: A line of a file with its number, and whether it holds bytes that are not UTF-8.
Line = tuple[int, str, bool]


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is written, and what stands where in it."""

    separator: str
    names: tuple[str, ...]
    layout: Layout

    @property
    def unknown(self) -> list[str]:
        """The names of the columns that are not read, on one line each."""
        return [clean_name(self.names[place]) for place in self.layout.others(len(self.names))]


def recognised(head: str, path: Path, chosen: str) -> Table | None:
    """Return how a table is written whose text begins with `head`; None if it has no column with ids.

    `chosen` is the name of that column, where it was given. Raise NoSuchColumnError if it is not there,
    AmbiguousIdError if two columns may be meant.
    """
    lines = list(StringIO(head))
    hint = _hinted(lines)
    best: Table | None = None
    seen: tuple[str, ...] = ()
    for separator in hint or _SEPARATORS:
        numbered = ((number, line, False) for number, line in enumerate(lines, 1))
        sample = list(islice(rows(numbered, separator, lambda line, why: None), _SAMPLE + 1))
        if not sample:
            continue
        names = tuple(sample[0][1])
        if len(names) > len(seen):
            seen = names
        found = layout(names, COLUMNS, chosen)
        if found.ids and (best is None or len(names) > len(best.names)):
            best = Table(separator, names, found)
            cells = [row for _, row, _ in sample[1:] if len(row) == len(names)]
    if best is None:
        if chosen and len(seen) > 1:
            raise NoSuchColumnError(path, clean_name(chosen), ", ".join(map(clean_name, seen)))
        return None
    if rivals := _rivals(best, cells):
        both = [clean_name(best.names[place]) for place in (best.layout.ids[0], *rivals)]
        raise AmbiguousIdError(path, " and ".join(both))
    return best


def rows(lines: Iterator[Line], separator: str, refused: Refused) -> Iterator[tuple[int, list[str], bool]]:
    """Yield each row that is not empty: its first line, its cells, and whether a byte of it is broken.

    A row whose quotes do not end is refused, and the lines after its first one are read again.
    """
    taken: list[Line] = []
    again: deque[Line] = deque()
    torn = False

    def text() -> str | None:
        nonlocal torn
        if len(taken) == _ROW_LINES:
            raise csv.Error(_QUOTES)
        line = again.popleft() if again else next(lines, None)
        if line is None:
            return None
        taken.append(line)
        if line[2]:
            torn = True
        return line[1]

    csv.field_size_limit(_CELL)
    reader = csv.reader(iter(text, None), delimiter=separator, strict=True)
    first = True
    while True:
        taken.clear()
        torn = False
        try:
            row = next(reader, None)
        except csv.Error as error:
            refused(taken[0][0], str(error) if "limit" in str(error) else _QUOTES)
            again.extendleft(reversed(taken[1:]))
            reader = csv.reader(iter(text, None), delimiter=separator, strict=True)
            continue
        if row is None:
            return
        if not any(row) or (first and _hinted([taken[0][1]])):
            continue
        first = False
        yield taken[0][0], row, torn


def _hinted(lines: list[str]) -> str:
    """Return the separator that the first line names for spreadsheets, as "sep=;"; "" if it names none."""
    text = lines[0].strip('\ufeff\r\n "') if lines else ""
    return text[4:] if len(text) == 5 and text[:4].lower() == "sep=" else ""


def _rivals(table: Table, sample: list[list[str]]) -> list[int]:
    """Return the columns that may hold the ids as well as the one that is preferred.

    They are those of an equally good name with other ids in them; and where the preferred column seems to
    number the rows, and its name does not say whose ids they are, columns of large numbers for people.
    """
    preferred, *others = table.layout.ids
    ids = [_number(row[preferred]) for row in sample]
    rivals = []
    for place in others:
        numbers = [_number(row[place]) for row in sample]
        if any(number > 0 and number != mine for number, mine in zip(numbers, ids, strict=True)):
            rivals.append(place)
    steps = {after - before for before, after in pairwise(ids)}
    if not table.layout.certain and ids and (max(ids) < _SMALL or (len(ids) > 2 and steps in ({1}, {-1}))):
        for place in table.layout.others(len(table.names)):
            numbers = [_number(row[place]) for row in sample]
            if _PEOPLE.search(plain(table.names[place])) and all(number >= _SMALL for number in numbers):
                rivals.append(place)
    return rivals


def _number(cell: str) -> int:
    """Return the number in a cell, 0 for none."""
    with suppress(CellError):
        return number_of(cell) or 0
    return 0
