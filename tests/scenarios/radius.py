"""The radius table: each fault at each place, and what it reaches.

`python -m tests.scenarios.radius` prints it as Markdown; words after it choose cells by their names. With
`--log` it also prints what was logged in each of them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.scenarios.cells import CELLS
from tests.scenarios.planted import recording
from tests.scenarios.shortened import shortened
from tests.scenarios.trials import Cell, Result, Run


async def results_of(cells: Iterable[Cell], directory: Path, *, log: bool = False) -> Mapping[Cell, Result]:
    """Try cells and return what was seen in each; with `log`, print what was logged in each.

    Dozens of bots share the processor. A cell in which others waited for too long, and nothing else was
    wrong, is tried again with no bot beside it, and that counts.
    """
    with shortened(), recording() as records:
        run = Run(directory / "together", records)
        await run.try_all(cells)
        slow = [cell for cell, result in run.results.items() if result.only_slow]
        for number, cell in enumerate(slow):
            alone = Run(directory / f"alone-{number}", records)
            await alone.try_all([cell])
            print(f"{cell.name}: {run.results[cell]}; alone: {alone.results[cell]}", file=sys.stderr)
            run.results[cell] = alone.results[cell]
    for cell in run.results if log else ():
        print(f"--- {cell.name}", records.of(cell.name), sep="\n")
    return run.results


def table(results: Mapping[Cell, Result]) -> str:
    """Return a table in Markdown: a row for each fault, a column for each place that it can be at."""
    found: dict[tuple[str, ...], list[str]] = {}
    by_place: dict[str, dict[str, Result]] = {}
    for cell, result in results.items():
        by_place.setdefault(cell.place, {})[cell.fault] = result
    # Places with the same faults share a table.
    for place, of_faults in by_place.items():
        found.setdefault(tuple(of_faults), []).append(place)
    tables = []
    for faults, places in found.items():
        lines = [f"| fault | {' | '.join(places)} |", "|---" * (len(places) + 1) + "|"]
        lines += [
            f"| {fault} | {' | '.join(str(by_place[place][fault]) for place in places)} |" for fault in faults
        ]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def red(results: Mapping[Cell, Result]) -> list[str]:
    """Return a line for each cell in which something was not as promised."""
    return [f"{cell.name} → {result}" for cell, result in results.items() if result.wrong]


def main(words: Sequence[str]) -> int:
    log, words = "--log" in words, [word for word in words if word != "--log"]
    cells = [cell for cell in CELLS if not words or any(word in cell.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="tgbot-radius-") as directory:
        results = asyncio.run(results_of(cells, Path(directory), log=log))
    print(table({cell: results[cell] for cell in cells}))
    wrong = red(results)
    print(f"\n{len(results)} cells, {len(wrong)} of them red", *wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
