"""The constructor arguments of Telethon's TL classes."""

from __future__ import annotations

import inspect
import re
import typing
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from telethon.tl import TLObject, functions, types

_names: dict[type, str] = {}


def telethon_class(name: str, *, method: bool = False) -> Any:
    """Return Telethon's class for the schema's type or method `name`, None if there is none."""
    namespace, _, short = name.rpartition(".")
    module: Any = functions if method else types
    if namespace:
        module = getattr(module, namespace, None)
    short = re.sub(r"_([a-z])", lambda match: match[1].upper(), short[:1].upper() + short[1:])
    return getattr(module, short + "Request" if method else short, None)


def method_name(request: type) -> str:
    """Return the schema's name of a request class: "messages.sendMessage" for SendMessageRequest."""
    name = _names.get(request)
    if name is None:
        space = request.__module__.rpartition(".")[2]
        plain = request.__name__.removesuffix("Request")
        plain = plain[:1].lower() + plain[1:]
        name = _names[request] = plain if space == "functions" else f"{space}.{plain}"
    return name


@cache
def arguments(cls: Any) -> dict[str, Any]:
    """Return the constructor arguments of a Telethon class and their annotations."""
    # Telethon's messages are subclasses with another constructor signature.
    generated = ("telethon.tl.types", "telethon.tl.functions")
    own = next(base for base in cls.__mro__ if base.__module__.startswith(generated))
    if own.__init__ is object.__init__:
        return {}
    parameters = inspect.signature(own.__init__).parameters
    return {name: parameter.annotation for name, parameter in parameters.items() if name != "self"}


@dataclass(frozen=True, slots=True)
class Member:
    """A member that is a TL object, or a list of them."""

    name: str
    allowed: frozenset[int]  #: SUBCLASS_OF_IDs of its type; empty: any method.
    many: bool
    optional: bool


@cache
def members(cls: Any) -> tuple[Member, ...]:
    """Return the members of a TL class that are TL objects; of any other class, none."""
    found = []
    for name, annotation in arguments(cls).items() if issubclass(cls, TLObject) else ():
        type_name, many, optional = _object_type(annotation)
        if type_name is None:
            continue
        allowed = frozenset() if type_name == "X" else type_ids(type_name)
        if type_name == "InputUser":
            # Clients send an InputPeer of a user as well, and Telegram takes it.
            allowed |= type_ids("InputPeer")
        if type_name == "KeyboardButton":
            # Older layers have inline buttons in the same rows; ReplyInlineMarkup converts them.
            allowed |= {types.KeyboardInlineButton.SUBCLASS_OF_ID}
        found.append(Member(name, allowed, many, optional))
    return tuple(found)


@cache
def wraps(cls: Any) -> bool:
    """Return whether a method of this class wraps another one, as invokeWithLayer does."""
    return any(not member.allowed for member in members(cls))


@cache
def type_ids(name: str) -> frozenset[int]:
    """Return the possible SUBCLASS_OF_IDs of the type `name` in Telethon's annotations.

    The annotations omit the namespace, and the id is the CRC32 of the full name: any namespace is allowed.
    """
    return frozenset(zlib.crc32(f"{namespace}{name}".encode()) for namespace in _namespaces())


@cache
def _namespaces() -> list[str]:
    return ["", *(f"{name}." for name, value in vars(types).items() if inspect.ismodule(value))]


def _object_type(annotation: Any) -> tuple[str | None, bool, bool]:
    """Return (type name, is a list, is optional) of an annotation; no name if it is no TL type."""
    plain = plain_annotation(annotation)
    many = typing.get_origin(plain) is list
    if many:
        plain = plain_annotation(typing.get_args(plain)[0])
    return (
        plain.removeprefix("Type") if isinstance(plain, str) else None,
        many,
        is_optional(annotation),
    )


def is_optional(annotation: Any) -> bool:
    """Return whether an argument can be left out; Telethon takes a date for optional, too."""
    return typing.get_origin(annotation) is typing.Union


def plain_annotation(annotation: Any) -> Any:
    """Return `annotation` without Optional, and a quoted type name as str."""
    if typing.get_origin(annotation) is typing.Union:
        annotation = next(arg for arg in typing.get_args(annotation) if arg is not type(None))
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    return annotation
