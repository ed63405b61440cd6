"""Lists as PostgreSQL's arrays: psycopg's own writing of them took most of the time of a checkpoint."""

from __future__ import annotations

from typing import Final, cast

from psycopg.abc import Buffer
from psycopg.adapt import Dumper

#: Those whose repr the server reads; "True" is one of its names of a boolean.
_NUMBERS: Final = {int, float, bool}
#: Stands between texts that are escaped together: no text that the server takes has it.
_BETWEEN: Final = "\0"
_QUOTED: Final = '","'


class ListDumper(Dumper):
    """Writes lists of numbers, texts, bytes and None; the query says which array they are (`%s::text[]`)."""

    def dump(self, obj: list[object]) -> Buffer:
        kinds = {*map(type, obj)}
        if kinds <= _NUMBERS:
            return f"{{{repr(obj)[1:-1]}}}".encode()
        if kinds == {str}:
            joined = _BETWEEN.join(cast("list[str]", obj))
            if joined.count(_BETWEEN) == len(obj) - 1:
                return f'{{"{_escaped(joined).replace(_BETWEEN, _QUOTED)}"}}'.encode()
        return f"{{{','.join(map(_element, obj))}}}".encode()


def _element(value: object) -> str:
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):  # also a boolean: "True" is one of its names
        return str(value)
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    raise TypeError(f"no element of an array: {type(value).__name__}")


def _escaped(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace('"', '\\"')
