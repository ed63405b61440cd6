"""The fields of TL objects, in the order in which they arrive: taken from Telethon's own readers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

#: How a `reader` method reads a number: the letter that `struct` has for it, and what becomes of the number.
FIXED: Final = {
    "read_int": ("i", "{}"),
    "read_long": ("q", "{}"),
    "read_double": ("d", "{}"),
    "tgread_date": ("i", "dates[{}]"),
}
#: How a `reader` method reads what is of variable length: what becomes of the bytes.
BYTES: Final = {"tgread_bytes": "{}", "tgread_string": "str({}, 'utf-8', 'replace')"}
#: How any object is read; and what a word of flags, and a field that is one bit of it, are called here.
OBJECT, FLAGS, BIT = "tgread_object", "flags", "bit"


class UnknownFormError(Exception):
    """Telethon's reader of a class is written in a way that is not known here."""


class Field(NamedTuple):
    """One field of a class, or a word of flags."""

    name: str
    #: The method of Telethon's reader that reads it; or FLAGS, or BIT.
    method: str
    #: Whether it is a vector of what that method reads, which are objects.
    many: bool = False
    #: The word of flags, and the bit of it, that tell whether it is there, or that it is itself.
    word: str = ""
    mask: int = 0


def fields_of(body: Iterable[ast.stmt], word: str = "", mask: int = 0) -> Iterator[Field]:
    """Yield the fields that the body of a `from_reader` reads; raise UnknownFormError for another form."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from fields_of(statement.body, *_test_of(statement.test))
        elif isinstance(statement, ast.For):
            yield Field(_vector_of(statement), OBJECT, True, word, mask)
        elif isinstance(statement, ast.Assign) and not isinstance(statement.value, ast.List):
            name, value = _assignment(statement)
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "bool":
                yield Field(name, BIT, False, *_test_of(value.args[0]))
            elif name.startswith("flags"):
                yield Field(name, FLAGS)
            elif (method := _method(value)) in FIXED or method in BYTES or method == OBJECT:
                yield Field(name, method, False, word, mask)
            else:
                raise UnknownFormError


def names_of(body: list[ast.stmt]) -> list[str]:
    """Return the names that the body of a `from_reader` gives to the class in the end."""
    last = body[-1]
    if not (isinstance(last, ast.Return) and isinstance(last.value, ast.Call)):
        raise UnknownFormError
    return [str(word.arg) for word in last.value.keywords]


def _vector_of(loop: ast.For) -> str:
    """Return the field that is a vector of objects."""
    first, second = loop.body[0], loop.body[-1]
    _, value = _assignment(first)
    if not (isinstance(second, ast.Expr) and isinstance(second.value, ast.Call)):
        raise UnknownFormError
    target = second.value.func
    if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
        raise UnknownFormError
    if _method(loop.iter.args[0] if isinstance(loop.iter, ast.Call) else None) != "read_int":
        raise UnknownFormError
    if _method(value) != OBJECT:
        raise UnknownFormError
    return target.value.id.removeprefix("_")


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr]:
    """Return the field that a statement sets, and the value."""
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
        raise UnknownFormError
    return statement.targets[0].id.removeprefix("_"), statement.value


def _method(value: ast.expr | None) -> str:
    """Return which method of the reader a value is read with."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and not value.args:
        return value.func.attr
    raise UnknownFormError


def _test_of(test: ast.expr) -> tuple[str, int]:
    """Return the flags and the bit of them that a test is about."""
    match test:
        case ast.BinOp(left=ast.Name(id=flags), op=ast.BitAnd(), right=ast.Constant(value=int(mask))):
            return flags, mask
    raise UnknownFormError
