"""The table of clients: what the page says, what a run has found, and whether that is worse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.clients.checks import CHECKS
from tests.clients.stage import ROWS, WORKS, Column

PAGE: Final = Path(__file__).parents[2] / "docs/clients.md"
#: What the page has between the two lines is made by `make clients ARGS=--write`.
BEGIN: Final = "<!-- made by make clients: begin -->"
END: Final = "<!-- made by make clients: end -->"
#: Columns by the name of the library, with its version at the end of the name.
Table = dict[str, Column]

_MEANINGS: Final = {
    "bot login": "A bot logs in with its token.",
    "person login": "A person logs in with phone number and code.",
    "tgbot": "A person talks to a tgbot and presses its button; TDLib is heard after a kill, too.",
    "page": "The bot on the page on libraries answers /start.",
}


def meaning(row: str) -> str:
    """Return what a row is about, in a sentence."""
    return _MEANINGS.get(row) or (CHECKS[row].__doc__ or "")


def shown(table: Mapping[str, Mapping[str, str]]) -> str:
    """Return the table as text: a column for each library, and below it the errors."""
    rows = [["", *table]]
    rows += [[row, *(_cell(column[row]) for column in table.values())] for row in ROWS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([*(line.rstrip() for line in lines), *_errors(table, "{name}, {row}: {what}")])


def page(table: Mapping[str, Mapping[str, str]]) -> str:
    """Return the part of the page that is made."""
    meanings = [f"| {row} | {meaning(row)} |" for row in ROWS]
    head = ["| |" + "|".join(f" {name} " for name in table) + "|", "|---|" + "---|" * len(table)]
    rows = [
        f"| {row} |" + "|".join(f" {_cell(column[row])} " for column in table.values()) + "|" for row in ROWS
    ]
    errors = _errors(table, "- {name}, {row}: `{what}`")
    told = ["", *(errors or ["Everything works."]), "", "| row | what it is |", "|---|---|", *meanings, ""]
    return "\n".join([*head, *rows, *told])


def _cell(outcome: str) -> str:
    return WORKS if outcome == WORKS else "no"


def _errors(table: Mapping[str, Mapping[str, str]], form: str) -> list[str]:
    return [
        form.format(name=name, row=row, what=column[row])
        for name, column in table.items()
        for row in ROWS
        if column[row] != WORKS
    ]


def known() -> Table:
    """Read the table of the page: libraries by their names, without versions."""
    made = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    lines = made.strip("\n").partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    if not rows:
        return {}
    names, found = rows[0][1:], rows[2:]
    return {
        without_version(name): {row[0]: row[place] for row in found} for place, name in enumerate(names, 1)
    }


def without_version(name: str) -> str:
    """Return the name of a library out of a head of the table."""
    return re.sub(r" [\d.]+$", "", name)


def write(table: Table) -> None:
    """Put the table into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{page(table)}{END}{after}", encoding="utf-8")


def worse(table: Mapping[str, Mapping[str, str]], before: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return what worked before and does not now, a sentence each."""
    return [
        f"{name}, {row}: it worked, and now: {column[row]}"
        for name, column in table.items()
        for row in ROWS
        if column[row] != WORKS and before.get(without_version(name), {}).get(row) == WORKS
    ]


def better(table: Mapping[str, Mapping[str, str]], before: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return what did not work before and does now."""
    return [
        f"{name}, {row}"
        for name, column in table.items()
        for row in ROWS
        if column[row] == WORKS and before.get(without_version(name), {}).get(row, WORKS) != WORKS
    ]
