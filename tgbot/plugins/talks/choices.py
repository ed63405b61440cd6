"""The options of a question with buttons, and what the buttons say when they are pressed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from telethon import Button
from telethon.tl import types

from tgbot.core.talks import Json, KeptTalk
from tgbot.plugins.talks.raised import UnfitError
from tgbot.plugins.talks.steps import as_json, digest

#: What the bytes of all buttons of talks begin with.
PREFIX: Final = b"talk:"
_BYTES: Final = re.compile(rb"talk:([0-9a-f]{12}):([0-9]{1,6}):([0-9a-f]{12})")


class Press(NamedTuple):
    """What a button of a talk says when it is pressed."""

    #: The mark of its talk (`mark_of`).
    talk: str
    #: The number of the step that asks.
    step: int
    #: The mark of its option.
    option: str


def mark_of(kept: KeptTalk) -> str:
    """Return what tells a talk from others of the same user."""
    return digest(f"{kept.name} {kept.key}")


def press_of(data: bytes) -> Press | None:
    """Return what the bytes of a button say, None if they are no talk's."""
    match = _BYTES.fullmatch(data)
    return None if match is None else Press(match[1].decode(), int(match[2]), match[3].decode())


class Choices:
    """Options by their labels; what is kept of a choice is the option's value, and not its place."""

    def __init__(self, options: Iterable[str] | Mapping[str, Json]) -> None:
        given = options if isinstance(options, Mapping) else {label: label for label in options}
        self._values = {str(label): as_json(value, f"the option {label!r}") for label, value in given.items()}
        if not self._values:
            raise ValueError("a choice needs at least one option")
        self._by_mark = {_mark(value): value for value in self._values.values()}
        self._by_text = {_plain(label): value for label, value in self._values.items()}

    def __contains__(self, value: object) -> bool:
        return value in self._values.values()

    def pressed(self, mark: str) -> Json:
        """Return the value of the option with this mark; raise UnfitError if there is none."""
        if mark not in self._by_mark:
            raise UnfitError
        return self._by_mark[mark]

    def written(self, text: str) -> Json:
        """Return the value of the option with this label, in any case; raise UnfitError if there is none."""
        if _plain(text) not in self._by_text:
            raise UnfitError
        return self._by_text[_plain(text)]

    def buttons(self, talk: str, step: int, columns: int) -> list[list[types.TypeKeyboardButton]]:
        """Return the rows of buttons of the question that a step asks."""
        made = [
            Button.inline(label, PREFIX + f"{talk}:{step}:{_mark(value)}".encode())
            for label, value in self._values.items()
        ]
        return [made[start : start + columns] for start in range(0, len(made), columns)]


def _mark(value: Json) -> str:
    return digest(json.dumps(value, sort_keys=True))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
