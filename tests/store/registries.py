# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do
"""Registry files to test with."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from tgbot.core.access import Evidence, Kind
from tgbot.core.users import Profile, Way
from tgbot.store.registry import Registry
from tgbot.store.sqlite.userfile import SqliteRegistry, SqliteUserRows


def meet(registry: SqliteRegistry, *user_ids: int, at: int = 100, name: str = "somebody") -> None:
    for user_id in user_ids:
        registry.seen(Profile(user_id, name), at, Way.MESSAGE)
        registry.record(user_id, Evidence(Kind.MESSAGE, at))
        registry.finished(user_id, at)


#: A clock for registries whose time does not matter.
def now() -> float:
    return 1_000.0


def rows_of(registry: Registry) -> SqliteUserRows:
    rows = registry._rows
    assert isinstance(rows, SqliteUserRows)
    return rows


async def filled(path: Path, users: int = 500) -> bytes:
    registry = SqliteRegistry(path, clock=now)
    meet(registry, *range(1, users + 1))
    await registry.flush()
    registry.close()
    return path.read_bytes()


def told(script: str, *args: object) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script), *map(str, args)]
