"""Each fault at each place: others are answered in time, the touched message once, no log holds a text."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.scenarios.cells import CELLS
from tests.scenarios.radius import red, results_of, table

#: The cells in parts of the same size: each of them keeps one processor busy.
PARTS = 4


def memory() -> str | None:
    """Return a directory in memory if there is one: a hundred bots that write to one disk wait for it."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() else None


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_fault_stays_where_it_is(part: int) -> None:
    cells = CELLS[part::PARTS]
    with TemporaryDirectory(prefix="tgbot-radius-", dir=memory()) as directory:
        results = await results_of(cells, Path(directory))
    print(table({cell: results[cell] for cell in cells}))
    assert not (found := red(results)), "\n".join(found)
    assert len(results) == len(cells)
