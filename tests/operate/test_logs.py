"""The log: its two forms, what a line is about, levels of loggers, and storms."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from telethon import events

from tests.scenarios.conftest import *  # noqa: F403 - a bot, its sandbox and people
from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk
from tgbot.operate import logs
from tgbot.operate.context import about_update
from tgbot.operate.logs import HumanLines, JsonLines, LogHandler, Storms


class Clock:
    """A time that is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def record(
    message: str, *arguments: object, level: int = logging.WARNING, name: str = "a"
) -> logging.LogRecord:
    return logging.LogRecord(name, level, "file.py", 7, message, arguments, None)


def admitted(storms: Storms, *lines: logging.LogRecord) -> int:
    return sum(storms.admit(line) for line in lines)


# ---- storms ----------------------------------------------------------------------------------------


def test_the_first_lines_of_a_storm_are_written_and_the_others_counted() -> None:
    clock = Clock()
    storms = Storms(clock)
    storm = [record("user %d failed", number) for number in range(1000)]
    assert admitted(storms, *storm) == logs.STORM_LINES
    assert storms.over() == []  # it may go on
    clock.now += logs.STORM_SECONDS
    (told,) = storms.over()
    assert told.getMessage() == (
        f"{1000 - logs.STORM_LINES} more lines such as the following came within 60 s: user 999 failed"
    )
    assert (told.name, told.levelno) == ("a", logging.WARNING)
    assert not storms.going_on
    assert admitted(storms, *storm[:3]) == 3


def test_a_storm_that_goes_on_is_told_of_each_minute() -> None:
    clock = Clock()
    storms = Storms(clock)
    for _ in range(2):
        assert admitted(storms, *[record("x")] * 50) == logs.STORM_LINES
        clock.now += logs.STORM_SECONDS
    assert [line.args[0] for line in storms.over() if isinstance(line.args, tuple)] == [30, 30]
    assert storms.over() == []


def test_other_lines_are_written_during_a_storm() -> None:
    storms = Storms(Clock())
    admitted(storms, *[record("x")] * 50)
    assert admitted(storms, record("y"), record("x", name="b")) == 2


def test_news_of_different_people_is_no_storm_and_debugging_never_is() -> None:
    storms = Storms(Clock())
    assert admitted(storms, *[record("user %d", n, level=logging.INFO) for n in range(100)]) == 100
    assert admitted(storms, *[record("x", level=logging.INFO)] * 100) == logs.STORM_LINES
    assert admitted(storms, *[record("x", level=logging.DEBUG)] * 100) == 100


def test_kinds_of_lines_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_KINDS", 10)
    storms = Storms(Clock())
    admitted(storms, *[record("x")] * 50)
    admitted(storms, *[record(f"line {number}") for number in range(1000)])
    assert len(storms._kinds) <= 10
    assert [line.args[0] for line in storms.over(everything=True) if isinstance(line.args, tuple)] == [30]


def test_the_number_is_written_when_the_storm_is_over_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[Any] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, work: Any) -> None:
            assert seconds == logs.STORM_SECONDS
            self.work = work

        def start(self) -> None:
            assert self.daemon
            timers.append(self.work)

    monkeypatch.setattr("threading.Timer", Timer)
    clock, written = Clock(), io.StringIO()
    handler = LogHandler(written, logging.Formatter("%(message)s"), clock=clock)
    for _ in range(2):
        for _ in range(30):
            handler.handle(record("x"))
        clock.now += 45
    assert len(timers) == 1
    timers.pop()()
    assert written.getvalue().splitlines() == ["x"] * 20 + [
        "40 more lines such as the following came within 60 s: x"
    ]
    for _ in range(30):
        handler.handle(record("x"))
    handler.tell(everything=True)
    assert written.getvalue().count("10 more lines such as the following came within 0 s: x") == 1


# ---- forms -----------------------------------------------------------------------------------------


def test_a_line_of_json_has_time_level_logger_message_and_what_it_is_about() -> None:
    line = record("user %s failed", "Zoë \ud800")
    line.created = 1_700_000_000.25
    assert json.loads(JsonLines(lambda: {"update": "m1:2", "dialog": 1}).format(line)) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "WARNING",
        "logger": "a",
        "message": "user Zoë \ud800 failed",
        "update": "m1:2",
        "dialog": 1,
    }


def test_a_line_for_people_names_what_it_is_about_once() -> None:
    about: dict[str, str | int] = {"update": "m1:2", "dialog": 5}
    lines = HumanLines(lambda: about, journal=False)
    line = record("x")
    line.created, line.msecs = 1_700_000_000.25, 250
    assert lines.format(line) == "2023-11-14 22:13:20,250 WARNING a: x (update m1:2, dialog 5)"
    assert lines.format(record("update m1:2 failed")).endswith("a: update m1:2 failed (dialog 5)")


def test_in_the_journal_a_line_has_a_priority_and_no_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with (tmp_path / "journal").open("w") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        lines = logs.formatter(stream, as_json=False)
        assert lines.format(record("x")) == "<4>WARNING a: x"
        assert lines.format(record("x", level=logging.INFO)) == "<6>INFO a: x"
        assert logs.formatter(stream, as_json=True).format(record("x")).startswith("{")
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino + 1}")
        assert not logs.formatter(stream, as_json=False).format(record("x")).startswith("<")


def test_levels_of_single_loggers_hold_beside_that_of_all() -> None:
    code = """
import logging
from tgbot.operate.logs import log_to_stderr
log_to_stderr("WARNING", levels=[("a.b", "DEBUG"), ("asyncio", "INFO")], as_json=True)
for name in ("a", "a.b.c", "asyncio", "aiohttp"):
    logging.getLogger(name).info("x")
for _ in range(25):
    logging.getLogger("a").warning("storm")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["logger"] for line in lines[:2]] == ["a.b.c", "asyncio"]
    assert lines[-1]["message"].startswith("5 more lines")
    assert len(lines) == 2 + 20 + 1


# ---- a bot -----------------------------------------------------------------------------------------


@contextmanager
def collected() -> Iterator[list[dict[str, Any]]]:
    """Collect the lines of the log as programs read them."""
    lines: list[dict[str, Any]] = []
    made = JsonLines(about_update)

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(made.format(record)))

    handler = Collecting()
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)


async def test_a_line_that_a_plugin_logs_names_its_update_dialog_and_handler(
    start_bot: StartBot, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = ModuleType("chatty_plugin")

    async def chatty(event: Any) -> None:
        logging.getLogger("chatty").warning("one")
        await asyncio.to_thread(logging.getLogger("chatty").warning, "two")
        await event.respond("said")

    chatty.__module__, chatty.__qualname__ = plugin.__name__, "chatty"
    plugin.register = lambda client: client.add_event_handler(chatty, events.NewMessage)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    with collected() as lines:
        await start_bot(plugins=[plugin.__name__])
        anna = Talk(await person("Anna"))
        said = await anna.say("hello")
        assert await anna.hears() == "said"
    logged = [line for line in lines if line["logger"] == "chatty"]
    assert [line["message"] for line in logged] == ["one", "two"]
    for line in logged:
        assert line["dialog"] == anna.id
        assert line["update"].startswith(f"m{anna.id}:")
        assert (line["handler"], line["plugin"]) == ("chatty_plugin.chatty", "chatty_plugin")
    assert said.id
    assert not any("update" in line for line in lines if line["message"].startswith("running"))
