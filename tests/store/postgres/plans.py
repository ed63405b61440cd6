"""How PostgreSQL would carry out a query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tgbot.store.postgres.database import Database


def plan(database: Database, query: str, values: Sequence[object]) -> list[str]:
    """Return the steps of a query, each with the index or the table that it reads."""
    ((found,),) = database.read(f"EXPLAIN (FORMAT JSON) {query}", values)
    return list(_steps(found[0]["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[str]:  # Any: JSON
    of = node.get("Index Name") or node.get("Relation Name") or ""
    yield f"{node['Node Type']} {of}".strip()
    for below in node.get("Plans", ()):
        yield from _steps(below)
