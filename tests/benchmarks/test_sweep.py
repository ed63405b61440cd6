"""The benchmark of sweeps runs from end to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.test_start import ROOT, cells


@pytest.mark.bench
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as on Linux")
def test_the_benchmark_runs_from_end_to_end() -> None:
    command = [sys.executable, "-m", "benchmarks.sweep", "--users", "100", "--seconds", "5", "--rates", "500"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    assert cells(ended.stdout)["500 a second"][0] == "300"
