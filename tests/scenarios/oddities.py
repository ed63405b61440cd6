"""Messages and updates of odd shapes; the same seed gives the same ones."""

from __future__ import annotations

import types as python
import typing
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any, Union, get_args, get_origin

from telethon.tl import TLObject, types

TEXTS = (
    *(
        "",
        " ",
        "\n",
        "\0",
        "/",
        "//",
        "/start",
        "/start x",
        "/start@the_bot",
        "/start@other y",
        "/START",
        "/start\n",
    ),
    *(
        "/help",
        "/help@the_bot extra",
        "/нет",
        "/a" * 50,
        "/" + "z" * 300,
        "/resolve @x",
        "/whois",
        "/check 1",
    ),
    *(
        "x" * 4096,
        "𝕏" * 2048,
        "\u202eback\u202c",
        "مرحبا",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "e\u0301" * 99,
        "\ud7ff\ue000\uffff",
        "{ $name }",
    ),
    *(
        "*a* __b__ `c` [d](tg://user?id=1)",
        "<b>&amp;</b>",
        "%s %d {0} {}",
        "\r\n\t\u2028\u2029\ufeff",
        "0",
        "-1",
    ),
)
NAMES = ("", " ", "A", "نام", "\u202e\u202e", "👑", "n" * 64, "{ $name }", "*_`[", "\n", "\0", "Z̸̧͝a̵l̶g̷o̴")

#: Never in a bot's own log: a channel's own pts, and requests to the client to start again.
_NOT_HERE = frozenset({"UpdateChannelTooLong", "UpdatePtsChanged", "UpdateLoginToken", "UpdateConfig"})


class Oddities:
    """A seeded source of values; they name the ids in `users`, and invented ids."""

    def __init__(self, seed: int, users: list[int]) -> None:
        self.random = Random(seed)
        self.users = users

    def text(self) -> str:
        if self.random.random() < 0.8:
            return self.random.choice(TEXTS)
        points = (self.random.choice((0x20, 0x7F, 0x600, 0x2028, 0x1F600, 0xE0001)) for _ in range(20))
        return "".join(chr(point + self.random.randrange(64)) for point in points)

    def message(self) -> dict[str, Any]:
        """Return fields for `World.send_as`: a private message as an app may make it."""
        random = self.random
        fields: dict[str, Any] = {"text": self.text()}
        if random.random() < 0.25:
            fields["action"] = self.value(types.TypeMessageAction)
            fields["text"] = ""
            return fields
        if random.random() < 0.4:
            fields["media"] = self.value(types.TypeMessageMedia)
        if random.random() < 0.3:
            fields["entities"] = [self.value(types.TypeMessageEntity) for _ in range(random.randrange(5))]
        if random.random() < 0.3:
            fields["fwd_from"] = self.value(types.MessageFwdHeader)
        if random.random() < 0.2:
            fields["reply_to"] = self.value(types.TypeMessageReplyHeader)
        if random.random() < 0.1:
            fields["reply_markup"] = self.value(types.TypeReplyMarkup)
        if random.random() < 0.1:
            fields["via_bot_id"] = random.choice(self.users)
        return fields

    def update(self) -> Any:
        """Return an update of any type that a bot's own log can contain."""
        while True:
            update = self.value(types.TypeUpdate)
            name = type(update).__name__
            if name in _NOT_HERE or (hasattr(update, "pts") and "Channel" in name):
                continue
            if hasattr(update, "pts_count"):
                update.pts_count = 1
            return update

    def value(self, kind: Any) -> Any:
        """Return a value of a TL type that can be sent; if large numbers do not fit, use small ones."""
        while True:
            for large in (0.1, 0.0):
                try:
                    value = self._value(kind, 0, large)
                    bytes(value)
                except (
                    Exception
                ):  # With a wrong field or a type that it lacks, Telethon raises any exception.
                    continue
                return value

    def _value(self, kind: Any, depth: int, large: float) -> Any:
        origin = get_origin(kind)
        if origin in (Union, python.UnionType):
            return self._choose(get_args(kind), depth, large)
        if origin is list:
            count = self.random.randrange(3) if depth < 4 else 0
            return [self._value(get_args(kind)[0], depth + 1, large) for _ in range(count)]
        if isinstance(kind, type) and issubclass(kind, TLObject):
            parameters = _parameters(kind)
            return kind(**{name: self._field(name, one, depth, large) for name, one in parameters.items()})
        return self._plain(kind, large)

    def _choose(self, kinds: tuple[Any, ...], depth: int, large: float) -> Any:
        some = [one for one in kinds if one is not type(None)]
        if len(some) < len(kinds) and (depth > 3 or self.random.random() < 0.6):
            return None
        if depth > 3:
            some = sorted(some, key=_size)[:2]
        return self._value(self.random.choice(some), depth + 1, large)

    def _field(self, name: str, kind: Any, depth: int, large: float) -> Any:
        if name in ("user_id", "bot_id", "from_id") and kind is int and self.random.random() < 0.7:
            return self.random.choice(self.users)
        return self._value(kind, depth, large)

    def _plain(self, kind: Any, large: float) -> Any:
        random = self.random
        if kind is bool:
            return random.random() < 0.5
        if kind is int:
            if random.random() < large:
                return random.choice((2**31 - 1, -(2**31), 2**53, 2**62))
            return random.choice((0, 1, 2, 7, 255, 4096))
        if kind is float:
            return random.choice((0.0, -1.5, 1e9))
        if kind is str:
            return self.text()[:200]
        if kind is bytes:
            return random.randbytes(random.randrange(40))
        if kind is datetime:
            return datetime.fromtimestamp(random.choice((0, 1, 1_700_000_000, 2**31 - 1)), UTC)
        return None


@cache
def _parameters(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind.__init__, vars(types))  # type: ignore[misc]  # the class's own
    hints.pop("return", None)
    return hints


@cache
def _size(kind: Any) -> int:
    """Return the minimum number of fields in a value of the type."""
    if not (isinstance(kind, type) and issubclass(kind, TLObject)):
        return 0
    return sum(type(None) not in get_args(one) for one in _parameters(kind).values())
