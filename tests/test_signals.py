"""Signals: those to processes that the bot has started, and those at a process that begins anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tgbot.signals import send

#: Begins anew once, and says so. `BEFORE` is what happens before that.
PROGRAM = """
import os, signal, sys
from tgbot.signals import StopSignals, ignore
signals = StopSignals().__enter__()
signals.unblock()
if os.environ.get("AGAIN"):
    print("again", os.getpid() == int(os.environ["AGAIN"]), sys.argv[1:])
    sys.exit(5)
os.environ["AGAIN"] = str(os.getpid())
signals.answer = ignore
BEFORE
signals.execute_anew()
"""


def run(before: str) -> tuple[int, str]:
    """Return the exit status and the output of the program, which is given two arguments."""
    command = [sys.executable, "-c", PROGRAM.replace("BEFORE", before), "one", "two"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"AGAIN": ""}, check=False
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_the_process_stays_and_runs_the_same_command_line() -> None:
    assert run("pass") == (5, "again True ['one', 'two']\n")


@pytest.mark.parametrize(
    "before",
    [
        "os.kill(os.getpid(), signal.SIGTERM)",
        # It comes while the program is replaced.
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}); os.kill(os.getpid(), signal.SIGTERM)",
    ],
)
def test_a_signal_ends_it_with_status_0(before: str) -> None:
    assert run(before) == (0, "")


def test_a_signal_to_a_process_that_has_ended_leaves_its_exit_status_to_who_waits_for_it() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    send(process, signal.SIGTERM)
    assert process.returncode is None
    assert process.wait() == 7
    send(process, signal.SIGTERM)


def test_a_signal_reaches_a_process_that_runs() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        send(process, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
