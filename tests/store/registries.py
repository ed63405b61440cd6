# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do
"""Registry files to test with."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from tgbot.core.access import Evidence, Kind
from tgbot.core.users import Profile
from tgbot.store.sqlite.userfile import SqliteRegistry


def meet(registry: SqliteRegistry, *user_ids: int, at: int = 100, name: str = "somebody") -> None:
    for user_id in user_ids:
        registry.seen(Profile(user_id, name), at, "message")
        registry.record(user_id, Evidence(Kind.MESSAGE, at))
        registry.finished(user_id, at)


async def filled(path: Path, users: int = 500) -> bytes:
    registry = SqliteRegistry(path)
    meet(registry, *range(1, users + 1))
    await registry.flush()
    registry.close()
    return path.read_bytes()


def told(script: str, *args: object) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script), *map(str, args)]
