"""What SIGTERM, SIGINT and SIGHUP do to `tgbot run`, and how signals are sent to what has been started.

Imports next to nothing: as process 1 of a container, a process without handlers never sees these signals.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # without importing typing
if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable
    from subprocess import Popen
    from types import FrameType, TracebackType

#: Signals that ask the bot to stop. SIGHUP is among them: the bot has nothing to open again.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def end_at_once(number: int) -> None:
    """End the process with status 0: nothing is open yet."""
    os._exit(0)


def ignore(number: int) -> None:
    """Do nothing: how the process ends is settled already."""


def send(process: Process | Popen[bytes], number: int) -> None:
    """Send a signal to a process that this one has started, unless it has ended.

    Its `send_signal` would first look whether it has ended, and take the exit status away from asyncio, which
    then reports 255.
    """
    if process.returncode is None:
        try:  # noqa: SIM105 - contextlib is not imported for this alone
            os.kill(process.pid, number)
        except ProcessLookupError:
            pass  # it has ended just now


class StopSignals:
    """Handles the signals while it is entered: the first calls `answer`, the second ends the process at once.

    The status is then 128 + the signal's number, as if it were killed. Where SIGHUP is ignored already, which
    is what nohup does, it stays ignored.
    """

    def __init__(self) -> None:
        #: What the first signal does, in the main thread and between any two of its instructions.
        self.answer: Callable[[int], None] = end_at_once
        self._received = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal has returned
        self._before.clear()

    @property
    def received(self) -> bool:
        """Whether a signal has come."""
        return self._received

    def unblock(self) -> None:
        """Let signals come that an earlier program of this process kept back (see `execute_anew`)."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def execute_anew(self) -> None:
        """Replace this program by a new run of the same command line; the process stays, with its id.

        A signal that came ends the process with status 0 instead: nothing is open any more. One that comes
        now waits for the new program.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if self._received:
            os._exit(0)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def settle(self) -> None:
        """Let the first signal change nothing from now on."""
        self.answer = ignore

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._received:
            os._exit(128 + number)
        self._received = True
        self.answer(number)
