"""A display, with the window of an app on it: its picture, its keys and its pointer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from PIL import Image, ImageChops, ImageGrab

from tests.clients.desktop.words import DesktopError

#: Width, height and depth of the display.
_SIZE: Final = "1000x700x24"
#: Seconds between two pictures of a window that is to be still.
_BETWEEN: Final = 0.4
#: Points that may differ in a still window, where a cursor blinks; of another view, at least so many differ.
_FEW, _MANY = 300, 1000
#: Milliseconds between two typed letters.
_TYPING: Final = "60"


@asynccontextmanager
async def virtual_display() -> AsyncIterator[str]:
    """Run Xvfb on a display that is free, and yield its name."""
    reading, writing = os.pipe()
    server = await asyncio.create_subprocess_exec(
        # Without -noreset it begins anew, and drops who connects meanwhile, whenever its last client goes.
        *("Xvfb", "-displayfd", str(writing), "-screen", "0", _SIZE, "-nolisten", "tcp", "-noreset"),
        pass_fds=(writing,),
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as lines:
            number = (await asyncio.to_thread(lines.readline)).strip()
        if not number:
            raise DesktopError("Xvfb did not start")
        yield f":{number}"
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


class Window:
    """The main window of an app."""

    def __init__(self, display: str, number: str, place: Mapping[str, int]) -> None:
        self._display = display
        self._number = number
        #: Its edges on the display.
        self.left, self.top = place["X"], place["Y"]
        self.right, self.bottom = self.left + place["WIDTH"], self.top + place["HEIGHT"]

    async def key(self, *keys: str) -> None:
        """Press keys, one after another, by X's names."""
        await xdotool(self._display, "key", "--delay", _TYPING, *keys)

    async def type(self, text: str) -> None:
        """Type a text."""
        await xdotool(self._display, "type", "--delay", _TYPING, text)

    async def click(self, x: int, y: int) -> None:
        """Click at a place of the display."""
        await xdotool(self._display, "mousemove", str(x), str(y), "click", "1")

    async def focus(self) -> None:
        """Let keys go to this window; there is no window manager that would."""
        await xdotool(self._display, "windowfocus", self._number)

    async def picture(self) -> Image.Image:
        """Return what the window shows."""
        box = (self.left, self.top, self.right, self.bottom)
        return await asyncio.to_thread(ImageGrab.grab, bbox=box, xdisplay=self._display)

    async def still(self, unlike: Image.Image | None = None) -> Image.Image:
        """Wait until the window shows another view than `unlike` and nothing moves in it; return it."""
        last = await self.picture()
        while True:
            await asyncio.sleep(_BETWEEN)
            now = await self.picture()
            if _differing(last, now) <= _FEW and (unlike is None or _differing(unlike, now) >= _MANY):
                return now
            last = now


async def find_window(display: str, pid: int, title: str) -> Window | None:
    """Return the visible window of a process with this title, None if there is none yet."""
    asked = ("search", "--all", "--pid", str(pid), "--onlyvisible", "--name", f"^{title}$")
    numbers = (await xdotool(display, *asked, may_fail=True)).split()
    if not numbers:
        return None
    told = (await xdotool(display, "getwindowgeometry", "--shell", numbers[-1])).split()
    place = dict(line.split("=", 1) for line in told)
    return Window(display, numbers[-1], {name: int(place[name]) for name in ("X", "Y", "WIDTH", "HEIGHT")})


async def xdotool(display: str, *arguments: str, may_fail: bool = False) -> str:
    """Run xdotool and return what it prints; raise DesktopError if it fails."""
    process = await asyncio.create_subprocess_exec(
        "xdotool",
        *arguments,
        env=os.environ | {"DISPLAY": display},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode and not may_fail:
        raise DesktopError(f"xdotool {arguments[0]} failed: {err.decode(errors='replace').strip()}")
    return out.decode()


def _differing(one: Image.Image, other: Image.Image) -> int:
    """Return the number of points that differ visibly."""
    levels = ImageChops.difference(one.convert("L"), other.convert("L")).histogram()
    return sum(levels[16:])
