"""The real bot is killed while people are in a talk: each question comes once, each answer counts."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.crash import open_site
from tests.scenarios.talkrounds import PLUGIN, POINTS, run_points

#: The points that differ most; `make crash ARGS=talks` goes through all of them, and kills at random.
SOME = ("after a send", "after a press is on disk", "in once")


async def test_killed_while_people_are_in_a_talk(tmp_path: Path) -> None:
    assert set(SOME) <= set(POINTS)
    async with open_site(tmp_path, 7, plugin=PLUGIN) as site:
        result = await run_points(site, SOME, others=7)
    assert result.well, str(result)
    assert (result.kills, result.people) == (3, 24)
