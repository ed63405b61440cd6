"""A plugin that counts the bytecodes that the main thread of the bot executes, by function.

SIGUSR1 begins a count; the next one ends it and writes a line for each function to the file that $OPCODES
names: `name (file) CALLS BYTECODES`. A coroutine that is resumed counts as called again. What is written in C
counts as one bytecode of its caller.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from benchmarks.sampler import name_of


class Opcodes:
    """Count the calls and the bytecodes of each function."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._calls: Counter[CodeType] = Counter()
        self._executed: Counter[CodeType] = Counter()
        self._counting = False

    def toggle(self, number: int, frame: FrameType | None) -> None:
        """Begin a count, or end it and write the file."""
        self._counting = not self._counting
        if self._counting:
            sys.settrace(self._called)
            return
        sys.settrace(None)
        lines = [
            f"{name_of(code)} {self._calls[code]} {executed}\n" for code, executed in self._executed.items()
        ]
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text("".join(lines))
        unfinished.rename(self._file)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        code, executed = frame.f_code, self._executed
        self._calls[code] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def within(frame: FrameType, event: str, argument: object) -> Any:
            if event == "opcode":
                executed[code] += 1
            return within

        return within


def register(client: Any) -> None:
    """Be ready for SIGUSR1."""
    signal.signal(signal.SIGUSR1, Opcodes(Path(os.environ["OPCODES"])).toggle)
