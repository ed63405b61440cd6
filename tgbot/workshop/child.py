"""The bot as a process of its own: `tgbot run`, which ends when this process does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tgbot.signals import send

#: The longest line of a log, in bytes.
LONGEST_LINE: Final = 1 << 20
#: How long what it has started may keep its log open after its end, in seconds.
LOG_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a bot says of itself before it opens anything."""

    #: Whether its configuration, texts and plugins can be used; if not, it has told why and ends.
    usable: bool
    #: The directories that its plugins and texts came from, as far as it got.
    directories: frozenset[Path] = frozenset()


class Child:
    """One bot, from its start to its end. It reads its files at once, and opens them when it is told to.

    It is in a process group of its own, so that Ctrl-C reaches only this process. The two hold a pair of
    sockets; when this end closes, whatever the reason, the bot stops as at a SIGTERM.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def spawn(
        cls,
        config: Path | None,
        environ: Mapping[str, str],
        heard: Callable[[str], object] | None = None,
    ) -> Self:
        """Start `tgbot run` with a file of settings (None: the usual one); its output goes to ours.

        `heard` gets each line of its log, too.
        """
        ours, its = socket.socketpair()
        with its:
            # As for this process: where it was started from is on the path only after `python -m`.
            path = () if sys.path[:1] == [os.getcwd()] else ("-P",)
            file = () if config is None else (str(config),)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(*path, "-m", "tgbot.cli.attached", str(its.fileno()), *file),
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=None if heard is None else asyncio.subprocess.PIPE,
                limit=LONGEST_LINE,
                start_new_session=True,
                pass_fds=(its.fileno(),),
            )
        child = cls(process, *await asyncio.open_connection(sock=ours))
        if heard is not None:
            child._reading = asyncio.create_task(child._read_log(heard))
        return child

    @property
    def pid(self) -> int | None:
        """The number of its process, None once that has ended."""
        return self._process.pid if self._process.returncode is None else None

    def kill(self) -> None:
        """Kill it at once, with SIGKILL."""
        send(self._process, signal.SIGKILL)

    async def checked(self) -> Found:
        """Return what it found in its files, once it has read them."""
        told = await self._told()
        if told is None:
            return Found(usable=False)
        return Found(told["usable"], frozenset(map(Path, told["directories"])))

    def go(self) -> None:
        """Let it open its files and log in."""
        self._writer.write(b"go\n")

    async def up(self) -> bool:
        """Return True once it handles updates, False if it ended before."""
        return await self._told() is not None

    async def ended(self) -> int:
        """Return its exit status once it has ended; 128 + the number of the signal that killed it."""
        status = await self._process.wait()
        if self._reading is not None:
            await asyncio.wait((self._reading,), timeout=LOG_SECONDS)
        return status if status >= 0 else 128 - status

    async def stop(self) -> int:
        """Stop it with SIGTERM if it runs, and return its exit status once everything is on disk."""
        send(self._process, signal.SIGTERM)
        status = await self.ended()
        self._writer.close()
        return status

    async def _read_log(self, heard: Callable[[str], object]) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            sys.stderr.write(line.decode(errors="replace"))
            sys.stderr.flush()
            heard(line.decode(errors="replace").rstrip())

    async def _told(self) -> dict[str, Any] | None:  # Any: what JSON has
        try:
            line = await self._reader.readline()
        except ConnectionError:
            line = b""
        return json.loads(line) if line else None
