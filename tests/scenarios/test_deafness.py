"""Each way of becoming deaf is found without any traffic, shown by the health, and cured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.deafness import WAYS, results_of, table


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_no_way_of_becoming_deaf_lasts(tmp_path: Path) -> None:
    results = await results_of(WAYS, tmp_path)
    print(table(results))
    found = [f"{way.name} → {result}" for way, result in results.items() if result.wrong]
    assert not found, "\n".join(found)
