"""The benchmark of reports runs from end to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.test_start import ROOT, cells


@pytest.mark.bench
def test_the_benchmark_runs_from_end_to_end() -> None:
    command = [sys.executable, "-m", "benchmarks.report", "--recipients", "2500"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    found = cells(ended.stdout)
    assert float(found["table, MiB"][-1]) > 0
