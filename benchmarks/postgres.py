"""What a store of a million users costs in PostgreSQL, beside SQLite in the same run.

    python -m benchmarks.postgres [--users 1000000]

Both keep what they were given through a power cut; the server is on this machine. A checkpoint writes a
thousand users who wrote again, each with the message that was finished: others each time, whose pages the
server logs as a whole, because they were not written since its own checkpoint; or the same ones. Or it writes
as many who are new, with their access hashes and usernames. "CPU here" is that of the bot's process, all
threads.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
from telethon.tl import types

from benchmarks.figures import surroundings, table
from benchmarks.registry import FIRST_ID, STRIDE, fill
from tests.postgres import postgres_server
from tgbot.core.access import Evidence, Kind
from tgbot.core.users import Profile, Way
from tgbot.operate import collector
from tgbot.store.base import UpdateState
from tgbot.store.opened import OpenStore
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.schema import prepare
from tgbot.store.postgres.store import PostgresStore
from tgbot.store.postgres.usercolumns import columns_of
from tgbot.store.sqlite.store import SqliteStore

CHANGED: Final = 1_000
STRANGERS: Final = 100
ROUNDS: Final = 30
#: Ids of those who are new begin here.
NEW: Final = 10_000_000_000


def copy(users: Path, url: str) -> None:
    """Fill a database with the users of a file by COPY."""
    from tgbot.store.sqlite.userfile import ReadOnlyUserRows

    with closing(ReadOnlyUserRows(users)) as rows, psycopg.connect(url, autocommit=True) as connection:
        with connection.cursor().copy("COPY tgbot.users FROM STDIN") as target:
            for user_id, text in rows.after(0, None):
                target.write_row(columns_of(user_id, text or ""))
        counts = rows.notes()["counts"]
        connection.execute("INSERT INTO tgbot.meta VALUES ('counts', %s)", (counts,))
        connection.execute("VACUUM ANALYZE tgbot.users")
        connection.execute("CHECKPOINT")


def leading(cursor: Cursor) -> None:
    cursor.execute("SELECT tgbot.fence(0)")


async def measure(open_store: Callable[[], OpenStore], users: int, server: Callable[[], float]) -> list[str]:
    began = time.perf_counter()
    store = open_store()
    opened = time.perf_counter() - began
    assert store.users.count().total == users
    source = random.Random(1)

    def some(number: int) -> list[int]:
        return [FIRST_ID + index * STRIDE for index in source.sample(range(users), number)]

    collector.settle()  # as `tgbot run` does
    loads, again, same, new = (_Costs(server) for _ in range(4))
    for _ in range(ROUNDS):
        await loads.time(store.load(some(STRANGERS)))
    for turn in range(ROUNDS):
        ids = some(CHANGED)
        await store.load(ids)
        for user_id in ids:
            _wrote(store, user_id, 1_700_000_100 + turn)
        await again.time(store.checkpoint(UpdateState(turn + 1, 1, 1, 1)))
    for turn in range(ROUNDS):
        for user_id in ids:
            _wrote(store, user_id, 1_700_000_200 + turn)
        await same.time(store.checkpoint(UpdateState(ROUNDS + turn + 1, 1, 1, 1)))
    for turn in range(ROUNDS):
        ids = [NEW + turn * CHANGED + number for number in range(CHANGED)]
        await store.load(ids)
        for user_id in ids:
            entity = types.User(user_id, access_hash=user_id, first_name="N", username=f"new_{user_id}")
            store.session.remember([entity])
            _wrote(store, user_id, 1_700_000_100)
        await new.time(store.checkpoint(UpdateState(2 * ROUNDS + turn + 1, 1, 1, 1)))
    assert store.users.count().total == users + ROUNDS * CHANGED
    store.close()
    return [f"{opened * 1e3:,.0f} ms", *loads.told(), *again.told(), *same.told(), *new.told()]


class _Costs:
    def __init__(self, server: Callable[[], float]) -> None:
        self._server = server
        self._walls: list[float] = []
        self._cpus: list[float] = []
        self._servers: list[float] = []

    async def time(self, work: Awaitable[None]) -> None:
        wall, cpu, server = time.perf_counter(), time.process_time(), self._server()
        await work
        self._walls.append(time.perf_counter() - wall)
        self._cpus.append(time.process_time() - cpu)
        self._servers.append(self._server() - server)

    def told(self) -> Sequence[str]:
        walls = sorted(self._walls)
        return [
            f"{statistics.median(walls) * 1e3:,.1f} ms",
            f"{walls[-1] * 1e3:,.1f} ms",
            f"{statistics.median(self._cpus) * 1e3:,.1f} ms",
            f"{statistics.fmean(self._servers) * 1e3:,.1f} ms",
        ]


def _server_cpu(postmaster: int) -> float:
    """Return how many seconds of CPU the connections to a server have taken that there are now."""
    ticks = 0
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii").split():
        values = Path(f"/proc/{child}/stat").read_text("utf-8").rpartition(")")[2].split()
        ticks += int(values[11]) + int(values[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _wrote(store: OpenStore, user_id: int, at: int) -> None:
    store.users.seen(Profile(user_id, "N", "F", (), "en"), at, Way.MESSAGE)
    store.users.record(user_id, Evidence(Kind.MESSAGE, at))
    store.users.finished(user_id, at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    users = parser.parse_args().users
    with tempfile.TemporaryDirectory() as name, postgres_server(durable=True) as server:
        if server is None:
            raise SystemExit("there is no PostgreSQL here")
        directory = Path(name)
        path, url = directory / "users.sqlite", server.new_database()
        fill(path, users)
        with closing(Database(Address(url))) as database:
            prepare(database)
            version = database.read("SHOW server_version")[0][0]
            began = time.perf_counter()
            copy(path, url)
            copied = time.perf_counter() - began

            def in_files() -> OpenStore:
                return SqliteStore(directory / "bot.session", path, clock=time.time)

            def in_database() -> OpenStore:
                return PostgresStore(database, node="one", fence=leading, clock=time.time)

            about = surroundings(f"PostgreSQL {str(version).partition(' ')[0]}")
            columns = [
                asyncio.run(measure(in_files, users, lambda: 0.0)),
                asyncio.run(measure(in_database, users, lambda: _server_cpu(server.pid))),
            ]
    names = ["open the store"]
    for what in (
        f"load {STRANGERS} strangers",
        f"checkpoint of {CHANGED:,} who wrote again",
        f"checkpoint of the same {CHANGED:,}",
        f"checkpoint of {CHANGED:,} who are new",
    ):
        names += [
            f"{what}, p50",
            f"{what}, worst of {ROUNDS}",
            f"{what}, CPU here",
            f"{what}, CPU of the server",
        ]
    print(about)
    print(f"{users:,} users, copied into the database in {copied:.0f} s.\n")
    print(table(["", "SQLite", "PostgreSQL"], [list(row) for row in zip(names, *columns, strict=True)]))


if __name__ == "__main__":
    main()
