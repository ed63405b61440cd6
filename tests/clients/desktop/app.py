"""Telegram Desktop: a private copy that knows the sandbox's key, in a directory of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.clients.desktop.screen import Window, find_window
from tests.clients.desktop.words import DesktopError
from tests.clients.privatecopy import private_copy

PROGRAM: Final = "telegram-desktop"
TITLE: Final = "Telegram"


class App:
    """The app on a display. Nothing of the user's own Telegram Desktop is read or written."""

    def __init__(self, directory: Path, display: str) -> None:
        self._directory = directory
        self._display = display
        self._copy = directory / PROGRAM
        self._process: asyncio.subprocess.Process | None = None

    def make_copy(self, pem: str) -> None:
        """Make the copy that knows this key."""
        original = shutil.which(PROGRAM)
        assert original is not None  # `missing` has looked
        private_copy(Path(original), pem, self._copy)

    async def start(self) -> Window:
        """Start it and return its window."""
        self._process = await self._run()
        while self._process.returncode is None:
            window = await find_window(self._display, self._process.pid, TITLE)
            if window is not None:
                return window
            await asyncio.sleep(0.2)
        raise DesktopError(f"there is no window{self.end}")

    async def open(self, link: str) -> None:
        """Open a link in the app: a second copy hands it to the one that runs, and ends."""
        await (await self._run("--", link)).wait()

    @property
    def end(self) -> str:
        """Words about its end, "" while it runs."""
        if self._process is None or self._process.returncode is None:
            return ""
        return f"; Telegram Desktop ended with status {self._process.returncode}: {self._last_words()}"

    async def ends(self) -> None:
        """Wait until somebody closes it."""
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> None:
        """End it, if it runs. Its state is thrown away, so it need not save anything."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _run(self, *arguments: str) -> asyncio.subprocess.Process:
        home, runtime = self._directory / "home", self._directory / "run"
        for each in (home, runtime):
            each.mkdir(mode=0o700, exist_ok=True)
        with (self._directory / "output").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *(str(self._copy), "-noupdate", "-workdir", f"{self._directory / 'work'}/", *arguments),
                env=_environment(home, runtime, self._display),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _last_words(self) -> str:
        lines = (self._directory / "output").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


@asynccontextmanager
async def opened(directory: Path, display: str) -> AsyncIterator[App]:
    """Yield an app, and end it at the end."""
    app = App(directory, display)
    try:
        yield app
    finally:
        await app.stop()


def _environment(home: Path, runtime: Path, display: str) -> Mapping[str, str]:
    # The app finds a running one, and is found, by a socket in the temporary directory. Without a bus it does
    # not notify the desktop or register for links.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "WAYLAND_"))}
    return {
        "XAUTHORITY": str(Path.home() / ".Xauthority"),
        **own,
        "HOME": str(home),
        "TMPDIR": str(runtime),
        "XDG_RUNTIME_DIR": str(runtime),
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "LANG": "C.UTF-8",
    }
