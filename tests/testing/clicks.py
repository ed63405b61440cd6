"""Random clicks on the page, recorded and saved as tests: `python -m tests.testing.clicks [COUNT [SEED]]`.

Each recording has a bot and a sandbox of its own. Every fifth one runs the bot as a process and kills it. At
the end pytest runs all the tests that were saved, in one go.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.sandbox.page.conftest import opened
from tests.testing.people import USERNAME, Clicks
from tgbot.sandbox.exchange import ServerKey
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.page.records import Origin
from tgbot.sandbox.server import Sandbox
from tgbot.store.sqlite.copies import copies, put_back
from tgbot.testing.bot import Bot

PLUGINS: Final = ["tests.testing.mirror", "examples.menu", "examples.order", "tgbot.demo.sums"]
ROOT: Final = Path(__file__).parents[2]
NAME: Final = "Clicks"
#: How many things are done in one recording.
LEAST, MOST = 6, 16


class OfTest:
    """The bot of `tgbot.testing`, as the page kills and starts it."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self.bot = bot.id
        self.held = ""
        self.status: int | None = None

    @property
    def pid(self) -> int | None:
        return 1 if self._bot.running else None

    @property
    def lines(self) -> Sequence[str]:
        return self._bot.logs

    async def start(self) -> None:
        await self._bot.start()

    async def kill(self) -> None:
        await self._bot.kill(start=False)
        self.status = -signal.SIGKILL

    async def stop(self) -> None:
        await self._bot.stop()
        self.status = 0

    def copies(self) -> Mapping[str, bytes]:
        return copies(self._bot.directory)

    def put_back(self, copied: Mapping[str, bytes]) -> None:
        put_back(self._bot.directory, copied)

    async def handled(self, pts: int, qts: int) -> bool:
        await self._bot.ask("caught_up", pts=pts, qts=qts, channels={})
        return True


class Recordings:
    """Makes recordings, one after another, and saves them in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._key = ServerKey.generate()

    async def make(self, seed: int) -> Path:
        """Make the recording of a seed; return the file of the test."""
        chance = random.Random(seed)
        kills = seed % 5 == 0
        files = self.directory / "bots" / str(seed)
        files.mkdir(parents=True)
        marker = {"plugins": PLUGINS, "username": USERNAME, "name": NAME}
        async with Sandbox(key=self._key) as sandbox:
            bot = Bot(
                sandbox,
                {"bot": {"plugins": PLUGINS}},
                directory=files,
                project=ROOT,
                username=USERNAME,
                name=NAME,
                in_process=not kills,
            )
            await bot.start()
            try:
                page = Page(sandbox, program=OfTest(bot), origin=lambda: Origin(marker))
                async with page, opened(page) as open_tab:
                    tab = await open_tab()
                    await Clicks(sandbox, bot, tab, chance).do(chance.randrange(LEAST, MOST), kills)
                    name = f"seed_{seed}"
                    saved = await tab.ask("save_test", name=name, in_process=not kills)
            finally:
                await bot.close()
        assert "error" not in saved, f"seed {seed}: {saved}"
        file = self.directory / str(saved["file"])
        file.write_text(saved["text"], encoding="utf-8")
        if saved["left_out"]:
            print(f"seed {seed}, not in the test: {'; '.join(saved['left_out'])}")
        return file


def run(directory: Path, *options: str) -> tuple[int, list[str], str]:
    """Run the tests of a directory; return how many passed, the names of those that failed, the output."""
    (directory / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "tgbot_config = none.toml\n"
    )
    plugin = [] if "tgbot" in _installed() else ["-p", "tgbot.testing.plugin"]
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rf",
            "--tb=short",
            *plugin,
            *options,
            ".",
        ],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = re.search(r"(\d+) passed", ran.stdout)
    failed = re.findall(r"^FAILED (\S+)", ran.stdout, re.MULTILINE)
    return int(passed[1]) if passed else 0, failed, ran.stdout + ran.stderr


def _installed() -> set[str]:
    from importlib.metadata import entry_points

    return {each.name for each in entry_points(group="pytest11")}


async def main(count: int, seed: int) -> int:
    directory = Path(tempfile.mkdtemp(prefix="tgbot-clicks-"))
    recordings = Recordings(directory)
    for number in range(seed, seed + count):
        await recordings.make(number)
        print(f"\r{number - seed + 1} recordings", end="", flush=True)
    passed, failed, output = await asyncio.to_thread(run, directory)
    if failed or passed != count:
        print(output)
    print(f"\n{count} recordings from seed {seed}: {passed} passed, {len(failed)} failed {' '.join(failed)}")
    print(f"They are in {directory}.")
    return 0 if passed == count else 1


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(asyncio.run(main(*[*numbers, *(100, 1)[len(numbers) :]])))
