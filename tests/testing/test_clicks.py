"""Recordings of random clicks on the page pass as tests; `make clicks` makes a hundred."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.testing.clicks import Recordings, run


async def test_recordings_of_random_clicks_pass_as_tests(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    for seed in (1, 2, 5):  # the bot is killed in the last one
        text = (await recordings.make(seed)).read_text()
        assert "await person(" in text
        assert ("bot.kill(" in text) == (seed == 5)
    passed, failed, output = await asyncio.to_thread(run, tmp_path)
    assert (passed, failed) == (3, []), output
