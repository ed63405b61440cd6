"""Answers to clients of older layers: from Telethon's objects to the bytes of the layer."""

from __future__ import annotations

import copy
import re
from functools import cache
from typing import Any

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.alltlobjects import LAYER, tlobjects

from . import catalogue
from .conversions import CHANGED_RESULTS, OLDER_NAMES, RESULTS, bind
from .schema import Definition
from .signatures import arguments, members, method_name, type_ids

_BUTTON_TYPE = re.compile(r"(Input)?(Inline)?ButtonType(\w+)")


class EncodeError(Exception):
    """The value has no form in the client's layer."""

    def __init__(self, type_name: str, layer: int) -> None:
        super().__init__(f"{type_name} has no form in layer {layer}")


class _Encoded:
    """The place of a member that is encoded already."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def _bytes(self) -> bytes:
        return self._data


class Table:
    """What one listed layer has."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._entries = catalogue.names(number)
        self._ids = frozenset(entry.constructor_id for entry in self._entries.values())
        self._known: dict[Any, Definition | bool] = {}
        self._plain_buttons = "buttonTypeDefault" not in self._entries

    def encode(self, value: Any) -> bytes | None:
        """Return the bytes of a TLObject in this layer; None if it or a required member has no form there."""
        try:
            return self._encode(value)
        except EncodeError:
            return None

    def _encode(self, value: Any) -> bytes | None:
        cls: Any = type(value)
        if self._plain_buttons:
            if cls is types.KeyboardButton or cls is types.KeyboardInlineButton:
                # A type of button that the layer does not have is left out of its row.
                entry = self._entries.get(_button_name(type(value.type)))
                values = {**vars(value.type), "text": value.text, "style": value.style}
                if entry is None:
                    return None
                return entry.definition.write(values, self.encode, self._default)
            if cls is types.KeyboardInlineButtonRow:
                return self.encode(types.KeyboardButtonRow(value.buttons))
        form = self._form(cls)
        if form is True:
            # The constructor is the same as Telethon's, but its members may differ.
            return bytes(self._with_encoded_members(value) if members(cls) else value)
        if isinstance(form, Definition):
            values = {field.name: getattr(value, field.name, None) for field in form.fields}
            return form.write(values, self.encode, self._default)
        # Updates, entities and actions of newer layers are left out; media become "unsupported".
        return self._argumentless(frozenset({cls.SUBCLASS_OF_ID}), ("Unsupported",))

    def _form(self, cls: Any) -> Definition | bool:
        """Return True for Telethon's constructor, the layer's own definition, or False if it has none."""
        known = self._known.get(cls)
        if known is None:
            known = self._known[cls] = self._find(cls)
        return known

    def _find(self, cls: Any) -> Definition | bool:
        entry = catalogue.entries().get(cls.CONSTRUCTOR_ID)
        if entry is None or cls.CONSTRUCTOR_ID in self._ids:
            return True  # Types of the protocol itself are in no layer.
        older = self._entries.get(entry.name)
        if older is None:
            older = self._entries.get(OLDER_NAMES.get(entry.name, ""))
        return False if older is None else bind(older.definition, cls)

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
        return self._needed(type_ids(type_name.rpartition(".")[2]), type_name)

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
                if cls.__name__.endswith(ending) and self._form(cls) is True:
                    return bytes(cls())
        return None


def _button_name(kind: type) -> str:
    """Return the name of the older button for one of Telethon's button types."""
    match = _BUTTON_TYPE.fullmatch(kind.__name__)
    assert match is not None, "a button has a button type"
    return f"{'inputK' if match[1] else 'k'}eyboardButton{'' if match[3] == 'Default' else match[3]}"


@cache
def table(layer: int) -> Table:
    """Return the table of a listed layer; raise EncodeError for any other."""
    if layer not in catalogue.listed():
        raise EncodeError("anything", layer)
    return Table(layer)


def result(layer: int, request: TLRequest, answer: object) -> object:
    """Return the answer to `request` as the type that the method returns in the client's layer."""
    name = method_name(type(request))
    if name not in CHANGED_RESULTS or layer >= LAYER or not isinstance(answer, TLObject):
        return answer
    methods = catalogue.names(layer, method=True)
    entry = methods.get(name) or methods.get(OLDER_NAMES.get(name, ""))
    rule = None if entry is None else RESULTS.get((name, entry.definition.result))
    return answer if rule is None else rule(answer)


@cache
def _argumentless_classes() -> dict[int, list[Any]]:
    """Return the types without arguments by SUBCLASS_OF_ID."""
    classes: dict[int, list[Any]] = {}
    for cls in tlobjects.values():
        if not issubclass(cls, TLRequest) and not arguments(cls):
            classes.setdefault(cls.SUBCLASS_OF_ID, []).append(cls)
    return classes
