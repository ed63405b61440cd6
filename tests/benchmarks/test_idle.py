"""The benchmark of a start and of an idle bot runs from end to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.test_start import ROOT, cells


@pytest.mark.bench
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as on Linux")
def test_the_benchmark_runs_from_end_to_end() -> None:
    command = [sys.executable, "-m", "benchmarks.idle", "--rounds", "1", "--clients", "tgbot"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    first, later, cpu, memory = cells(ended.stdout)["this bot"]
    assert min(float(first), float(later), float(cpu)) > 0
    assert float(memory.partition(" / ")[0]) > 20
