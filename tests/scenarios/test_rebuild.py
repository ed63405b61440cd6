"""A registry that was lost is read again from Telegram, by a bot that is killed on the way."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.crash import open_site
from tests.scenarios.rebuilding import lose_the_registry, plant, rebuild


async def test_everybody_with_a_message_left_comes_back_though_the_bot_is_killed_three_times(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, 7) as site:
        plant(site, people=400, messages=2_000)
        site.world.limits.box = 800
        await lose_the_registry(site)
        outcome = await rebuild(site, kills=3, delay=1.0)
    assert outcome.killed >= 2
    assert outcome.audit.clean, str(outcome.audit)
    assert not outcome.wrong, outcome.wrong
    assert not outcome.faults
    assert outcome.said == 0
    report = outcome.report
    assert report["new"] == outcome.people
    assert report["people"] >= outcome.people  # of some, only a block is left
    assert outcome.gone >= 8
    assert report["messages"]["scanned"] == report["messages"]["top"] > 2_000
    assert report["messages"]["empty"] > 8
    assert report["difference"]["from_pts"] > 1_000
    assert report["without_hash"] == 0
