"""Bytecodes: how counts become costs, and that a running bot is counted."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.bytecodes import Cost, by_module, costs, report
from tests.benchmarks.test_start import ROOT

RAW = "send (tgbot/wire.py) 20 300\nhandle (tgbot/updates.py) 10 500\nlog (tgbot/wire.py) 10 400\n"


def test_counts_are_divided_by_the_messages_and_sorted() -> None:
    found = costs(RAW, 10)
    assert found == [
        Cost("handle (tgbot/updates.py)", 1.0, 50.0),
        Cost("log (tgbot/wire.py)", 1.0, 40.0),
        Cost("send (tgbot/wire.py)", 2.0, 30.0),
    ]
    assert by_module(found) == [Cost("tgbot/wire.py", 3.0, 70.0), Cost("tgbot/updates.py", 1.0, 50.0)]


def test_the_first_row_is_the_sum() -> None:
    for part in report(costs(RAW, 10), 1).split("\n\n"):
        assert part.splitlines()[2] == "| `all` | 4.0 | 120 |"
        assert len(part.splitlines()) == 4


@pytest.mark.bench
def test_a_running_bot_is_counted_the_same_twice() -> None:
    command = [sys.executable, "-m", "benchmarks.bytecodes", "--messages", "100", "--window", "1"]
    found = []
    for _ in range(2):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
        assert ended.returncode == 0, ended.stderr
        row = re.search(r"`all` \| [0-9.]+ \| (\d+) \|", ended.stdout)
        assert row is not None
        found.append(int(row[1]))
    assert found[0] == pytest.approx(found[1], rel=0.05)
