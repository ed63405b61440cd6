"""The files that a bot is made of, and whether they changed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeAlias

#: What the names of files end with that are code or texts of a plugin.
SUFFIXES: Final = (".py", ".ftl")
#: After how long all files are read, where the system does not tell of changes (network drives), in seconds.
LOOK_SECONDS: Final = 5
#: How long nothing must change until a change is over, in milliseconds: editors write several files.
QUIET_MS: Final = 100

#: Digests of files by their paths; a file that is not there has none.
Contents: TypeAlias = Mapping[Path, bytes]


class Sources:
    """Files, and directories whose code and texts count; those below the directories do not."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = {file.absolute() for file in files}
        self._directories: set[Path] = set()

    def add(self, directories: Iterable[Path]) -> None:
        """Let the code and the texts in these directories count from now on."""
        self._directories.update(directories)

    def contents(self) -> Contents:
        """Return what is in the files now."""
        files = set(self._files)
        for directory in self._directories:
            files.update(file for file in _listed(directory) if file.suffix in SUFFIXES)
        return {file: digest for file in files if (digest := _digest(file)) is not None}

    async def changed(self, before: Contents) -> list[Path]:
        """Return the files whose contents differ from those, in order, as soon as there are any."""
        from watchfiles import awatch

        watched = self._directories | {file.parent for file in self._files}
        stop = asyncio.Event()  # ends the thread that watches
        told = awatch(
            *filter(Path.is_dir, watched),
            watch_filter=None,
            step=QUIET_MS,
            stop_event=stop,
            rust_timeout=LOOK_SECONDS * 1000,
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(told):
            try:
                while not (found := _differences(before, self.contents())):
                    await anext(told)
            finally:
                stop.set()
        return found


def _differences(before: Contents, now: Contents) -> list[Path]:
    return sorted(file for file in {*before, *now} if before.get(file) != now.get(file))


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _digest(file: Path) -> bytes | None:
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return None
