"""What a registry of a million users costs: start-up, memory, look-ups, counts, flushes.

    python -m benchmarks.registry [--users 1000000] [--json]

Each figure is taken in a process of its own, so that memory is the registry's and not the generator's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.users import Profile, Way
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.store.sqlite.userschema import LIST_USERS

FIRST_ID = 100_000_000
STRIDE = 4_801  # ids like Telegram's: far apart, with nine or ten digits


def fill(path: Path, users: int, *, first: int = FIRST_ID) -> None:
    """Make a registry of `users` users with plain SQL, from the id `first` on; every tenth has blocked it."""
    SqliteRegistry(path, clock=time.time).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :users)
            INSERT INTO users (key, value)
            SELECT :first + i * :stride, json_object(
                'id', :first + i * :stride, 'access', iif(i % 10, 'reachable', 'blocked'),
                'first_name', 'Name ' || i, 'last_name', 'Family', 'usernames', json_array('user_' || i),
                'profile_language', 'en', 'language', 'en', 'language_at', 1700000000,
                'first_seen', 1600000000, 'last_seen', 1700000000,
                'known_by', json_object('message', 1600000000), 'first_start_id', i + 1,
                'first_message_id', i + 1, 'last_finished_id', i + 2,
                'evidence', json(iif(i % 10, '{"start":[[1600000000]],"message":[[1600000001],[1700000000]]}',
                                             '{"start":[[1600000000]],"bot_stopped":[[1700000000,5]]}')))
            FROM n
            """,
            {"users": users, "first": first, "stride": STRIDE},
        )
        blocked = (users + 9) // 10
        counts = json.dumps({"reachable": users - blocked, "blocked": blocked})
        connection.execute("REPLACE INTO meta VALUES ('counts', ?)", (counts,))
        for statement in LIST_USERS:
            connection.execute(statement)


def measure(path: Path, users: int) -> dict[str, float]:
    before = _rss()
    began = time.perf_counter()
    registry = SqliteRegistry(path, clock=time.time)
    figures = {"startup_s": time.perf_counter() - began, "rss_mib": _rss(), "rss_added_mib": _rss() - before}
    source = random.Random(1)

    def user_id() -> int:
        return FIRST_ID + source.randrange(users) * STRIDE

    cold, warm = [], []
    for wanted in (user_id() for _ in range(20_000)):
        began = time.perf_counter()
        assert registry.get(wanted) is not None
        cold.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert registry.get(wanted) is not None
        warm.append(time.perf_counter() - began)
    figures["lookup_us"] = statistics.median(cold) * 1e6
    figures["lookup_p99_us"] = statistics.quantiles(cold, n=100)[98] * 1e6
    figures["lookup_in_memory_us"] = statistics.median(warm) * 1e6

    began = time.perf_counter()
    counts = registry.count()
    figures["stats_ms"] = (time.perf_counter() - began) * 1e3
    assert counts.total == users
    assert counts.by[Access.BLOCKED] == (users + 9) // 10

    began, rows = time.perf_counter(), 0
    for rows, _ in enumerate(registry.iterate(access=Access.BLOCKED), 1):
        if rows == 10_000:
            break
    figures["iterate_us_per_match"] = (time.perf_counter() - began) / rows * 1e6

    figures |= asyncio.run(_traffic(registry, user_id))
    figures["rss_after_mib"] = _rss()
    registry.close()
    return figures


async def _traffic(registry: SqliteRegistry, user_id: Callable[[], int]) -> dict[str, float]:
    ids = [user_id() for _ in range(5_000)]
    for user in ids:
        registry.get(user)
    profiles = [
        registry.seen(Profile(i, "N", "F", (), "en"), 1_700_000_100, Way.MESSAGE).profile for i in ids
    ]
    costs = []
    for turn in range(20):
        at = 1_700_000_200 + turn
        began = time.process_time()
        for profile in profiles:
            registry.seen(profile, at, Way.MESSAGE)
            registry.record(profile.id, Evidence(Kind.MESSAGE, at))
            registry.finished(profile.id, at)
        costs.append((time.process_time() - began) / len(profiles))
    walls, cpus, gaps = [], [], []
    for turn in range(5):
        for profile in profiles:
            registry.seen(profile, 1_700_000_300 + turn, Way.MESSAGE)
        wall, cpu = time.perf_counter(), time.process_time()
        flush = asyncio.ensure_future(registry.flush())
        worst = 0.0
        while not flush.done():
            before = time.perf_counter()
            await asyncio.sleep(0.0005)
            worst = max(worst, time.perf_counter() - before - 0.0005)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        gaps.append(worst)
    return {
        "update_us": statistics.median(costs) * 1e6,
        "flush_5000_ms": statistics.median(walls) * 1e3,
        "flush_cpu_us_per_user": statistics.median(cpus) / len(profiles) * 1e6,
        "flush_longest_block_ms": statistics.median(gaps) * 1e3,
    }


def _rss() -> float:
    """Return the resident memory in MiB; without /proc, return its highest value so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.users)))
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "users.sqlite"
        began = time.perf_counter()
        fill(path, args.users)
        filled = time.perf_counter() - began
        size = path.stat().st_size / 2**20
        command = [sys.executable, "-m", "benchmarks.registry", "--users", str(args.users)]
        command += ["--measure", str(path)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    figures = {"users": args.users, "fill_s": filled, "file_mib": size, **json.loads(ran.stdout)}
    if args.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:24} {figure:12,.2f}")


if __name__ == "__main__":
    main()
