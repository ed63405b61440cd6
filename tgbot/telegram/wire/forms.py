"""Readers for one form of a TL object, made from an example: all that is always in it in one function."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from telethon.tl import TLObject

from tgbot.telegram.wire.layout import BIT, BYTES, FIXED, FLAGS, OBJECT, Field

#: Read the object that begins at an offset, behind its constructor id; return it and where it ends.
#: The offset is a multiple of four, as all offsets in TL.
Read: TypeAlias = Callable[[bytes, int], tuple[Any, int]]  # Any: a TLObject of the reader's class
#: Return what Telethon derives from the fields of an object, as source in which `{name}` is a field; None if
#: that cannot be told from the values of some fields and the classes of others.
Derive: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, type[TLObject]]], Mapping[str, str] | None]


class Hot(Protocol):
    """A class whose objects arrive often."""

    kind: type[TLObject]
    fields: Sequence[Field]
    #: The fields of an object without any.
    template: dict[str, Any]
    #: How many bytes, behind the constructor id, tell the form of an object; 0 where there is one form.
    key: int
    #: The readers of its forms, by constructor id and these bytes; for all other bytes, one of any object.
    readers: dict[bytes, Read]
    #: Whether its forms are too many for one of them to be expected in the form of another object.
    manifold: bool
    #: Set what Telethon derives from the fields of an object.
    finish: Callable[[dict[str, Any]], None] | None
    derive: Derive | None


class FormCompiler:
    """Write the source of a reader for objects of one form.

    The flags of such an object are what they are in the example. So are the classes of the objects in it that
    no flag is about, and the lengths of such vectors. All these bytes are compared in a few steps; where they
    differ, the object is read as any other. What flags are about is read as whatever it is.
    """

    def __init__(self, hot: Hot, data: bytes, at: int, space: Mapping[str, Any]) -> None:
        """The example begins at an offset, behind its constructor id; it can be read."""
        #: What the source names.
        self.space: dict[str, Any] = {}
        #: The example, and how far it has been read.
        self._data, self._at = data, at
        self._classes: Mapping[bytes, Hot] = space["classes"]
        self._readers: Mapping[bytes, Read] = space["compiled"]
        self._lines: list[str] = []
        #: What is read together: the letters that `struct` has for it, its variable, and the bytes that it
        #: always is.
        self._run: list[tuple[str, str, bytes]] = []
        #: How many of the bytes that come next were compared by who calls the reader.
        self._compared = hot.key
        #: Whether what was read last may be cut off.
        self._open = False
        #: The lines that make the objects, the inner ones first.
        self._makes: list[str] = []
        thing = self._object(hot)
        end = f"at + {self._unpack()}" if self._run else "at"
        if self._open:
            self._lines.append(" if at > len(data): raise cut_off()")
        body = "\n".join([*self._lines, *self._makes, f" return {thing}, {end}"])
        #: The source of a function `read`.
        self.source = f"def read(data, at):\n{' begin = at' * ('begin' in body)}\n{body}"

    def _object(self, hot: Hot) -> str:
        """Read an object behind its constructor id, and return the variable that it is made in."""
        flags: dict[str, int] = {}
        known, values, kinds = hot.template.copy(), {}, {}
        for field in hot.fields:
            if field.method == FLAGS:
                flags[field.name] = int.from_bytes(self._same(4), "little")
            elif field.method == BIT:
                known[field.name] = flags[field.word] & field.mask != 0
            elif not field.word or flags[field.word] & field.mask:
                del known[field.name]
                if field.method == OBJECT and not field.many and (inner := self._expected(field)) is not None:
                    kinds[field.name] = inner.kind
                values[field.name] = self._vector(field) if field.many else self._value(field)
        derived = None if hot.derive is None else hot.derive(known, kinds)
        for name, source in (derived or {}).items():
            values[name] = source.format(**values)
        thing = self._named("thing")
        made = f" {thing} = new({self._named('kind', hot.kind)})"
        if known:
            # A copy that has room for all fields, which are then set, is faster than a union.
            template = self._named("template", hot.template | known)
            self._makes.append(f" fields = {template}.copy()")
            self._makes += [f" fields[{name!r}] = {value}" for name, value in values.items()]
            if hot.finish is not None and derived is None:
                self._makes.append(f" {self._named('finish', hot.finish)}(fields)")
            self._makes += [made, f" {thing}.__dict__ = fields"]
        else:
            self._makes += [made, *(f" {thing}.{name} = {value}" for name, value in values.items())]
        return thing

    def _value(self, field: Field) -> str:
        """Read one value, and return it as source."""
        if field.method in FIXED:
            letter, becomes = FIXED[field.method]
            return becomes.format(self._number(letter))
        if field.method in BYTES:
            return self._bytes(field.method)
        hot = self._expected(field)
        if hot is None:
            return self._any_object()
        self._same(4)
        return self._object(hot)

    def _vector(self, field: Field) -> str:
        """Read a vector, and return it as source."""
        (count,) = struct.unpack_from("<i", self._data, self._at + 4)
        if field.word:
            self._number("i")  # its constructor id, which nobody compares
            times = self._number("i")
        else:
            self._same(8)
            if count < 2:
                return f"[{self._value(Field('', OBJECT))}]" if count else "[]"
            times = str(count)
        self._end_run()
        values = self._named("values")
        self._lines += [
            f" {values} = []",
            f" for _ in range({times}):",
            "  value, at = compiled[data[at : at + 4]](data, at + 4)",
            f"  {values}.append(value)",
        ]
        for _ in range(count):
            _, self._at = self._read_here()
        return values

    # ---- what objects consist of -------------------------------------------------------------------

    def _same(self, size: int) -> bytes:
        """Read bytes that are always the same, and return them."""
        same = self._data[self._at : self._at + size]
        if self._compared >= size:
            self._run.append((f"{size}x", "", b""))
        elif self._run and self._run[-1][2]:
            _, variable, before = self._run[-1]
            self._run[-1] = (f"{len(before) + size}s", variable, before + same)
        else:
            self._run.append((f"{size}s", self._named("same"), same))
        self._step(size)
        return same

    def _number(self, letter: str) -> str:
        variable = self._named("number")
        self._run.append((letter, variable, b""))
        self._step(struct.calcsize(f"<{letter}"))
        return variable

    def _bytes(self, method: str) -> str:
        """Read bytes with their length, of which more than 253 are rare, and return them as source."""
        if self._run:
            self._run.append(("B", "length", b""))
            size = self._unpack()
        else:
            self._lines.append(" length = data[at]")
            size = 1
        value = self._named("value")
        self._lines += [
            " if length > 253: return read_as_any(data, begin)",
            f" start = at + {size}",
            " end = start + length",
            f" {value} = {BYTES[method].format('data[start:end]')}",
            " at = end + 3 & -4",
        ]
        length = self._data[self._at]
        if length > 253:  # the example is a rare one
            length = 3 + int.from_bytes(self._data[self._at + 1 : self._at + 4], "little")
        self._step(length + 4 & -4)
        self._open = True
        return value

    def _expected(self, field: Field) -> Hot | None:
        """Return the class of the object that comes next, None if it may be of any in this form."""
        hot = self._classes.get(self._data[self._at : self._at + 4])
        return None if hot is None or hot.manifold or field.word else hot

    def _any_object(self) -> str:
        """Read an object that may be of any class, mostly of that in the example; return it as source."""
        self._end_run()
        hot = self._classes.get(self._data[self._at : self._at + 4])
        value = self._named("value")
        readers, size = "compiled", 4
        if hot is not None and hot.key:
            readers, size = self._named("readers", hot.readers), 4 + hot.key
        self._lines.append(f" {value}, at = {readers}[data[at : at + {size}]](data, at + 4)")
        _, self._at = self._read_here()
        self._open = False
        return value

    def _read_here(self) -> tuple[Any, int]:
        """Read the object of the example that comes next; return it and where it ends."""
        return self._readers[self._data[self._at : self._at + 4]](self._data, self._at + 4)

    # ---- the source --------------------------------------------------------------------------------

    def _step(self, size: int) -> None:
        self._at += size
        self._compared -= size

    def _end_run(self) -> None:
        """Read what is read together, so that `at` is where the next begins."""
        if self._run:
            self._lines.append(f" at += {self._unpack()}")
        self._compared = 0

    def _unpack(self) -> int:
        """Read what is read together and return its size."""
        run, self._run = self._run, []
        made = struct.Struct("<" + "".join(letters for letters, _, _ in run))
        if any(variable for _, variable, _ in run):
            variables = "".join(f"{variable}, " for _, variable, _ in run if variable)
            self._lines.append(f" {variables}= {self._named('unpack', made.unpack_from)}(data, at)")
        differs = " or ".join(f"{variable} != {same!r}" for _, variable, same in run if same)
        if differs:
            self._lines.append(f" if {differs}: return read_as_any(data, begin)")
        self._open = False
        return made.size

    def _named(self, what: str, value: object = None) -> str:
        """Return a name of its own for a variable, or for a value that the source is given."""
        name = f"{what}_{len(self.space)}"
        self.space[name] = value
        return name
