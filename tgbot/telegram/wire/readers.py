"""Compiled readers of TL objects: for the constructors that arrive most, made from Telethon's own classes."""

from __future__ import annotations

import ast
import inspect
import struct
import textwrap
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from telethon import utils
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, types

#: Read the object that begins at an offset, behind its constructor id; return it and where it ends.
_Read: TypeAlias = Callable[[bytes, int], tuple[Any, int]]  # Any: a TLObject of the reader's class

#: What a message, a press of a button and the answers to sends consist of.
HOT: Final = (
    types.Updates,
    types.UpdateShort,
    types.UpdateNewMessage,
    types.UpdateNewChannelMessage,
    types.UpdateMessageID,
    types.UpdateBotCallbackQuery,
    types.UpdateShortSentMessage,
    types.Message,
    types.MessageEntityBotCommand,
    types.MessageReplyHeader,
    types.PeerUser,
    types.PeerChat,
    types.PeerChannel,
    types.User,
    types.UserProfilePhoto,
    types.UserStatusOffline,
    types.UserStatusOnline,
    types.UserStatusRecently,
    types.Channel,
)

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
#: How many dates are remembered.
_REMEMBERED_DATES = 1_000


class Reader(BinaryReader):
    """Telethon's reader, with compiled readers where there are any. It raises and returns the same."""

    def tgread_object(self) -> Any:  # Any: a TLObject, or what a vector holds
        """Read an object."""
        data, at = self.stream, self.tell_position()
        read = _compiled.get(data[at : at + 4])
        if read is None:
            return super().tgread_object()
        thing, end = read(data, at + 4)
        self.set_position(end)
        return thing


def read_object(data: bytes) -> Any:  # Any: as above
    """Return the object that bytes begin with; raise what Telethon's reader raises."""
    read = _compiled.get(data[:4])
    return Reader(data).tgread_object() if read is None else read(data, 4)[0]


# ---- what compiled readers call ----------------------------------------------------------------------


def _read_any(data: bytes, at: int) -> tuple[Any, int]:
    """Read an object of any class; return it and where it ends."""
    read = _compiled.get(data[at : at + 4])
    if read is not None:
        return read(data, at + 4)
    reader = Reader(data)
    reader.set_position(at)
    thing = BinaryReader.tgread_object(reader)
    return thing, reader.tell_position()


def _long_length(data: bytes, at: int) -> int:
    """Return the length of bytes that does not fit into one byte."""
    return int.from_bytes(data[at + 1 : at + 4], "little")


def _cut_off() -> BufferError:
    return BufferError("a string is cut off")


def _date_of(unix: int) -> datetime:
    """Return a date, and remember it: those that arrive together are mostly of one second."""
    if len(_dates) >= _REMEMBERED_DATES:
        _dates.clear()
    date = _dates[unix] = datetime.fromtimestamp(unix, UTC)
    return date


def _finish_message(fields: dict[str, Any]) -> None:
    """Set what Telethon's message derives from its fields."""
    if type(fields["media"]) is types.MessageMediaEmpty:
        fields["media"] = None
    peer, sender = fields["peer_id"], fields["from_id"]
    fields["_chat_peer"], fields["_broadcast"] = peer, fields["post"]
    if sender is not None:
        fields["_sender_id"] = utils.get_peer_id(sender)
    elif type(peer) is types.PeerUser:
        if fields["post"] or not fields["out"]:
            fields["_sender_id"] = peer.user_id
    elif fields["post"] and peer:
        fields["_sender_id"] = utils.get_peer_id(peer)


# ---- how they are made -------------------------------------------------------------------------------


class _UnknownFormError(Exception):
    """Telethon's reader of a class is written in a way that is not known here."""


class _Compiler:
    """Write the source of a reader that does what the `from_reader` of a class does, in fewer steps."""

    def __init__(self) -> None:
        self.lines = ["def read(data, at):", " fields = template.copy()"]
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
            raise _UnknownFormError
        target = second.value.func
        if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
            raise _UnknownFormError
        name, method = target.value.id.removeprefix("_"), _method(value)
        if _method(loop.iter.args[0] if isinstance(loop.iter, ast.Call) else None) != "read_int":
            raise _UnknownFormError
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
            raise _UnknownFormError
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
            raise _UnknownFormError

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
        raise _UnknownFormError
    return statement.targets[0].id.removeprefix("_"), statement.value


def _method(value: ast.expr | None) -> str:
    """Return which method of the reader a value is read with."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and not value.args:
        return value.func.attr
    raise _UnknownFormError


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
    raise _UnknownFormError


def _compile(
    kind: type[TLObject], body: list[ast.stmt], finish: Callable[[dict[str, Any]], None] | None
) -> _Read:
    """Return a compiled reader for a class whose `from_reader` has this body."""
    returned = body[-1]
    if not (isinstance(returned, ast.Return) and isinstance(returned.value, ast.Call)):
        raise _UnknownFormError
    template = vars(kind(**dict.fromkeys((str(word.arg) for word in returned.value.keywords), None)))
    compiler = _Compiler()
    source = compiler.compile(body)
    for bits in compiler.flags.values():
        template.update((name, False) for _, name in bits)
    source += (
        "\n finish(fields)" if finish else ""
    ) + "\n thing = new(kind)\n thing.__dict__ = fields\n return thing, at"
    space: dict[str, Any] = {
        "template": template,
        "kind": kind,
        "new": object.__new__,
        "compiled": _compiled,
        "read_any": _read_any,
        "long_length": _long_length,
        "cut_off": _cut_off,
        "dates": _dates,
        "date_of": _date_of,
        "finish": finish,
        **{name: made.unpack_from for name, made in compiler.structs.items()},
    }
    # The source is made of the names and numbers of Telethon's class.
    exec(compile(source, f"<reader of {kind.__name__}>", "exec"), space)
    read: _Read = space["read"]
    return read


def _id_of(kind: type[TLObject]) -> bytes:
    return int(kind.CONSTRUCTOR_ID).to_bytes(4, "little")


def _bodies(kinds: Iterable[type[TLObject]]) -> Iterator[tuple[type[TLObject], list[ast.stmt]]]:
    """Yield each class with the statements of its `from_reader`, where its source can be had."""
    files: dict[str, list[str]] = {}
    for kind in kinds:
        code = kind.from_reader.__code__
        try:
            if code.co_filename not in files:
                files[code.co_filename] = Path(code.co_filename).read_text("utf-8").splitlines(keepends=True)
            lines = inspect.getblock(files[code.co_filename][code.co_firstlineno - 1 :])
            function = ast.parse(textwrap.dedent("".join(lines))).body[0]
        except (OSError, SyntaxError):
            continue
        if isinstance(function, ast.FunctionDef):
            yield kind, function.body


def _compile_all(kinds: Iterable[type[TLObject]]) -> dict[bytes, _Read]:
    found = {}
    for kind, body in _bodies(kinds):
        try:
            found[_id_of(kind)] = _compile(kind, body, _finish_message if kind is types.Message else None)
        except _UnknownFormError:
            continue  # Telethon's own reader is used
    return found


#: The compiled readers, by the constructor id as it arrives.
_compiled: dict[bytes, _Read] = {}
#: The dates that were read last, by their unix seconds.
_dates: dict[int, datetime] = {}
_compiled.update(_compile_all(HOT))
