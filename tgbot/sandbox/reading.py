"""Requests of every layer: from the definition that has a constructor id to Telethon's object."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from telethon.tl import TLRequest, functions, types

from . import catalogue
from .conversions import RENAMED, bind
from .schema import Definition
from .signatures import arguments, is_optional, plain_annotation, telethon_class

#: From the values of a definition to Telethon's object.
Build = Callable[[dict[str, Any]], Any]

# Buttons: until layer 228 each kind of button is a constructor of one type, KeyboardButton;
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


@cache
def reading(constructor_id: int) -> tuple[Definition, Build] | None:
    """Return the definition of an id of older layers, and what builds Telethon's object of its values.

    None if no listed layer has the id, or nothing of Telethon's has the same meaning.
    """
    entry = catalogue.entries().get(constructor_id)
    if entry is None:
        return None
    definition = entry.definition
    buttons = None if entry.method else _button_classes(entry.name)
    if buttons is not None:
        return definition, partial(_build_button, *buttons)
    cls = telethon_class(RENAMED.get(entry.name, entry.name), method=entry.method)
    return None if cls is None else (bind(definition, cls), partial(_build, cls))


def _build(cls: Any, values: dict[str, Any]) -> Any:
    given = {}
    if cls is functions.messages.SetChatThemeRequest and (emoticon := values.get("-emoticon")) is not None:
        # Until layer 211 a theme is named by its emoticon alone, and none by an empty one.
        theme = types.InputChatTheme(emoticon) if emoticon else types.InputChatThemeEmpty()
        values = {**values, "theme": theme}
    for name, annotation in arguments(cls).items():
        value = values.get(name)
        if value is None and not is_optional(annotation):
            plain = plain_annotation(annotation)
            if not isinstance(plain, str):
                value = [] if typing.get_origin(plain) is list else plain()
            elif not issubclass(cls, TLRequest):
                raise ValueError("a required object is missing")
            # A method that had not this argument yet can be named, and so it is refused by its name.
        given[name] = value
    number = values.get("-reply_to_msg_id") or values.get("-top_msg_id")
    if number and "reply_to" in given:
        # Until layer 158 the message to reply to is a number of the request itself.
        given["reply_to"] = types.InputReplyToMessage(number, top_msg_id=values.get("-top_msg_id"))
    if cls is types.InputMediaPoll and "-correct_answers" in values:
        given["correct_answers"] = _numbers(given["poll"], values["-correct_answers"])
    value = cls(**given)
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


def _numbers(poll: Any, options: list[bytes] | None) -> list[int] | None:
    """Return the places of the right answers, which are named by their options until layer 223."""
    if options is None or not isinstance(poll, types.Poll):
        return None
    places = {getattr(answer, "option", None): place for place, answer in enumerate(poll.answers)}
    # An option that is not there is a place that is not there: it is refused as such.
    return [places.get(option, len(poll.answers)) for option in options]
