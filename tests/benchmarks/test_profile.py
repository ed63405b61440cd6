"""The profile: how samples become times, the flame graph, and that a running bot can be sampled."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.flame import WIDTH, draw
from benchmarks.profile import module, report, stacks, times
from tests.benchmarks.test_start import ROOT, cells

#: As the sampler writes it: of ten seconds two in `write`, which `answer` calls, and four in a function that
#: calls itself.
RAW = """\
main (tgbot/cli.py);Runner.run (asyncio/runners.py);answer (tgbot/wire.py);write (tgbot/wire.py) 2.0
main (tgbot/cli.py);Runner.run (asyncio/runners.py);answer (tgbot/wire.py) 3.0
main (tgbot/cli.py);Runner.run (asyncio/runners.py) 1.0
_bootstrap (threading.py);store (tgbot/<locals>.py);store (tgbot/<locals>.py) 4.0
"""
#: Two messages took them.
FOUND = stacks(RAW, 2_000_000)


def test_a_stack_begins_with_the_event_loop() -> None:
    loop = "Runner.run (asyncio/runners.py)"
    assert [stack[0] for stack, _ in FOUND] == [loop, loop, loop, "_bootstrap (threading.py)"]
    assert [spent for _, spent in FOUND] == [1.0, 1.5, 0.5, 2.0]


def test_a_function_has_its_own_time_and_that_of_what_it_calls_once() -> None:
    assert times(FOUND) == [
        ("store (tgbot/<locals>.py)", 2.0, 2.0),
        ("answer (tgbot/wire.py)", 1.5, 2.5),
        ("write (tgbot/wire.py)", 1.0, 1.0),
        ("Runner.run (asyncio/runners.py)", 0.5, 3.0),
    ]


def test_a_module_has_the_times_of_its_functions() -> None:
    assert times(FOUND, module)[0] == ("tgbot/wire.py", 2.5, 2.5)


def test_the_tables_show_the_largest_times() -> None:
    rows = cells(report(FOUND, top=2))
    assert rows["`answer (tgbot/wire.py)`"] == ["1.5", "2.5", "30.0%"]
    assert "`write (tgbot/wire.py)`" not in rows


def test_a_flame_graph_is_as_wide_as_the_times() -> None:
    picture = ElementTree.fromstring(draw(FOUND, "µs"))
    boxes = {}
    for box in picture.iter("{http://www.w3.org/2000/svg}g"):
        title, rectangle, _ = box
        boxes[title.text] = (float(rectangle.get("width", "")), float(rectangle.get("y", "")))
    assert boxes["all: 5.0 µs"][0] == WIDTH
    loop, answer = boxes["Runner.run (asyncio/runners.py): 3.0 µs"], boxes["answer (tgbot/wire.py): 2.5 µs"]
    assert (loop[0], answer[0]) == (WIDTH * 0.6, WIDTH * 0.5)
    assert answer[1] < loop[1] < boxes["all: 5.0 µs"][1], "what is called stands above"


@pytest.mark.bench
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as on Linux")
def test_a_running_bot_is_sampled_from_end_to_end(tmp_path: Path) -> None:
    graph = tmp_path / "graph.svg"
    options = ["--messages", "500", "--warm-up", "5", "--top", "1000", "--flame-graph", str(graph)]
    command = [sys.executable, "-m", "benchmarks.profile", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "<svg" in graph.read_text()
    modules = {name: row for name, row in cells(ended.stdout).items() if "(" not in name}
    assert any(name.startswith("`tgbot/telegram/") for name in modules)
    cpu = re.search(r"saturated; (\d+) µs for each", ended.stdout)
    assert cpu is not None
    assert 0.6 < sum(float(row[0]) for row in modules.values()) / float(cpu[1]) < 1.2
