"""How PostgreSQL would carry out a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg.abc import Params

from tgbot.store.postgres.database import Database


def plan(database: Database, query: str, values: Params) -> list[str]:
    """Return the steps of a query, each with what it reads; "filtered" if it looks at more than it gives."""
    ((found,),) = database.read(f"EXPLAIN (FORMAT JSON) {query}", values)
    return list(_steps(found[0]["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[str]:  # Any: JSON
    of = node.get("Index Name") or node.get("Relation Name") or ""
    yield " ".join(filter(None, (node["Node Type"], of, "filtered" if "Filter" in node else "")))
    for below in node.get("Plans", ()):
        yield from _steps(below)
