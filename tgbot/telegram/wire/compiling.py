"""Readers of TL objects in fewer steps than Telethon's: for a class, and for the forms that it mostly has."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from telethon.tl import TLObject

from tgbot.telegram.wire.forms import Derive, FormCompiler, Read
from tgbot.telegram.wire.layout import BIT, BYTES, FIXED, FLAGS, OBJECT, Field

#: How many optional fields in a row have one test for all of them.
_GROUP = 4
#: How often a form has to arrive before there is a reader for it alone, which takes a millisecond to make;
#: how many such readers a class has, and how many other forms are counted.
_OFTEN, _READERS, _COUNTED = 20, 64, 256


class _Compiler:
    """Write the source of a reader for every object of a class."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.structs: dict[str, struct.Struct] = {}
        #: Numbers in a row that are read together, and the bits of the flags among them.
        self._run: list[Field] = []
        self._bits: list[Field] = []
        self._optional: list[Field] = []

    def compile(self, fields: Sequence[Field]) -> None:
        for field in fields:
            if field.word and field.method != BIT:
                self._end_run()
                self._optional.append(field)
                continue
            self._end_options()
            if field.method == BIT:
                self._bits.append(field)
            elif field.method == FLAGS or field.method in FIXED:
                self._run.append(field)
            else:
                self._end_run()
                self._read(field, " ")
        self._end_run()
        self._end_options()

    def _end_run(self) -> None:
        """Read the numbers in a row, then set the flags that were among them."""
        run, bits = self._run, self._bits
        if not run:
            return
        variables = [field.name if field.method == FLAGS else f"n{i}" for i, field in enumerate(run)]
        letters = "".join("i" if field.method == FLAGS else FIXED[field.method][0] for field in run)
        self._unpack(letters, variables, " ")
        for variable, field in zip(variables, run, strict=True):
            if field.method != FLAGS:
                value = FIXED[field.method][1].format(variable)
                self.lines.append(f" fields[{field.name!r}] = {value}")
        for word in dict.fromkeys(bit.word for bit in bits):
            some = [bit for bit in bits if bit.word == word]
            self.lines.append(f" if {word} & {sum(bit.mask for bit in some)}:")
            self.lines += [f"  fields[{bit.name!r}] = {word} & {bit.mask} != 0" for bit in some]
        self._run, self._bits = [], []

    def _end_options(self) -> None:
        """Read the optional fields in a row, in groups with one test each."""
        groups: list[list[Field]] = []
        for field in self._optional:
            if not groups or groups[-1][0].word != field.word or len(groups[-1]) == _GROUP:
                groups.append([])
            groups[-1].append(field)
        self._optional = []
        for group in groups:
            masks = 0
            for field in group:
                masks |= field.mask
            self.lines.append(f" if {group[0].word} & {masks}:")
            for field in group:
                self.lines.append(f"  if {field.word} & {field.mask}:")
                self._read(field, "   ")

    def _read(self, field: Field, indent: str) -> None:
        if not field.many:
            self._value(f"fields[{field.name!r}]", field.method, indent)
            return
        self.lines.append(f"{indent}values = fields[{field.name!r}] = []")
        self._unpack("ii", ["_", "count"], indent)
        self.lines.append(f"{indent}for _ in range(count):")
        self._value("value", field.method, f"{indent} ")
        self.lines.append(f"{indent} values.append(value)")

    def _value(self, target: str, method: str, indent: str) -> None:
        if method == OBJECT:
            self.lines.append(f"{indent}{target}, at = compiled[data[at : at + 4]](data, at + 4)")
        elif method in BYTES:
            self.lines += [
                f"{indent}start, length = at + 1, data[at]",
                f"{indent}if length == 254: start, length = at + 4, long_length(data, at)",
                f"{indent}end = start + length",
                f"{indent}at = end + 3 & -4",
                f"{indent}if at > len(data): raise cut_off()",
                f"{indent}{target} = {BYTES[method].format('data[start:end]')}",
            ]
        else:
            letter, becomes = FIXED[method]
            self._unpack(letter, ["number"], indent)
            self.lines.append(f"{indent}{target} = {becomes.format('number')}")

    def _unpack(self, letters: str, variables: list[str], indent: str) -> None:
        self.structs[f"unpack_{letters}"] = made = struct.Struct(f"<{letters}")
        self.lines.append(f"{indent}{', '.join(variables)}, = unpack_{letters}(data, at)")
        self.lines.append(f"{indent}at += {made.size}")


class _Forms(dict[bytes, Read]):
    """The readers of forms; `other` is the reader of every form without one."""

    def __init__(self, other: Read) -> None:
        self._other = other

    def __missing__(self, form: bytes) -> Read:
        return self._other


class HotClass:
    """A class whose objects arrive often: its reader, and readers for the forms that arrive most.

    The form is what the first `key` bytes of an object are, as a rule its flags. `forms.Hot` says what the
    attributes are.
    """

    def __init__(
        self,
        kind: type[TLObject],
        fields: Sequence[Field],
        template: dict[str, Any],
        space: Mapping[str, Any],
        *,
        key: int = 0,
        manifold: bool = False,
        finish: Callable[[dict[str, Any]], None] | None = None,
        derive: Derive | None = None,
    ) -> None:
        self.kind, self.fields = kind, fields
        self.template = template | {field.name: False for field in fields if field.method == BIT}
        self.manifold, self.finish, self.derive = manifold, finish, derive
        first = takewhile(lambda field: field.method in (FLAGS, BIT), fields)
        self.key = key or 4 * sum(field.method == FLAGS for field in first)
        self.readers: dict[bytes, Read] = _Forms(self._read_other)
        #: How often each form without a reader has arrived.
        self._counts: dict[bytes, int] = {}
        self._space: Final = {**space, "new": object.__new__, "readers": self.readers}
        self._id: Final = int(kind.CONSTRUCTOR_ID).to_bytes(4, "little")
        self._any = self._reader_of_any()

    def reader(self) -> Read:
        """Return the reader of the class."""
        if not self.key:
            return self._any
        return self._made(f"def read(data, at): return readers[data[at - 4 : at + {self.key}]](data, at)", {})

    def _reader_of_any(self) -> Read:
        compiler = _Compiler()
        compiler.compile(self.fields)
        lines = ["def read(data, at):", " fields = template.copy()", *compiler.lines]
        if self.finish is not None:
            lines.append(" finish(fields)")
        lines += [" thing = new(kind)", " thing.__dict__ = fields", " return thing, at"]
        structs = {name: made.unpack_from for name, made in compiler.structs.items()}
        given = {"template": self.template, "kind": self.kind, "finish": self.finish}
        return self._made("\n".join(lines), given | structs)

    def _read_other(self, data: bytes, at: int) -> tuple[Any, int]:
        """Read an object of a form without a reader; make one for it if the form arrives often."""
        form = data[at - 4 : at + self.key]
        if form[:4] != self._id:
            read: Read = self._space["compiled"][form[:4]]
            return read(data, at)
        thing = self._any(data, at)
        if len(self._counts) >= _COUNTED:
            self._counts.clear()  # of what arrives rarely
        self._counts[form] = count = self._counts.get(form, 0) + 1
        if count >= _OFTEN and len(self.readers) < _READERS:
            del self._counts[form]
            made = FormCompiler(self, data, at, self._space)
            self.readers[form] = self._made(made.source, {**made.space, "read_as_any": self._any})
        return thing

    def _made(self, source: str, space: Mapping[str, Any]) -> Read:
        # The source is made of the names and numbers of Telethon's class.
        made = {**self._space, **space}
        exec(compile(source, f"<reader of {self.kind.__name__}>", "exec"), made)
        read: Read = made["read"]
        return read
