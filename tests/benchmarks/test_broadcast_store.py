"""The benchmark of what a broadcast costs the store."""

from __future__ import annotations

from pathlib import Path

from benchmarks.broadcast_store import measure
from benchmarks.registry import fill


async def test_it_has_each_figure_of_a_store_that_it_fills_and_uses(tmp_path: Path) -> None:
    path = tmp_path / "users.sqlite"
    fill(path, 12_000)
    figures = await measure(path, 12_000)
    assert set(figures) == {
        *("everybody_s", "everybody_loop_ms", "condition_s", "condition_loop_ms", "checkpoint_meanwhile_ms"),
        *(
            "settle_us",
            "flush_1000_ms",
            "flush_1000_loop_ms",
            "late_us",
            "flush_late_s",
            "flush_late_loop_ms",
        ),
        *("open_s", "first_chunk_ms", "find_us", "survey_s"),
    }
    assert all(figure > 0 for name, figure in figures.items() if not name.endswith("loop_ms"))
