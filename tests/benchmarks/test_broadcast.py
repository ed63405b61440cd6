"""The benchmarks of broadcasts run from end to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.test_start import ROOT, cells


def tables(module: str, *arguments: str) -> dict[str, list[str]]:
    """Return the cells of all rows that a benchmark prints, by their first cell."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr
    return cells(ended.stdout)


@pytest.mark.bench
def test_the_cost_of_a_delivery_stands_beside_that_of_plain_telethon() -> None:
    found = tables("broadcast", "--calls", "300", "--rounds", "1")
    plain, ours = (next(row for name, row in found.items() if word in name) for word in ("plain", "tgbot"))
    assert plain[-1] == "1.00×"
    assert 0 < float(ours[0]) < float(plain[0])


@pytest.mark.bench
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as on Linux")
def test_the_whole_bot_has_a_figure_in_each_row() -> None:
    found = tables("broadcast_whole", "--users", "3000", "--deliveries", "300", "--seconds", "3")
    assert found["memory before"][0].endswith(" MiB")
    assert float(found["deliveries a second, at the greatest pace"][0]) > 0
    assert found["nothing else"][2:] == ["0.0", "0"]
    assert float(found["a broadcast"][2]) > 0
