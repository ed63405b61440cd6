"""Sends and edits whose bytes are made once for many users: only what differs is put in for each."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, Final

from telethon.tl import TLRequest, functions, types

_TWO: Final = struct.Struct("<qq").pack
_ONE: Final = struct.Struct("<q").pack
_USER_AND_MESSAGE: Final = struct.Struct("<qqi").pack
#: Where the user begins in a send: after its constructor, its flags and the constructor of the peer.
_USER_AT: Final = 12
#: The numbers that stand for random_ids while a form is made; one that is in the content is passed over.
_STAND_INS: Final = 0x5D2C8E1F7A3B9604


class Packed(TLRequest):
    """What the requests below have in common: one about one user, as bytes, with what the chain reads."""

    #: What is sent to many is not worth compressing for each.
    compressible = False
    message = ""

    def __init__(self, data: bytes, user_id: int, access_hash: int, random_ids: Sequence[int] = ()) -> None:
        self._data = data
        self.user_id = user_id
        self._access_hash = access_hash
        self._random_ids = random_ids

    @property
    def peer(self) -> types.InputPeerUser:
        return types.InputPeerUser(self.user_id, self._access_hash)

    async def resolve(self, client: Any, utils: Any) -> None:
        """Return at once: the peer is resolved."""

    def __bytes__(self) -> bytes:
        return self._data

    _bytes = __bytes__  # as a wrapped request is packed

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.user_id})"

    __str__ = __repr__


class _Single(Packed):
    """A send of one message."""

    @property
    def random_id(self) -> int:
        return self._random_ids[0]


class PackedText(_Single, functions.messages.SendMessageRequest):
    """A text to one user."""


class PackedMedia(_Single, functions.messages.SendMediaRequest):
    """A medium to one user."""


class PackedAlbum(Packed, functions.messages.SendMultiMediaRequest):
    """An album to one user."""

    @property
    def multi_media(self) -> list[Any]:
        return [SimpleNamespace(random_id=random_id) for random_id in self._random_ids]


class PackedEdit(Packed, functions.messages.EditMessageRequest):
    """An edit of a message to one user."""


#: The send of Telethon's → the packed one.
PACKED: Final[dict[type[TLRequest], type[Packed]]] = {
    functions.messages.SendMessageRequest: PackedText,
    functions.messages.SendMediaRequest: PackedMedia,
    functions.messages.SendMultiMediaRequest: PackedAlbum,
}


class Form:
    """The bytes of a send, with gaps for its user and its random_ids."""

    def __init__(self, request: TLRequest) -> None:
        """Take a send of Telethon's, of a class in `PACKED`; its peer and random_ids do not matter."""
        self._kind = PACKED[type(request)]
        singles = getattr(request, "multi_media", [request])
        request.peer = types.InputPeerUser(0, 0)
        stand_ins = count(_STAND_INS)
        while True:
            marks = [next(stand_ins) for _ in singles]
            for single, mark in zip(singles, marks, strict=True):
                single.random_id = mark
            data = bytes(request)
            if all(data.count(_ONE(mark)) == 1 for mark in marks):
                break
        self._head, rest = data[:_USER_AT], data[_USER_AT + 16 :]
        between: list[bytes] = []
        for mark in marks:
            before, _, rest = rest.partition(_ONE(mark))
            between.append(before)
        self._between, self._tail = between, rest
        #: How many messages it sends: as many random_ids are needed.
        self.messages = len(marks)

    def to(self, user_id: int, access_hash: int, random_ids: Sequence[int]) -> Packed:
        """Return the send to this user with these random_ids."""
        between = self._between
        if len(between) == 1:
            parts = [self._head, _TWO(user_id, access_hash), between[0], _ONE(random_ids[0]), self._tail]
        else:
            parts = [self._head, _TWO(user_id, access_hash)]
            for before, random_id in zip(between, random_ids, strict=True):
                parts += (before, _ONE(random_id))
            parts.append(self._tail)
        return self._kind(b"".join(parts), user_id, access_hash, random_ids)


class EditForm:
    """The bytes of an edit, with gaps for its user and its message."""

    def __init__(self, request: functions.messages.EditMessageRequest) -> None:
        """Take an edit of Telethon's; its peer and message do not matter."""
        request.peer, request.id = types.InputPeerUser(0, 0), 0
        data = bytes(request)
        self._head, self._tail = data[:_USER_AT], data[_USER_AT + 20 :]

    def to(self, user_id: int, access_hash: int, message: int) -> PackedEdit:
        """Return the edit of this message to this user."""
        data = self._head + _USER_AND_MESSAGE(user_id, access_hash, message) + self._tail
        return PackedEdit(data, user_id, access_hash)


def message_ids(answer: Any, random_ids: Sequence[int]) -> tuple[int, ...]:
    """Return the ids of the messages that sends with these random_ids have become; 0 where none is named."""
    if type(answer) is types.UpdateShortSentMessage:
        return (answer.id,)
    named = {
        update.random_id: update.id for update in answer.updates if type(update) is types.UpdateMessageID
    }
    return tuple(named.get(random_id, 0) for random_id in random_ids)
