"""The benchmark of `/start`: what its tables say, and that it runs from end to end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import Memory
from benchmarks.start import Cost, Round, beside, report

ROOT = Path(__file__).parents[2]


def measured(cpu: float, wall: float = 500.0) -> Round:
    new = Cost(cpu, sandbox=250.0, wall=wall, busy=0.5)
    known = Cost(cpu / 2, sandbox=200.0, wall=wall / 2, busy=0.9)
    return Round(new, known, Cost(cpu * 3, 0, 0, 0), p50=0.001, p99=0.0023, memory=Memory(90, 70))


def cells(text: str) -> dict[str, list[str]]:
    """Return the cells of all tables by the first one of their row, behind each other; without the heads."""
    found: dict[str, list[str]] = {}
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("| ") and "| ---" not in (line[:5], following[:5]):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            found.setdefault(first, []).extend(others)
    return found


def test_what_the_database_costs_is_told_within_each_round() -> None:
    files = [measured(100), measured(200), measured(110)]
    database = [measured(120), measured(260), measured(132)]
    assert beside(database, files) == "new 1.20 (1.20–1.30), known 1.20 (1.20–1.30), paced 1.20 (1.20–1.30)"


def test_the_tables_have_medians_and_the_ratios_within_each_round() -> None:
    # Noise that doubles all of a round changes no ratio.
    rounds = {
        "tgbot": [measured(100), measured(200), measured(110)],
        "telethon": [measured(400), measured(800), measured(400)],
    }
    rows = cells(report(rounds, 100))
    ours = ["110", "0.25 (0.25–0.28)", "55", "0.25 (0.25–0.28)", "330", "0.25 (0.25–0.28)"]
    assert rows["this bot"][:6] == ours
    assert rows["Telethon + uvloop"][:6] == ["400", "1.00", "200", "1.00", "1200", "1.00"]


def test_the_peak_rate_is_that_of_the_faster_part_with_what_limited_it() -> None:
    rows = cells(report({"tgbot": [measured(100)]}, 100))
    assert rows["this bot"][6:] == ["1.00", "2.30", "4,000", "90%", "5,000", "90 / 70"]


def test_the_page_on_performance_has_these_tables() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8").splitlines()
    heads = [line for line in report({"tgbot": [measured(100)]}, 100).splitlines() if "client" in line]
    assert len(heads) == 2
    assert not [head for head in heads if head not in page]


def test_without_plain_telethon_there_are_no_ratios() -> None:
    assert cells(report({"tgbot": [measured(100)]}, 100))["this bot"][:4] == ["100", "-", "50", "-"]


@pytest.mark.bench
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as on Linux")
def test_the_benchmark_runs_from_end_to_end() -> None:
    options = "--messages 20 --warm-up 5 --rounds 1 --rate 50 --seconds 0.2 --clients tgbot,telethon"
    command = [sys.executable, "-m", "benchmarks.start", *options.split()]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    assert re.match(r"Python 3\.\d+\.\S+, Telethon 1\.\S+, uvloop \S+, .*; \d+ cores", ended.stdout)
    rows = cells(ended.stdout)
    assert list(rows) == ["this bot", "Telethon + uvloop"]
    for row in rows.values():
        assert len(row) == 12
        assert all(re.match(r"\d[\d,.]*", cell) for cell in row), row
