"""What a `/start` costs in instructions of the client's process, by callgrind: noise does not touch it.

`python -m benchmarks.instructions [--messages N] [--clients tgbot,telethon]` needs valgrind. Each client
runs under callgrind, about fifty times slower. The count begins after a warm-up and ends when the client has
finished all work about `N` messages, of which at most 100 are unanswered at a time. It is what the program
itself executes, without the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import surroundings, table
from benchmarks.load import Load
from benchmarks.processes import CLIENTS, chosen, started
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


def counted(file: Path) -> int:
    """Return the instructions in a file that callgrind has written."""
    lines = file.read_text(errors="replace").splitlines()
    totals = next(line for line in lines if line.startswith(("totals:", "summary:")))
    return int(totals.split()[1])


async def instructions(kind: str, messages: int) -> float:
    """Return the instructions a client of this kind takes for each `/start` of a new user."""
    with tempfile.TemporaryDirectory() as directory:
        counts = Path(directory) / "callgrind"
        prefix = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={counts}"]
        async with (
            Sandbox() as sandbox,
            started(sandbox, kind, directory, prefix=prefix, patience=PATIENCE) as client,
        ):
            load = Load(sandbox.world, client.bot_id, PATIENCE)
            await load.saturate(load.meet(WARM_UP), WINDOW)
            await client.settle()
            await control("--zero", str(client.pid))
            await load.saturate(load.meet(messages), WINDOW)
            await client.settle()
            await control("--dump", str(client.pid))
            load.close()
        return counted(counts.with_name("callgrind.1")) / messages


async def run(kinds: list[str], messages: int) -> None:
    """Count for each of the clients, and print the table."""
    about, found = surroundings(), {}
    for kind in kinds:
        found[kind] = await instructions(kind, messages)
        print(f"{kind:9} {found[kind]:12,.0f} instructions a message", file=sys.stderr)
    rows = []
    for kind, count in found.items():
        ratio = f"{count / found['telethon']:.2f}" if "telethon" in found else "-"
        rows.append([CLIENTS[kind], f"{count / 1000:,.0f}", ratio])
    print(f"{about} {messages:,} messages.\n")
    print(table(["client", "thousand instructions for each `/start`", "ratio"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--clients", default="telethon,tgbot")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("this needs valgrind (Debian: apt-get install valgrind)")
    asyncio.run(run(chosen(options.clients), options.messages))


if __name__ == "__main__":
    main()
