"""A user's JSON text as a row of `tgbot.users`: the columns that are asked by, and the JSON that keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from tgbot.core.access import Access
from tgbot.core.broadcasts import NEWS, NO_NEWS
from tgbot.core.users import LANGUAGE
from tgbot.store.json_text import UNREADABLE, loads

#: What JSONB refuses: a NUL, and half a surrogate pair.
_NO_TEXT: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
#: Numbers that JSONB gives back in another form: as an integer, or without their sign. A text may look like
#: one, and is kept as it is for that.
_NO_NUMBER: Final = re.compile(r"\d[eE][+-]?\d|-0(?:\.0+)?(?![.\d])")
_ACCESSES: Final = frozenset(access.value for access in Access)
_MOST: Final = 2**63 - 1
_new: Final = tuple.__new__  # of a NamedTuple: its own __new__ is a function in Python


class UserColumns(NamedTuple):
    """A row of `tgbot.users`, in the order of its columns."""

    id: int
    #: The access under which the user is counted; None for somebody who is not.
    access: str | None
    #: The language that the bot would speak; "" where none is known, or a column cannot hold it.
    language: str
    last_seen: int
    #: Whether the user wants no broadcasts.
    declines: bool
    #: The text for JSONB; None where that would not give it back as it is.
    value: str | None
    #: The text in that case, to be kept letter by letter.
    exact: str | None


#: What a text does not have.
_ABSENT: Final = msgspec.Raw()


class _Talk(msgspec.Struct, gc=False):
    steps: msgspec.Raw = _ABSENT


class _Asked(msgspec.Struct, gc=False):
    """What decides on the columns, read out of a text in a small part of the time that all of it takes."""

    access: str | None = None
    language: str | None = None
    last_seen: int = 0
    preferences: dict[str, str] = {}
    # Where the order of an object, and the form of a number, mean something.
    join_requests: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT
    talks: dict[str, _Talk] = {}


_decode: Final = msgspec.json.Decoder(_Asked).decode


def columns_of(user_id: int, text: str) -> UserColumns:
    """Return the row of a user as `user_json.pack` has them; a text that holds no user is kept as it is."""
    try:
        asked = _decode(text)
    except UNREADABLE:  # it holds half a surrogate pair, or no user
        asked, exact = _slowly_asked(text), True
    else:
        exact = bool("\\u" in text and _NO_TEXT.search(text))
        if asked.join_requests is not _ABSENT or asked.data is not _ABSENT or asked.talks:  # few have any
            parts = (asked.join_requests, asked.data, *[talk.steps for talk in asked.talks.values()])
            exact = exact or any(part is not _ABSENT and _is_changed(part) for part in parts)
    access, language, last_seen, preferences = (
        asked.access, asked.language or "", asked.last_seen, asked.preferences
    )  # fmt: skip
    declines = False
    if preferences:
        language = preferences.get(LANGUAGE) or language
        declines = preferences.get(NEWS) == NO_NEWS
    if access not in _ACCESSES:
        access = None
    if not language.isprintable():
        language = ""
    if not 0 <= last_seen <= _MOST:
        last_seen = min(max(last_seen, 0), _MOST)
    kept = (None, text) if exact else (text, None)
    return _new(UserColumns, (user_id, access, language, last_seen, declines, *kept))


def text_of(value: str | None, exact: str | None) -> str:
    """Return the text of the user in a row; one that holds no user for a row without any."""
    return exact or value or ""


def _slowly_asked(text: str) -> _Asked:
    asked = _Asked()
    with suppress(ValueError, RecursionError, msgspec.MsgspecError):
        found = loads(text)
        if isinstance(found, dict):
            known = {
                name: found[name]
                for name in ("access", "language", "last_seen", "preferences")
                if name in found
            }
            asked = msgspec.convert(known, _Asked)
    return asked


def _is_changed(part: msgspec.Raw) -> bool:
    """Return whether JSONB would give this JSON back in another order, or a number in it in another form."""
    packed = bytes(part)
    if _NO_NUMBER.search(packed.decode()):
        return True
    return any(_is_reordered(one) for one in _objects(loads(packed)))


def _is_reordered(value: dict[str, object]) -> bool:
    """Return whether the keys of an object are in another order than JSONB's: the shorter first."""
    keys = [key.encode() for key in value]
    return keys != sorted(keys, key=lambda key: (len(key), key))


def _objects(value: object) -> Iterator[dict[str, object]]:
    """Yield all objects in a value, also those in others."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _objects(one)
