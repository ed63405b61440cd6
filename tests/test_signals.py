"""Signals to processes that the bot has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tgbot.signals import send


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
