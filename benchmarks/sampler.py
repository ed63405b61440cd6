"""A plugin that tells where the CPU time of the bot goes, by samples of the stacks of its threads.

SIGUSR1 begins a count; the next one ends it and writes a line for each stack to the file that $SAMPLES names:
`name (file);name (file) SECONDS`, the outermost function first. The clock is the CPU time of the process, so
that nothing is counted while other programs have the core. Python notices the end of an interval at the next
call or return: what is written in C counts as a function next to it in Python, and the time of small
functions is rough. That of modules, and of functions with what they call, is not.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

#: Seconds of CPU between two samples; the kernel may round it up to its own tick, such as 0.004.
INTERVAL: Final = 0.001


class Sampler:
    """Give each thread's stack, at each sample, the CPU time that the thread has used since the last one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._used: dict[int, float] = {}
        self._found: Counter[tuple[CodeType, ...]] = Counter()
        self._counting = False
        self._sampling = False

    def toggle(self, number: int, frame: FrameType | None) -> None:
        """Begin a count, or end it and write the file."""
        self._counting = not self._counting
        interval = INTERVAL if self._counting else 0.0
        signal.setitimer(signal.ITIMER_PROF, interval, interval)
        if self._counting:
            self._used = _cpu_seconds(sys._current_frames())
            self._found.clear()
            return
        lines = [f"{';'.join(map(name_of, stack))} {seconds:.6f}\n" for stack, seconds in self._found.items()]
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text("".join(lines))
        unfinished.rename(self._file)

    def sample(self, number: int, frame: FrameType | None) -> None:
        """Take one sample; `frame` is that of the thread that handles signals."""
        if self._sampling:
            return  # the time of the next sample came during this one
        self._sampling = True
        frames: dict[int, FrameType | None] = {**sys._current_frames(), threading.get_ident(): frame}
        before, self._used = self._used, _cpu_seconds(frames)
        for thread, used in self._used.items():
            seconds = used - before.get(thread, 0.0)
            if seconds > 0:
                self._found[_stack(frames[thread])] += seconds  # type: ignore[assignment]  # a float
        self._sampling = False


def _cpu_seconds(threads: Iterable[int]) -> dict[int, float]:
    """Return what each thread has used."""
    return {thread: time.clock_gettime(time.pthread_getcpuclockid(thread)) for thread in threads}


def _stack(frame: FrameType | None) -> tuple[CodeType, ...]:
    """Return the code of a frame and of all that called it, the outermost first."""
    found = []
    while frame is not None:
        found.append(frame.f_code)
        frame = frame.f_back
    return tuple(reversed(found))


def name_of(code: CodeType) -> str:
    """Return `name (file)`, with the file as it is found on the path of modules."""
    file = code.co_filename
    for root in sorted(filter(None, sys.path), key=len, reverse=True):
        file = file.removeprefix(root.rstrip("/") + "/")
    return f"{code.co_qualname} ({file})"


def register(client: Any) -> None:
    """Be ready for SIGUSR1."""
    sampler = Sampler(Path(os.environ["SAMPLES"]))
    signal.signal(signal.SIGPROF, sampler.sample)
    signal.signal(signal.SIGUSR1, sampler.toggle)
