"""The benchmark of the page of metrics runs from end to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.test_start import ROOT, cells


@pytest.mark.bench
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as on Linux")
def test_the_benchmark_runs_from_end_to_end() -> None:
    command = [sys.executable, "-m", "benchmarks.metrics", "--rounds", "1", "--seconds", "1", "--rate", "50"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    (scrape,) = cells(ended.stdout)["CPU of a scrape"]
    assert 0 < float(scrape.removesuffix(" ms")) < 1000
