"""Compiled readers of TL objects: for the constructors that arrive most, made from Telethon's own classes."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from telethon import utils
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, core, types

from tgbot.telegram.wire.compiling import HotClass
from tgbot.telegram.wire.forms import Read
from tgbot.telegram.wire.layout import UnknownFormError, fields_of, names_of

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

#: How many bytes of an Updates object tell its form: of one new message all up to that message's own flags.
_UPDATES_KEY: Final = 24
#: Classes of so many forms that none is expected in another object.
_MANIFOLD: Final = frozenset({types.User, types.Channel})
#: How many dates are remembered.
_REMEMBERED_DATES = 1_000


class Reader(BinaryReader):
    """Telethon's reader, with compiled readers where there are any. It raises and returns the same."""

    def tgread_object(self) -> Any:  # Any: a TLObject, or what a vector holds
        """Read an object."""
        data, at = self.stream, self.tell_position()
        read = _compiled.get(data[at : at + 4])
        if read is None or at % 4:
            return super().tgread_object()
        thing, end = read(data, at + 4)
        self.set_position(end)
        return thing


def read_object(data: bytes, at: int = 0) -> Any:  # Any: as above
    """Return the object at an offset, a multiple of four; raise what Telethon's reader raises."""
    return _compiled[data[at : at + 4]](data, at + 4)[0]


# ---- what compiled readers call ----------------------------------------------------------------------


class _Compiled(dict[bytes, Read]):
    """The compiled readers by the constructor id as it arrives; for any other id, Telethon's own."""

    def __missing__(self, constructor: bytes) -> Read:
        return _read_as_telethon


def _read_as_telethon(data: bytes, at: int) -> tuple[Any, int]:
    """Read an object of any class, with Telethon's reader; what is in it, with compiled ones."""
    reader = Reader(data)
    reader.set_position(at - 4)
    thing = BinaryReader.tgread_object(reader)
    return thing, reader.tell_position()


def _long_length(data: bytes, at: int) -> int:
    """Return the length of bytes that does not fit into one byte."""
    return int.from_bytes(data[at + 1 : at + 4], "little")


def _cut_off() -> BufferError:
    return BufferError("a string is cut off")


class _Dates(dict[int, datetime]):
    """Dates by their unix seconds; those that arrive together are mostly of one second."""

    def __missing__(self, unix: int) -> datetime:
        if len(self) >= _REMEMBERED_DATES:
            self.clear()
        date = self[unix] = datetime.fromtimestamp(unix, UTC)
        return date


def _refuse(data: bytes, at: int) -> tuple[Any, int]:
    """Raise ValueError: messages and packed data are unpacked before they are read, within limits."""
    raise ValueError("no object holds messages or packed data")


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


def _derive_message(
    known: Mapping[str, Any], kinds: Mapping[str, type[TLObject]]
) -> Mapping[str, str] | None:
    """Return the same for a private message without media, as source; None for another one."""
    ordinary = {"media": None, "from_id": None, "post": False}
    if kinds.get("peer_id") is not types.PeerUser or not ordinary.items() <= known.items():
        return None
    sender = {} if known["out"] else {"_sender_id": "{peer_id}.user_id"}
    return {"_chat_peer": "{peer_id}", "_broadcast": "False", **sender}


# ---- how they are made -------------------------------------------------------------------------------


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
            lines = _block(files[code.co_filename], code.co_firstlineno - 1)
            function = ast.parse(textwrap.dedent("".join(lines))).body[0]
        except (OSError, SyntaxError, StopIteration):
            continue
        if isinstance(function, ast.FunctionDef):
            yield kind, function.body


def _block(lines: Sequence[str], first: int) -> Sequence[str]:
    """Return the lines of a function without comments, from its decorator on."""
    begin = next(at for at in range(first, len(lines)) if lines[at].lstrip().startswith("def "))
    indent = lines[begin].index("def ") + 1
    beyond = (at for at in range(begin + 1, len(lines)) if lines[at][:indent].strip())
    return lines[first : next(beyond, None)]


def _compile_all(kinds: Iterable[type[TLObject]]) -> dict[bytes, HotClass]:
    found = {}
    for kind, body in _bodies(kinds):
        is_message = kind is types.Message
        try:
            found[_id_of(kind)] = HotClass(
                kind,
                [*fields_of(body)],
                vars(kind(**dict.fromkeys(names_of(body)))),
                _SPACE,
                key=_UPDATES_KEY if kind is types.Updates else 0,
                manifold=kind in _MANIFOLD,
                finish=_finish_message if is_message else None,
                derive=_derive_message if is_message else None,
            )
        except UnknownFormError:
            continue  # Telethon's own reader is used
    return found


_compiled = _Compiled()
#: The classes that have compiled readers, in the same way.
_classes: dict[bytes, HotClass] = {}
#: What compiled readers call.
_SPACE: Final = {
    "compiled": _compiled,
    "classes": _classes,
    "long_length": _long_length,
    "cut_off": _cut_off,
    "dates": _Dates(),
}
_classes.update(_compile_all(HOT))
_compiled.update((at, hot.reader()) for at, hot in _classes.items())
_compiled[b"\xb5\x75\x72\x99"] = lambda data, at: (True, at)  # boolTrue, the answer to a chat action
_compiled[b"\x37\x97\x79\xbc"] = lambda data, at: (False, at)
_compiled.update((_id_of(kind), _refuse) for kind in core.core_objects.values())
