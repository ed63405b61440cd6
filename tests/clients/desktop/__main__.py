"""Run Telegram Desktop on the sandbox (`make desktop`), with a bot, in a network without a way out.

It signs in by itself on a display that nobody sees, finds the bot, presses Start and a button, and leaves a
picture of each step. With --display it is there for you instead, until you close it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections import deque
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from PIL import Image

from tests.clients.desktop.app import opened
from tests.clients.desktop.network import alone, bring_up_loopback
from tests.clients.desktop.screen import virtual_display
from tests.clients.desktop.walk import Cast, Walk
from tests.clients.desktop.words import PROGRAMS, DesktopError, missing
from tests.clients.players import ROOT
from tests.clients.privatecopy import CopyError
from tgbot.demo.process import BotProcess
from tgbot.sandbox.accounts import Bot
from tgbot.sandbox.page.bot import ProgramError
from tgbot.sandbox.server import Sandbox

PAGE_PICTURE: Final = ROOT / "docs/desktop.png"
#: Where the pictures of the steps are.
PICTURES: Final = ROOT / "build/desktop"
#: Says that this process is in a network of its own.
_ALONE: Final = "--alone"
_COLOURS: Final = 128
_PROBLEMS = (DesktopError, CopyError, ProgramError)


def main(arguments: list[str]) -> int:
    """Enter a network of its own, run the app there, and return the exit status."""
    parser = argparse.ArgumentParser(prog="make desktop", description=__doc__)
    parser.add_argument("--display", action="store_true", help="show it on your display, for you to use")
    parser.add_argument(
        "--write", action="store_true", help=f"make the last picture docs/{PAGE_PICTURE.name}"
    )
    parser.add_argument(_ALONE, action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    try:
        if asked.display and not os.environ.get("DISPLAY"):
            raise DesktopError("there is no X display: DISPLAY is not set")
        if (lacking := missing(PROGRAMS if asked.display else PROGRAMS | {"Xvfb": "xvfb"})) is not None:
            raise DesktopError(lacking)
        if not asked.alone:
            itself = [sys.executable, "-m", "tests.clients.desktop", _ALONE, *arguments]
            command = alone(itself)
            os.execvp(command[0], command)
        bring_up_loopback()
        asyncio.run(_run(by_hand=asked.display, write=asked.write))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except _PROBLEMS as error:
        print(f"make desktop: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(*, by_hand: bool, write: bool) -> None:
    log: deque[str] = deque(maxlen=20)
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):  # asyncio.run cancels this task on Ctrl-C
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with tempfile.TemporaryDirectory(prefix="tgbot-desktop-") as temporary:
        async with Sandbox(seed=1) as sandbox, AsyncExitStack() as stack:
            directory = Path(temporary)
            bot = sandbox.new_bot("cafe_bot", "Café")
            person = sandbox.world.new_user("Anna", "Lee", username="anna")
            display = os.environ["DISPLAY"] if by_hand else await stack.enter_async_context(virtual_display())
            app = await stack.enter_async_context(opened(directory, display))
            app.make_copy(sandbox.public_key)
            process = _bot(sandbox, bot, directory, log)
            stack.push_async_callback(process.stop)
            try:
                await process.start()
            except ProgramError:
                print(*log, sep="\n", file=sys.stderr)
                raise
            print(f"The sandbox is on {sandbox.host}:{sandbox.port}, @{bot.username} runs.", file=sys.stderr)
            window = await app.start()
            cast = Cast(sandbox, person, bot.id, bot.username)
            if by_hand:
                await app.open(cast.link)
                code = sandbox.world.accounts.code
                print(f"Enable the proxy, and sign in with the number +{person.phone} and the code {code}.")
                await app.ends()
                return
            walk = Walk(cast, app, window, _empty(PICTURES), lambda name: print(f"  {name}", file=sys.stderr))
            try:
                last = await walk.go()
            except DesktopError:
                (await window.picture()).save(PICTURES / "failed.png")
                print(f"What it shows is in {PICTURES / 'failed.png'}. Its calls:", file=sys.stderr)
                print(" ".join(sandbox.calls), file=sys.stderr)
                raise
            if write:
                last.quantize(_COLOURS, dither=Image.Dither.NONE).save(PAGE_PICTURE, optimize=True)
            print(f"Telegram Desktop works; the pictures are in {PICTURES.relative_to(ROOT)}.")


def _bot(sandbox: Sandbox, bot: Bot, directory: Path, log: deque[str]) -> BotProcess:
    """Return the bot: `tgbot run` with the example plugin that has a menu by buttons."""
    key = directory / "public_key.pem"
    key.write_text(sandbox.public_key)
    process = BotProcess(directory, bot.id, log)
    process.set_up(
        {
            "PYTHONPATH": str(ROOT),  # has the examples
            "TGBOT_SERVER": f"{sandbox.host}:{sandbox.port}",
            "TGBOT_DC_ID": str(sandbox.dc_id),
            "TGBOT_PUBLIC_KEY": str(key),
            "TGBOT_BOT_TOKEN": bot.token,
            "TGBOT_PLUGINS": "examples.menu",
            "TGBOT_STORAGE_DIRECTORY": str(directory / "sessions"),
            "TGBOT_LOG_LEVEL": "INFO",
        }
    )
    return process


def _empty(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
