"""Damage to the bytes of a TL object, so that a client cannot read it."""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final

from telethon.tl import types

#: A constructor id that no layer has.
UNKNOWN_ID: Final = 0x0BADF00D
_UNKNOWN: Final = struct.pack("<I", UNKNOWN_ID)
#: Where the first update begins in an Updates object: after its constructor, the vector's and the count.
_FIRST_UPDATE: Final = 12
#: An object that is never in an answer or an update.
_OTHER: Final = bytes(types.InputPeerEmpty())
_WRONG_UPDATE: Final = bytes(types.Updates([types.InputPeerEmpty()], [], [], 0, 0))


class Damage(Enum):
    """How the bytes of an object are damaged."""

    #: The object has a constructor id that no layer has.
    UNKNOWN = "unknown"
    #: The bytes end in the middle of the object.
    CUT = "cut"
    #: The object can be read, but is of a type that has no place there.
    WRONG = "wrong"


def damaged(body: bytes, damage: Damage, start: int = 0, end: int | None = None) -> bytes:
    """Return `body` with damage to the object at `start`; `end` is the end of that object."""
    if damage is Damage.UNKNOWN:
        return body[:start] + _UNKNOWN + body[start + 4 :]
    stop = len(body) if end is None else end
    if damage is Damage.WRONG:
        return body[:start] + _OTHER + body[stop:]
    return body[: start + (stop - start) // 8 * 4]


def damaged_push(body: bytes, damage: Damage) -> bytes:
    """Return an Updates object with damage to its first update; of other objects, to the whole."""
    if damage is Damage.WRONG:
        # The last two fields, date and seq, stay.
        return _WRONG_UPDATE[:-8] + body[-8:]
    return damaged(body, damage, _FIRST_UPDATE if len(body) >= _FIRST_UPDATE + 4 else 0)
