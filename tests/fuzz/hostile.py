"""Requests with hostile values: valid TL for any method; its fields are at bounds, empty, huge or wrong."""

from __future__ import annotations

import struct
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any, Final, Union, get_args, get_origin

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.alltlobjects import tlobjects

from tgbot.sandbox.abilities import DONE, optional
from tgbot.sandbox.signatures import arguments, type_ids

_INTS: Final = (0, 1, -1, 2, 7, 100, 255, 4096, 2**31 - 1, -(2**31))
_LONGS: Final = (*_INTS, 2**32, 2**62, 2**63 - 1, -(2**63))
_TEXTS: Final = (
    *("", " ", "x", "\0", "\n", "/", "/start", "@", "all", "en", "x" * 65, "x" * 4097, "𝕏" * 300),
    *("e\u0301" * 99, "\u202e", "{ $name }", "%s", "<b>", "+", "abcdefg_bot", "12345", "0", "{}", "[1]"),
)
_BLOBS: Final = (b"", b"\0", b"x", b"data", bytes(64), b"\xff" * 65, b"\x89PNG\r\n\x1a\n" + bytes(40), b"{}")
#: How deep objects are in each other at most; below that the optional ones are missing.
_DEPTH: Final = 4


class Scene(typing.NamedTuple):
    """What is there: a request that names it comes further than one with invented ids."""

    #: InputPeers, InputUsers and InputChannels as the caller may name them.
    peers: list[Any]
    users: list[Any]
    channels: list[Any]
    #: Ids of accounts and of basic groups.
    ids: list[int]
    #: Files that the caller may name, and where they can be had.
    media: list[Any]
    places: list[Any]
    #: Values for fields with this name, as they are now: codes, hashes, open queries.
    named: Callable[[], dict[str, list[Any]]]
    #: The ids of the messages in a dialog.
    within: Callable[[Any], list[int]]


class Hostile:
    """A seeded source of requests by the caller whose scene this is."""

    def __init__(self, random: Random, scene: Scene) -> None:
        self.random = random
        self.scene = scene
        self._named: dict[str, list[Any]] = {}

    def request(self, kind: Any) -> bytes:
        """Return the bytes of a request of a class; the same class gives another one each time."""
        self._named = self.scene.named()
        while True:
            try:
                return bytes(self._object(kind, 0))
            except (AssertionError, AttributeError, TypeError, ValueError, struct.error, OverflowError):
                # Telethon refuses to pack what contradicts itself: flags that belong together, a number
                # that is too long for its field.
                continue

    def value(self, name: str, annotation: Any, depth: int) -> Any:
        """Return a value for a field."""
        random = self.random
        origin = get_origin(annotation)
        if origin is Union:
            kinds = [each for each in get_args(annotation) if each is not type(None)]
            absent = len(kinds) < len(get_args(annotation)) and random.random() < (0.9 if depth else 0.7)
            return None if absent else self.value(name, random.choice(kinds), depth)
        if origin is list:
            count = 0 if depth > _DEPTH else random.choice((0, 1, 1, 1, 2, 3, 12))
            if depth <= 1 and random.random() < 0.01:
                count = 2000
            return [self.value(name, get_args(annotation)[0], depth + 1) for _ in range(count)]
        if isinstance(annotation, typing.ForwardRef):
            annotation = annotation.__forward_arg__
        if isinstance(annotation, str):
            return self._typed(annotation.removeprefix("Type"), depth)
        return self._plain(name, annotation)

    def _plain(self, name: str, kind: Any) -> Any:
        random = self.random
        known = self._named.get(name)
        if known and random.random() < 0.7:
            return random.choice(known)
        if kind is bool:
            return random.random() < 0.3
        if kind is int:
            if random.random() < 0.3:
                return random.choice(self.scene.ids if random.random() < 0.3 else _LONGS)
            return random.randrange(0, 30)
        if kind is str:
            return random.choice(_TEXTS)
        if kind is bytes:
            return random.randbytes(70_000) if random.random() < 0.02 else random.choice(_BLOBS)
        if kind is float:
            return random.choice((0.0, -1.0, 91.0, 1e308, float("inf"), float("nan"), 52.5))
        if kind is datetime:
            return datetime.fromtimestamp(random.choice((0, 1, 2**31 - 1, 1_800_000_000)), UTC)
        raise TypeError(f"{name}: {kind}")

    def _typed(self, name: str, depth: int) -> Any:
        random, scene = self.random, self.scene
        if name == "X":
            return random.choice((types.InputPeerSelf(), types.InputUserSelf()))
        known: dict[str, list[Any]] = {
            "InputPeer": scene.peers,
            "InputUser": scene.users,
            "InputChannel": scene.channels,
            "InputMedia": scene.media,
            "InputFileLocation": scene.places,
        }
        if known.get(name) and random.random() < 0.8:
            return random.choice(known[name])
        kinds = of_type(name)
        if not kinds:
            raise TypeError(name)
        if random.random() < 0.9:
            # Of some types the sandbox has only a few constructors.
            kinds = [kind for kind in kinds if kind in DONE] or kinds
        if depth > _DEPTH:
            kinds = [min(kinds, key=lambda kind: len(arguments(kind)))]
        return self._object(random.choice(kinds), depth + 1)

    def _object(self, kind: Any, depth: int) -> Any:
        refused = refused_fields(kind) if self.random.random() < 0.9 else frozenset()
        fields = {
            name: None if name in refused else self.value(name, one, depth)
            for name, one in arguments(kind).items()
        }
        self._match(fields)
        random_id = fields.get("random_id")
        if self.random.random() < 0.8:
            if isinstance(random_id, int):
                fields["random_id"] = self.random.getrandbits(62) + 1
            elif isinstance(random_id, list):
                fields["random_id"] = [self.random.getrandbits(62) + 1 for _ in fields.get("id") or ()]
        return kind(**fields)

    def _match(self, fields: dict[str, Any]) -> None:
        """Name messages of the dialog that a request is about, most times."""
        peer = next((fields[name] for name in ("peer", "from_peer", "channel") if fields.get(name)), None)
        there = self.scene.within(peer) if peer is not None and self.random.random() < 0.8 else []
        if not there:
            return
        for name in ("id", "msg_id", "reply_to_msg_id", "top_msg_id"):
            if isinstance(fields.get(name), int):
                fields[name] = self.random.choice(there)
            elif isinstance(fields.get(name), list) and isinstance(next(iter(fields[name]), 0), int):
                fields[name] = self.random.sample(there, min(len(there), self.random.randint(1, 3)))


@cache
def refused_fields(kind: Any) -> frozenset[str]:
    """Return the fields that the sandbox refuses whatever is in them: with them nothing else is reached."""
    if kind not in DONE and not issubclass(kind, TLRequest):
        return frozenset()
    return frozenset(optional(kind)) - DONE.get(kind, frozenset())


@cache
def of_type(name: str) -> list[Any]:
    """Return the classes of a type by the name that annotations give it."""
    ids = type_ids(name)
    found = (kind for kind in tlobjects.values() if kind.SUBCLASS_OF_ID in ids)
    return sorted((kind for kind in found if not issubclass(kind, TLRequest)), key=lambda kind: kind.__name__)


def damaged(random: Random, body: bytes) -> bytes:
    """Return a body with one to four places changed."""
    data = bytearray(body)
    for _ in range(random.randint(1, 4)):
        if not data:
            break
        at = random.randrange(len(data))
        end = min(len(data), at + random.randrange(1, 64))
        match random.randrange(7):
            case 0:
                del data[at:]
            case 1:
                data[at] ^= 1 << random.randrange(8)
            case 2:
                number = random.choice(_INTS)
                data[at & ~3 : (at & ~3) + 4] = struct.pack("<i", number)
            case 3:
                data[at:at] = data[at:end] * random.randint(1, 3)
            case 4:
                del data[at:end]
            case 5:
                kind = random.choice(_ALL)
                data[at & ~3 : (at & ~3) + 4] = struct.pack("<I", kind.CONSTRUCTOR_ID)
            case _:
                data[at:at] = random.randbytes(random.randrange(1, 17))
    return bytes(data)


_ALL: Final = sorted(
    (kind for kind in tlobjects.values() if issubclass(kind, TLObject)), key=lambda kind: kind.__name__
)
