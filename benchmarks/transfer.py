"""What a million users cost on their way out and in: list, export and import, as the commands are typed.

    python -m benchmarks.transfer [--users 1000000] [--json]

prints a table in Markdown. The times are those of the whole command, with its start of about half a second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import surroundings, table
from benchmarks.registry import FIRST_ID, STRIDE, fill
from tgbot.store.peers import Peer
from tgbot.store.transfer.sessions import make_session

BOT = 42
#: Label → the directory that the command works on, and the words after `tgbot users`.
COMMANDS = {
    "`list`": ("full", "list"),
    "`list --access blocked`": ("full", "list", "--access", "blocked"),
    "`list --json`": ("full", "list", "--json"),
    "`export` to JSON": ("full", "export", "users.json"),
    "`export` to CSV": ("full", "export", "users.csv"),
    "`export` to a session": ("full", "export", "users.session"),
    "`import` of an exported JSON file": ("from_json", "import", "users.json"),
    "the same, once more": ("from_json", "import", "users.json"),
    "`import` of an exported CSV file": ("from_csv", "import", "users.csv"),
    "`import` of a Telethon session": ("from_session", "import", "users.session"),
    "`import` of a list of ids": ("from_ids", "import", "ids"),
}


def prepare(directory: Path, users: int) -> None:
    """Make a bot's registry and session with so many users, and a file with their ids."""
    (directory / "full").mkdir()
    fill(directory / "full" / "users.sqlite", users)
    ids = range(FIRST_ID, FIRST_ID + users * STRIDE, STRIDE)
    peers = (
        (user, Peer(user * 0x1F_FFFF_FFFF % 2**62, (f"user_{place}",), None, "Name Family", 1_700_000_000))
        for place, user in enumerate(ids)
    )
    make_session(directory / "full" / "bot.session", BOT, peers)
    (directory / "ids").write_text("".join(f"{user}\n" for user in ids))


def measure(directory: Path, store: str, words: tuple[str, ...]) -> dict[str, float]:
    """Run a command; return its time, its processor time (seconds) and its largest memory (MiB)."""
    environment = os.environ | {
        "TGBOT_BOT_TOKEN": f"{BOT}:secret",
        "TGBOT_STORAGE_DIRECTORY": str(directory / store),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tgbot.cli", "users", *words],
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"tgbot users {' '.join(words)} failed")
    return {"seconds": wall, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one line of JSON for each command")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.prepare:
        prepare(args.prepare, args.users)
        return
    rows = []
    if not args.json:
        print(f"{surroundings()} {args.users:,} users.\n")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        # In a process of its own: one that is started counts the memory of the one that starts it.
        command = [sys.executable, "-m", "benchmarks.transfer", "--users", str(args.users)]
        subprocess.run([*command, "--prepare", name], check=True)
        for label, (store, *words) in COMMANDS.items():
            found = measure(directory, store, tuple(words))
            if args.json:
                print(json.dumps({"command": label, "users": args.users, **found}), flush=True)
                continue
            seconds = found["seconds"]
            rate = f"{args.users / seconds:,.0f}"
            rows.append([label, f"{seconds:.1f}", rate, f"{found['cpu']:.1f}", f"{found['mib']:.0f}"])
    if rows:
        print(table(["`tgbot users …`", "seconds", "users a second", "CPU seconds", "MiB"], rows))


if __name__ == "__main__":
    main()
