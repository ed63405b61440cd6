from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tgbot.core.errors import SessionInUseError
from tgbot.store.lock import instance_lock

HOLD = """
import sys, pathlib
from tgbot.store.lock import instance_lock
with instance_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def held_elsewhere(session: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock of a session until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(session)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_has_the_session_and_a_killed_one_is_no_obstacle(
    tmp_path: Path,
) -> None:
    session = tmp_path / "bot.session"
    with held_elsewhere(session) as process:
        with pytest.raises(SessionInUseError, match=rf"bot\.session is in use .*\(pid {process.pid}\)"):
            instance_lock(session).__enter__()
        process.send_signal(signal.SIGKILL)
        process.wait()
    with instance_lock(session) as lock:
        assert lock.read_text() == f"{os.getpid()}\n"


def test_leaving_frees_the_lock(tmp_path: Path) -> None:
    session = tmp_path / "bot.session"
    with instance_lock(session), pytest.raises(SessionInUseError):
        instance_lock(session).__enter__()
    with instance_lock(session):
        pass


def test_the_lock_lies_beside_the_session_in_a_directory_it_makes_and_is_private(tmp_path: Path) -> None:
    session = tmp_path / "new" / "bot.session"
    with instance_lock(session) as lock:
        assert lock == tmp_path / "new" / "bot.lock"
        assert lock.stat().st_mode & 0o777 == 0o600
        assert not session.exists()


def test_a_lock_file_that_holds_nonsense_does_not_hide_who_is_refused(tmp_path: Path) -> None:
    session = tmp_path / "bot.session"
    with instance_lock(session) as lock:
        lock.write_text("not a pid\n")
        with pytest.raises(SessionInUseError, match="in use by another process:"):
            instance_lock(session).__enter__()
