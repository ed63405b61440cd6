"""`users list` on a terminal: through a pager, which may end early; and how far long work is."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from benchmarks.registry import FIRST_ID, fill
from tgbot.core.users import Profile, Way
from tgbot.store.sqlite.userfile import SqliteRegistry

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PAGER", "LESS")}
ENVIRONMENT = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("TGBOT_")}


@pytest.fixture(autouse=True)
async def _registry(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    with closing(SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=time.time)) as users:
        users.seen(Profile(7, "Anna"), 50, Way.MESSAGE)
        users.seen(Profile(8, "Boris"), 50, Way.MESSAGE)
        await users.flush()


def on_terminal(
    directory: Path, *arguments: str, errors: bool = False, **environ: str
) -> tuple[int, str, str]:
    """Run a command whose output, or errors, go to a terminal; return its status, output and errors."""
    ours, theirs = pty.openpty()
    with (directory / "elsewhere").open("w+") as elsewhere:
        process = subprocess.Popen(
            [sys.executable, "-m", "tgbot.cli", *arguments],
            cwd=directory,
            env=ENVIRONMENT | environ,
            stdin=subprocess.DEVNULL,
            stdout=elsewhere if errors else theirs,
            stderr=theirs if errors else elsewhere,
        )
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # which Linux raises where the other end was closed
            while part := os.read(ours, 65536):
                shown += part
        os.close(ours)
        status = process.wait(timeout=60)
        elsewhere.seek(0)
        other, text = elsewhere.read(), shown.decode().replace("\r\n", "\n")
    return (status, other, text) if errors else (status, text, other)


LISTED = "7            unknown      -       -  Anna\n8            unknown      -       -  Boris\n"


def program(directory: Path, name: str, script: str) -> str:
    """Make a program; return the PATH on which it is the first."""
    (directory / "bin").mkdir(exist_ok=True)
    (directory / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / "bin" / name).chmod(0o755)
    return f"{directory / 'bin'}:{os.environ['PATH']}"


def test_a_list_on_a_terminal_goes_through_the_pager(tmp_path: Path) -> None:
    status, shown, errors = on_terminal(tmp_path, "users", "list", PAGER="sed 's/^/> /'")
    assert (status, shown, errors) == (0, "".join(f"> {line}\n" for line in LISTED.splitlines()), "")


def test_without_a_name_the_pager_is_less_and_ends_by_itself_after_one_page(tmp_path: Path) -> None:
    path = program(tmp_path, "less", 'echo "less $LESS"; exec cat')
    assert on_terminal(tmp_path, "users", "list", PATH=path) == (0, f"less FRX\n{LISTED}", "")
    assert on_terminal(tmp_path, "users", "list", PATH=path, LESS="S")[1] == f"less S\n{LISTED}"


@pytest.mark.parametrize("pager", ["", "cat", "no-such-program -x", "'"])
def test_without_a_pager_the_list_is_printed(pager: str, tmp_path: Path) -> None:
    assert on_terminal(tmp_path, "users", "list", PAGER=pager) == (0, LISTED, "")


def test_no_pager_is_used_where_none_is_wanted_or_nobody_looks(tmp_path: Path) -> None:
    assert on_terminal(tmp_path, "users", "list", "--no-pager", PAGER="false") == (0, LISTED, "")
    status, printed, shown = on_terminal(tmp_path, "users", "list", errors=True, PAGER="false", TERM="dumb")
    assert (status, printed) == (0, LISTED)
    assert "Anna" not in shown


def test_a_pager_that_ends_early_ends_the_list_without_an_error(tmp_path: Path) -> None:
    (tmp_path / "sessions" / "users.sqlite").unlink()
    fill(tmp_path / "sessions" / "users.sqlite", 20_000)
    for pager in ("head -n 1", "true"):
        status, shown, errors = on_terminal(tmp_path, "users", "list", PAGER=pager)
        assert (status, errors) == (0, "")
        assert shown.startswith(str(FIRST_ID)) or pager == "true"
        assert len(shown.splitlines()) == (pager != "true")


@pytest.mark.parametrize("words", [("list",), ("list", "--json"), ("export",), ("export", "--format", "csv")])
def test_long_work_that_goes_elsewhere_shows_on_the_terminal_how_far_it_is(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "sessions" / "users.sqlite").unlink()
    fill(tmp_path / "sessions" / "users.sqlite", 2_000)
    status, printed, shown = on_terminal(
        tmp_path, "users", *words, errors=True, TERM="xterm", TGBOT_BOT_TOKEN="42:secret"
    )
    assert status == 0
    assert len(printed.splitlines()) == 2_000 + ("csv" in words)
    assert "users" in shown
    assert "%" in shown
