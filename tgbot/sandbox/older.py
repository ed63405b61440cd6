"""Differences of older layers from Telethon's: constructor ids, members, missing types."""

from __future__ import annotations

import copy
import datetime
import re
import typing
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from telethon.tl import TLRequest, types
from telethon.tl.alltlobjects import tlobjects

from .schema import Definition, parse_file
from .signatures import arguments, members, plain_annotation, telethon_class, type_ids


class EncodeError(Exception):
    """The value has no form in the client's layer."""

    def __init__(self, type_name: str, layer: int) -> None:
        super().__init__(f"{type_name} has no form in layer {layer}")


# Buttons: until layer 227 each kind of button is a constructor of one type, KeyboardButton;
# since then a button is a text with a type, and the inline ones are a type of their own.
_BUTTON = re.compile(r"(inputK|k)eyboardButton(?!Row|Style)(\w*)")


def _button_classes(name: str) -> tuple[Any, Any] | None:
    """Return Telethon's button class and button type class for the older button called `name`."""
    match = _BUTTON.fullmatch(name)
    if match is None:
        return None
    prefix, kind = "Input" if match[1] == "inputK" else "", match[2] or "Default"
    inline = getattr(types, f"{prefix}InlineButtonType{kind}", None)
    if inline is not None:
        return types.KeyboardInlineButton, inline
    plain = getattr(types, f"{prefix}ButtonType{kind}", None)
    return None if plain is None else (types.KeyboardButton, plain)


def _build(cls: Any, values: dict[str, Any]) -> Any:
    value = cls(**{name: values.get(name) for name in arguments(cls)})
    if cls is types.ReplyInlineMarkup:
        if not all(isinstance(row, types.KeyboardButtonRow) for row in value.rows):
            raise ValueError("not a row of buttons")
        value.rows = [types.KeyboardInlineButtonRow(row.buttons) for row in value.rows]
        if not all(
            isinstance(button, types.KeyboardInlineButton) for row in value.rows for button in row.buttons
        ):
            raise ValueError("a plain button among inline ones")
    return value


def _build_button(button: Any, kind: Any, values: dict[str, Any]) -> Any:
    return button(text=values["text"], type=_build(kind, values), style=values.get("style"))


def bind(definition: Definition, cls: Any) -> Definition:
    """Return `definition` with dates as dates, and with fields voided whose type differs in Telethon's `cls`.

    A void field is read and discarded, and written as absent or as its default.
    """
    held = arguments(cls)
    fields = []
    for field in definition.fields:
        annotation = held.get(field.name)
        if field.kind == "int" and plain_annotation(annotation) is datetime.datetime:
            fields.append(replace(field, kind="date"))
        elif field.kind == "#" or _holds(annotation, field.kind):
            fields.append(field)
        else:
            fields.append(replace(field, name=f"-{field.name}"))
    return replace(definition, fields=tuple(fields))


def _holds(annotation: Any, kind: str) -> bool:
    plain = plain_annotation(annotation)
    if kind.startswith("Vector<"):
        return typing.get_origin(plain) is list and _holds(typing.get_args(plain)[0], kind[7:-1])
    expected = _PYTHON.get(kind)
    if expected is not None:
        return plain is expected
    # In older layers inline buttons and their rows have the type of the others: `_build` converts them.
    name = f"Type{kind.rpartition('.')[2]}"
    return isinstance(plain, str) and plain.replace("KeyboardInline", "Keyboard") == name


_PYTHON: dict[str, type] = {
    **dict.fromkeys(("int", "long", "int128", "int256"), int),
    "string": str,
    "bytes": bytes,
    "double": float,
    "true": bool,
    "Bool": bool,
}


class _Encoded:
    """The place of a member that is encoded already."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def _bytes(self) -> bytes:
        return self._data


class Table:
    """The differences of one older layer."""

    def __init__(self, number: int) -> None:
        self.number = number
        #: Constructor id → the definition, and the function that builds a Telethon object from its values.
        self.constructors: dict[int, tuple[Definition, Any]] = {}
        self._changed: dict[Any, Definition] = {}
        self._buttons: dict[Any, Definition] = {}
        text = (_DIRECTORY / f"{number}.tl").read_text("utf-8")
        constructors, methods, absent = parse_file(text)
        self._absent = {telethon_class(name) for name in absent}
        for definition in constructors:
            buttons = _button_classes(definition.name)
            if buttons is not None:
                self._buttons[buttons[1]] = definition
                self.constructors[definition.constructor_id] = (definition, partial(_build_button, *buttons))
            else:
                cls = telethon_class(definition.name)
                self._changed[cls] = bound = bind(definition, cls)
                self.constructors[definition.constructor_id] = (bound, partial(_build, cls))
        for definition in methods:
            cls = telethon_class(definition.name, method=True)
            self.constructors[definition.constructor_id] = (bind(definition, cls), partial(_build, cls))

    def encode(self, value: Any) -> bytes | None:
        """Return the bytes of a TLObject in this layer; None if it or a required member has no form there."""
        try:
            return self._encode(value)
        except EncodeError:
            return None

    def _encode(self, value: Any) -> bytes | None:
        cls: Any = type(value)
        definition = self._changed.get(cls)
        if definition is not None:
            values = {field.name: getattr(value, field.name, None) for field in definition.fields}
            return definition.write(values, self.encode, self._default)
        if cls is types.KeyboardButton or cls is types.KeyboardInlineButton:
            # A type of button that the layer does not have is left out of its row.
            definition = self._buttons.get(type(value.type))
            values = {**vars(value.type), "text": value.text, "style": value.style}
            return None if definition is None else definition.write(values, self.encode, self._default)
        if cls is types.KeyboardInlineButtonRow:
            return self.encode(types.KeyboardButtonRow(value.buttons))
        if cls in self._absent:
            # Updates, entities and actions of newer layers are left out; media become "unsupported".
            return self._argumentless(frozenset({cls.SUBCLASS_OF_ID}), ("Unsupported",))
        # The constructor is the same as Telethon's, but its members may differ.
        return bytes(self._with_encoded_members(value) if members(cls) else value)

    def _with_encoded_members(self, value: Any) -> Any:
        clone = copy.copy(value)
        cls: Any = type(value)
        for member in members(cls):
            held = getattr(value, member.name)
            if held is None:
                continue
            if member.many:
                bodies = [body for item in held if (body := self.encode(item)) is not None]
                setattr(clone, member.name, [_Encoded(body) for body in bodies])
                continue
            body = self.encode(held)
            if body is None and not member.optional:
                body = self._needed(member.allowed, type(held).__name__)
            setattr(clone, member.name, None if body is None else _Encoded(body))
        return clone

    def _default(self, type_name: str) -> bytes:
        return self._needed(type_ids(type_name), type_name)

    def _needed(self, ids: frozenset[int], type_name: str) -> bytes:
        """Return the emptiest form of a required object, such as messageActionEmpty."""
        body = self._argumentless(ids, ("Unsupported", "Empty", "Unknown", "Default", "Other"))
        if body is None:
            raise EncodeError(type_name, self.number)
        return body

    def _argumentless(self, ids: frozenset[int], endings: tuple[str, ...]) -> bytes | None:
        classes = [cls for type_id in ids for cls in _argumentless_classes().get(type_id, ())]
        for ending in endings:
            for cls in classes:
                if cls.__name__.endswith(ending) and cls not in self._absent:
                    return bytes(cls())
        return None


_DIRECTORY = Path(__file__).with_name("layers")
_NUMBERS = (198, 227)


@cache
def _load(number: int) -> Table:
    return Table(number)


def table(layer: int) -> Table:
    """Return the table of `layer`, of the next older layer that has one, or of the oldest."""
    return _load(max((number for number in _NUMBERS if number <= layer), default=_NUMBERS[0]))


@cache
def constructors() -> dict[int, tuple[Definition, Any]]:
    """Return `Table.constructors` of all tables together; no constructor id is ambiguous."""
    return {key: found for number in _NUMBERS for key, found in _load(number).constructors.items()}


@cache
def _argumentless_classes() -> dict[int, list[Any]]:
    """Return the types without arguments by SUBCLASS_OF_ID."""
    classes: dict[int, list[Any]] = {}
    for cls in tlobjects.values():
        if not issubclass(cls, TLRequest) and not arguments(cls):
            classes.setdefault(cls.SUBCLASS_OF_ID, []).append(cls)
    return classes
