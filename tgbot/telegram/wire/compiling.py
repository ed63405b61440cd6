"""Readers of TL objects, written from Telethon's own: for a class, and for the flags that it mostly has."""

from __future__ import annotations

import ast
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from telethon.tl import TLObject

#: Read the object that begins at an offset, behind its constructor id; return it and where it ends.
Read: TypeAlias = Callable[[bytes, int], tuple[Any, int]]  # Any: a TLObject of the reader's class

#: How a `reader` method reads a number: the letter that `struct` has for it, and what becomes of the number.
_FIXED: Final = {
    "read_int": ("i", "{}"),
    "read_long": ("q", "{}"),
    "read_double": ("d", "{}"),
    "tgread_date": ("i", "dates.get({0}) or date_of({0})"),
}
#: How a `reader` method reads what is of variable length: the type of it, and of what kind it is.
_BYTES: Final = {"tgread_bytes": "{}", "tgread_string": "str({}, 'utf-8', 'replace')"}
#: How many optional fields in a row have one test for all of them.
_GROUP = 4
#: How often flags have to arrive before there is a reader for them alone, which takes half a millisecond to
#: make; how many such readers a class has, and how many other flags are counted.
_OFTEN, _READERS, _COUNTED = 20, 64, 256
#: What a reader ends with.
_FINISH, _END = "\n finish(fields)", "\n thing = new(kind)\n thing.__dict__ = fields\n return thing, at"


class UnknownFormError(Exception):
    """Telethon's reader of a class is written in a way that is not known here."""


class _Compiler:
    """Write the source of a reader that does what the `from_reader` of a class does, in fewer steps."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self.lines = ["def read(data, at):", *first, " fields = template.copy()"]
        #: Numbers in a row that are read together: the letters, and what each becomes.
        self._letters = ""
        self._run: list[tuple[str, str]] = []
        #: Each word of flags → the fields that are one bit of it.
        self.flags: dict[str, list[tuple[int, str]]] = {}
        self._optional: list[ast.If] = []
        self.structs: dict[str, struct.Struct] = {}

    def compile(self, body: Iterable[ast.stmt]) -> str:
        for statement in body:
            if not isinstance(statement, ast.If):
                self._end_options()
            if isinstance(statement, ast.Return):
                self._end_run()
                break
            if isinstance(statement, ast.If):
                self._end_run()
                self._optional.append(statement)
            else:
                self._statement(statement)
        return "\n".join(self.lines)

    def _statement(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Expr):
            self._end_run()
            return  # the constructor of a vector, which comes next
        if isinstance(statement, ast.For):
            self._end_run()
            self._vector(statement, " ")
            return
        name, value = _assignment(statement)
        if isinstance(value, ast.List):
            return  # a vector, which comes next
        if (bit := _bit_of(value)) is not None:
            flags, mask = bit
            self.flags[flags].append((mask, name))
            return
        method = _method(value)
        if name.startswith("flags"):
            self.flags[name] = []
        if method in _FIXED:
            letter, becomes = _FIXED[method]
            self._letters += letter
            self._run.append((name, becomes))
            return
        self._end_run()
        self._read(name, method, " ")

    def _end_run(self) -> None:
        """Read the numbers in a row, then set the flags that were among them."""
        if not self._run:
            return
        variables = [name if name.startswith("flags") else f"n{i}" for i, (name, _) in enumerate(self._run)]
        self._unpack(self._letters, variables, " ")
        for variable, (name, becomes) in zip(variables, self._run, strict=True):
            if variable != name:
                self.lines.append(f" fields[{name!r}] = {becomes.format(variable)}")
        for flags in variables:
            bits = self.flags.get(flags, ())
            if bits:
                self.lines.append(f" if {flags} & {sum(mask for mask, _ in bits)}:")
                self.lines += [f"  fields[{name!r}] = {flags} & {mask} != 0" for mask, name in bits]
        self._letters, self._run = "", []

    def _end_options(self) -> None:
        """Read the optional fields in a row, in groups with one test each."""
        waiting, self._optional = self._optional, []
        groups: list[tuple[str, list[tuple[int, ast.If]]]] = []
        for statement in waiting:
            flags, mask = _test_of(statement.test)
            if not groups or groups[-1][0] != flags or len(groups[-1][1]) == _GROUP:
                groups.append((flags, []))
            groups[-1][1].append((mask, statement))
        for flags, group in groups:
            masks = 0
            for mask, _ in group:
                masks |= mask
            self.lines.append(f" if {flags} & {masks}:")
            for mask, statement in group:
                self.lines.append(f"  if {flags} & {mask}:")
                self._option(statement)

    def _option(self, statement: ast.If) -> None:
        for inner in statement.body:
            if isinstance(inner, ast.For):
                self._vector(inner, "   ")
            elif isinstance(inner, ast.Assign) and not isinstance(inner.value, ast.List):
                name, value = _assignment(inner)
                self._read(name, _method(value), "   ")

    def _vector(self, loop: ast.For, indent: str) -> None:
        first, second = loop.body[0], loop.body[-1]
        _, value = _assignment(first)
        if not (isinstance(second, ast.Expr) and isinstance(second.value, ast.Call)):
            raise UnknownFormError
        target = second.value.func
        if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
            raise UnknownFormError
        name, method = target.value.id.removeprefix("_"), _method(value)
        if _method(loop.iter.args[0] if isinstance(loop.iter, ast.Call) else None) != "read_int":
            raise UnknownFormError
        self.lines += [f"{indent}values = fields[{name!r}] = []"]
        self._unpack("ii", ["_", "count"], indent)
        self.lines.append(f"{indent}for _ in range(count):")
        if method == "tgread_object":
            self._object(f"{indent} ")
        elif method in _BYTES:
            self._bytes("value", method, f"{indent} ")
        elif method in _FIXED:
            self._unpack(_FIXED[method][0], ["value"], f"{indent} ")
        else:
            raise UnknownFormError
        self.lines.append(f"{indent} values.append(value)")

    def _read(self, name: str, method: str, indent: str) -> None:
        if method == "tgread_object":
            self._object(indent)
            self.lines.append(f"{indent}fields[{name!r}] = value")
        elif method in _BYTES:
            self._bytes(f"fields[{name!r}]", method, indent)
        elif method in _FIXED:
            letter, becomes = _FIXED[method]
            self._unpack(letter, ["number"], indent)
            self.lines.append(f"{indent}fields[{name!r}] = {becomes.format('number')}")
        else:
            raise UnknownFormError

    def _object(self, indent: str) -> None:
        self.lines += [
            f"{indent}found = compiled.get(data[at : at + 4])",
            f"{indent}value, at = found(data, at + 4) if found else read_any(data, at)",
        ]

    def _bytes(self, target: str, method: str, indent: str) -> None:
        self.lines += [
            f"{indent}start, length = at + 1, data[at]",
            f"{indent}if length == 254: start, length = at + 4, long_length(data, at)",
            f"{indent}end = start + length",
            f"{indent}at += end - at + 3 & -4",
            f"{indent}if at > len(data): raise cut_off()",
            f"{indent}{target} = {_BYTES[method].format('data[start:end]')}",
        ]

    def _unpack(self, letters: str, variables: list[str], indent: str) -> None:
        self.structs[f"unpack_{letters}"] = made = struct.Struct(f"<{letters}")
        self.lines.append(f"{indent}{', '.join(variables)}, = unpack_{letters}(data, at)")
        self.lines.append(f"{indent}at += {made.size}")


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


def _bit_of(value: ast.expr) -> tuple[str, int] | None:
    """Return the flags and the bit that a field is, None for another value."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "bool":
        return _test_of(value.args[0])
    return None


def _test_of(test: ast.expr) -> tuple[str, int]:
    """Return the flags and the bit of them that a test is about."""
    match test:
        case ast.BinOp(left=ast.Name(id=flags), op=ast.BitAnd(), right=ast.Constant(value=int(mask))):
            return flags, mask
    raise UnknownFormError


def _with_flags(body: Iterable[ast.stmt], flags: Mapping[str, int]) -> tuple[list[ast.stmt], dict[str, bool]]:
    """Return what is left of the body of a reader for these flags, and the fields that are bits of them."""
    left: list[ast.stmt] = []
    bits = {}
    for statement in body:
        if isinstance(statement, ast.If):
            word, mask = _test_of(statement.test)
            left += statement.body if flags[word] & mask else ()
        elif isinstance(statement, ast.Assign) and (bit := _bit_of(statement.value)) is not None:
            bits[_assignment(statement)[0]] = flags[bit[0]] & bit[1] != 0
        else:
            left.append(statement)
    return left, bits


def _flags_first(body: Iterable[ast.stmt]) -> list[str]:
    """Return the words of flags that a reader begins with."""
    words = []
    for statement in body:
        if not isinstance(statement, ast.Assign):
            break
        name, value = _assignment(statement)
        if name.startswith("flags"):
            words.append(name)
        elif isinstance(value, ast.List) or _bit_of(value) is None:
            break
    return words


class HotClass:
    """A class whose objects arrive often: its reader, and readers for the flags that arrive most."""

    def __init__(
        self,
        kind: type[TLObject],
        body: list[ast.stmt],
        space: Mapping[str, Any],
        finish: Callable[[dict[str, Any]], None] | None,
    ) -> None:
        returned = body[-1]
        if not (isinstance(returned, ast.Return) and isinstance(returned.value, ast.Call)):
            raise UnknownFormError
        self._kind, self._body, self._space = kind, body, space
        self._finish = finish
        self._template = vars(
            kind(**dict.fromkeys((str(word.arg) for word in returned.value.keywords), None))
        )
        self._words = _flags_first(body)
        #: Flags as they arrive → the reader for them, and how often those without one have arrived.
        self._readers: dict[bytes, Read] = {}
        self._counts: dict[bytes, int] = {}

    def reader(self) -> Read:
        """Return the reader for any flags."""
        compiler = _Compiler(
            (
                f" flags = data[at : at + {4 * len(self._words)}]",
                " if (found := readers.get(flags)) is not None: return found(data, at)",
                " arrived(flags)",
            )
            if self._words
            else ()
        )
        source = compiler.compile(self._body)
        for bits in compiler.flags.values():
            self._template.update((name, False) for _, name in bits)
        return self._made(source, compiler, self._template)

    def _arrived(self, flags: bytes) -> None:
        """Note that there was no reader for these flags; make one if they arrive often."""
        if len(self._counts) >= _COUNTED:
            self._counts.clear()  # of what arrives rarely
        self._counts[flags] = count = self._counts.get(flags, 0) + 1
        if count < _OFTEN or len(self._readers) >= _READERS or len(flags) < 4 * len(self._words):
            return
        del self._counts[flags]
        words = struct.unpack(f"<{len(self._words)}i", flags)
        body, bits = _with_flags(self._body, dict(zip(self._words, words, strict=True)))
        compiler = _Compiler()
        self._readers[flags] = self._made(compiler.compile(body), compiler, self._template | bits)

    def _made(self, source: str, compiler: _Compiler, template: dict[str, Any]) -> Read:
        space: dict[str, Any] = {
            **self._space,
            "template": template,
            "kind": self._kind,
            "new": object.__new__,
            "finish": self._finish,
            "readers": self._readers,
            "arrived": self._arrived,
            **{name: made.unpack_from for name, made in compiler.structs.items()},
        }
        # The source is made of the names and numbers of Telethon's class.
        source += _END if self._finish is None else _FINISH + _END
        exec(compile(source, f"<reader of {self._kind.__name__}>", "exec"), space)
        read: Read = space["read"]
        return read
