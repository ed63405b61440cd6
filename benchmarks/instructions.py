"""What a `/start` costs in instructions of the client's process, by callgrind: noise does not touch it.

`python -m benchmarks.instructions [--messages N] [--clients tgbot,telethon]` needs valgrind. Each client
runs under callgrind, about fifty times slower. The count begins after a warm-up and ends with the last
answer to `N` messages, of which at most 100 are unanswered at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.start import Load, started
from tgbot.sandbox.server import Sandbox

#: Messages before the count begins, and how many may be unanswered at a time.
WARM_UP, WINDOW = 100, 100
#: Seconds that an answer may take.
PATIENCE = 600.0


async def control(*words: str) -> None:
    """Run callgrind_control; raise RuntimeError if it fails."""
    process = await asyncio.create_subprocess_exec(
        "callgrind_control", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"callgrind_control {' '.join(words)}: {printed.decode()}")


async def instructions(kind: str, messages: int) -> float:
    """Return the instructions a client of this kind takes for each `/start` of a new user."""
    with tempfile.TemporaryDirectory() as directory:
        counts = Path(directory) / "callgrind"
        command = [
            "valgrind",
            "--quiet",
            "--tool=callgrind",
            f"--callgrind-out-file={counts}",
            sys.executable,
        ]
        async with (
            Sandbox() as sandbox,
            started(sandbox, kind, directory, command, PATIENCE) as (bot, process),
        ):
            load = Load(sandbox, bot, PATIENCE)
            await load.send_all(WARM_UP, WINDOW)
            await control("--zero", str(process.pid))
            await load.send_all(messages, WINDOW)
            await control("--dump", str(process.pid))
            load.close()
        lines = counts.with_name("callgrind.1").read_text(errors="replace").splitlines()
    totals = next(line for line in lines if line.startswith(("totals:", "summary:")))
    return int(totals.split()[1]) / messages


async def run(kinds: list[str], messages: int) -> None:
    found = {}
    for kind in kinds:
        found[kind] = await instructions(kind, messages)
        ratio = f"{found[kind] / found['telethon']:.2f}" if "telethon" in found else "-"
        print(
            f"{kind:9}  {found[kind]:12,.0f} instructions a message   ratio to plain Telethon {ratio}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--clients", default="telethon,tgbot")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("this needs valgrind (Debian: apt-get install valgrind)")
    print(f"Python {sys.version.split()[0]}")
    asyncio.run(run(options.clients.split(","), options.messages))


if __name__ == "__main__":
    main()
