"""Lists as PostgreSQL's arrays: psycopg's own writing of them took most of the time of a checkpoint."""

from __future__ import annotations

from psycopg.abc import Buffer
from psycopg.adapt import Dumper


class ListDumper(Dumper):
    """Writes lists of numbers, texts, bytes and None; the query says which array they are (`%s::text[]`)."""

    def dump(self, obj: list[object]) -> Buffer:
        return f"{{{','.join(map(_element, obj))}}}".encode()


def _element(value: object) -> str:
    if isinstance(value, str):
        if "\\" in value:
            value = value.replace("\\", "\\\\")
        return '"' + value.replace('"', '\\"') + '"'
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):  # also a boolean: "True" is one of its names
        return str(value)
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    raise TypeError(f"no element of an array: {type(value).__name__}")
