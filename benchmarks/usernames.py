"""Looking a username up in a session of a million users: plain Telethon's, and ours on the same file.

`python -m benchmarks.usernames [--users N]` prints microseconds for one look-up (median of many different
names), and how long the file takes to open.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from telethon.sessions import SQLiteSession

from tgbot.store.sqlite.session import DurableSession


def fill(path: Path, users: int) -> None:
    """Make a session of plain Telethon with `users` users in it."""
    SQLiteSession(str(path)).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = ((n, n * 7919, f"user{n:07}", None, f"User {n}", 1_700_000_000) for n in range(1, users + 1))
        connection.executemany("INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?)", rows)


def look_up(session: Any, names: list[str]) -> float:
    """Return the median time of one look-up in microseconds."""
    times = []
    for name in names:
        began = time.perf_counter()
        found = session.get_entity_rows_by_username(name)
        times.append(time.perf_counter() - began)
        if found is None:
            raise RuntimeError(f"{name} was not found")
    return statistics.median(times) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    users = parser.parse_args().users
    some = random.Random(1)
    names = [f"user{some.randrange(1, users + 1):07}" for _ in range(2000)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bot.session"
        fill(path, users)
        plain = SQLiteSession(str(path))
        print(f"plain Telethon   {look_up(plain, names[:50]):10.1f} µs a look-up")
        plain.close()
        began = time.perf_counter()
        DurableSession(path).close()
        print(f"ours, first open {time.perf_counter() - began:10.2f} s (builds the indexes, once)")
        began = time.perf_counter()
        session = DurableSession(path)
        print(f"ours, later open {time.perf_counter() - began:10.4f} s")
        print(f"ours             {look_up(session, names):10.1f} µs a look-up")
        session.close()


if __name__ == "__main__":
    main()
