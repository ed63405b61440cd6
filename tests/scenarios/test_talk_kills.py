"""The real bot is killed while people are in a talk: each question comes once, each answer counts."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.crash import open_site
from tests.scenarios.talkrounds import PLUGIN, POINTS, run_points, run_talks

#: The points that differ most; `make crash ARGS=talks` goes through all of them.
SOME = ("after a send", "after a press is on disk", "in once", "after say is done")


async def test_killed_at_points_of_a_talk(tmp_path: Path) -> None:
    assert set(SOME) <= set(POINTS)
    async with open_site(tmp_path, 7, plugin=PLUGIN) as site:
        result = await run_points(site, SOME)
    assert result.well, str(result)
    assert result.kills == len(SOME)


async def test_killed_at_random_instants(tmp_path: Path) -> None:
    async with open_site(tmp_path, 8, plugin=PLUGIN) as site:
        result = await run_talks(site, people=20, kills=2, at_most=2)
    assert result.well, str(result)
    assert result.people == 20
