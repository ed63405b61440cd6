"""Telethon is imported without aiohttp, and finds it when it needs it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import tgbot.telegram
assert not any(name.partition(".")[0] == "aiohttp" for name in sys.modules), "it is imported"
from telethon.client import downloads
held = downloads.aiohttp
assert held
assert "aiohttp" not in sys.modules, "it is imported before the first use"
{first}
import aiohttp
assert held.ClientSession is aiohttp.ClientSession
assert type(aiohttp).__name__ == "module"
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_telethon_takes_out_of_it_is_there_at_the_first_use() -> None:
    run(CODE.format(first="held.ClientSession"))
    run(CODE.format(first=""))


def test_one_that_is_imported_before_stays() -> None:
    run(
        "import aiohttp, tgbot.telegram\n"
        "from telethon.client import downloads\n"
        "assert downloads.aiohttp is aiohttp"
    )
