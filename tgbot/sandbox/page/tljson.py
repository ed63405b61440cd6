"""TL objects as JSON, for a browser, and back: {"_": "messageEntityBold", "offset": 0, "length": 4}.

The names are the schema's. Fields that are absent or false are left out; dates are unix times in seconds,
bytes are Base64; integers that JavaScript cannot hold exactly, and NaN and infinity, are strings.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import math
import struct
import typing
from functools import cache
from typing import Any, Final

from telethon.tl import TLObject, TLRequest

from ..signatures import arguments, method_name, plain_annotation, telethon_class

#: The largest integer up to which JavaScript holds all exactly.
_EXACT: Final = (1 << 53) - 1


class JsonError(ValueError):
    """The JSON is no TL object; the message says where and why."""


def to_json(value: object) -> Any:  # Any: what JSON has
    """Return a TL object, a list or a plain value as JSON."""
    if isinstance(value, TLObject):
        kind: Any = type(value)
        name, fields = _form(kind)
        result = {"_": name}
        for field in fields:
            held = getattr(value, field, None)
            if held is not None and held is not False:
                result[field] = to_json(held)
        return result
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return int(value.timestamp())
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no TL form")


def request_of(given: object) -> TLRequest:
    """Return the method that this JSON is; raise JsonError."""
    return _object(given, "the call", method=True)


def schema_name(cls: type) -> str:
    """Return the schema's name of a TL class: "messages.sendMessage", "updateNewMessage"."""
    return _form(cls)[0]


def _object(given: object, place: str, *, method: bool = False) -> Any:  # Any: a TL object
    if not isinstance(given, dict) or not isinstance(name := given.get("_"), str):
        raise JsonError(f'{place} is not an object with a name in "_"')
    cls = telethon_class(name, method=method)
    if cls is None:
        raise JsonError(f"{place}: there is no {'method' if method else 'type'} {name}")
    held = arguments(cls)
    if unknown := given.keys() - held.keys() - {"_"}:
        raise JsonError(f"{place}: {name} has no {', '.join(sorted(map(str, unknown)))}")
    values = {}
    for field, annotation in held.items():
        value = given.get(field)
        where = f"{name}.{field}"
        if value is not None:
            values[field] = _value(value, annotation, where)
        elif _optional(annotation):
            values[field] = None
        else:
            values[field] = _default(annotation, where)
    try:
        return cls(**values)
    except (TypeError, ValueError, struct.error, OverflowError) as error:
        raise JsonError(f"{place}: {name}: {error}") from None


def _value(given: Any, annotation: Any, place: str) -> Any:
    plain = plain_annotation(annotation)
    if typing.get_origin(plain) is list:
        if not isinstance(given, list):
            raise JsonError(f"{place} is not a list")
        of = typing.get_args(plain)[0]
        return [_value(item, of, f"{place}[{index}]") for index, item in enumerate(given)]
    try:
        if plain is bool:
            return _checked(given, bool)
        if plain is int:
            return int(given) if isinstance(given, str) else _checked(given, int)
        if plain is float:
            return float(_checked(given, int | float))
        if plain is str:
            return _checked(given, str)
        if plain is bytes:
            return base64.b64decode(_checked(given, str), validate=True)
        if plain is datetime.datetime:
            return datetime.datetime.fromtimestamp(_checked(given, int), datetime.UTC)
    except (TypeError, ValueError, OverflowError, OSError, binascii.Error):
        wanted = getattr(plain, "__name__", str(plain))
        raise JsonError(f"{place} is not of the type {wanted}") from None
    return _object(given, place, method=plain == "X")


def _checked(given: Any, kind: Any) -> Any:
    if not isinstance(given, kind) or (isinstance(given, bool) and kind is not bool):
        raise TypeError
    return given


def _optional(annotation: Any) -> bool:
    return typing.get_origin(annotation) is typing.Union


def _default(annotation: Any, place: str) -> Any:
    """Return the value of a required field that is absent: what `to_json` leaves out."""
    plain = plain_annotation(annotation)
    if plain is bool:
        return False
    raise JsonError(f"{place} is missing")


@cache
def _form(cls: Any) -> tuple[str, tuple[str, ...]]:
    """Return the schema's name of a TL class, and its fields."""
    fields = tuple(arguments(cls))
    if issubclass(cls, TLRequest):
        return method_name(cls), fields
    # Telethon's messages are subclasses in a module of their own.
    own = next(base for base in cls.__mro__ if base.__module__.startswith("telethon.tl.types"))
    space = own.__module__.removeprefix("telethon.tl.types").removeprefix(".")
    short = own.__name__[:1].lower() + own.__name__[1:]
    return f"{space}.{short}" if space else short, fields
