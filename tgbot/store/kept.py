"""What plugins keep of a user, their data and open talks: what may be kept, and how it is read again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import isfinite
from typing import Final, TypeAlias, cast

import msgspec
from msgspec.structs import replace

from tgbot.core.talks import TALK_BYTES, KeptTalk, Step
from tgbot.core.users import DATA_BYTES, JsonObject
from tgbot.store.json_text import dumps

logger = logging.getLogger(__name__)

#: Plugin → what it keeps of a user.
Data: TypeAlias = dict[str, JsonObject]
#: Marked chat id → the talk that is open there.
Talks: TypeAlias = dict[int, KeptTalk]

#: How deep lists and objects may lie in each other: reading them takes room on Python's stack.
_DEPTH: Final = 32
#: How long a number may be; each one that is kept comes back exactly.
_BITS: Final = 1024
_LATEST: Final = 253_402_300_799  # the end of the year 9999


def copy_of(data: JsonObject) -> JsonObject:
    """Return a copy of what a plugin keeps of a user."""
    return cast(JsonObject, _plain(data))


def kept_data(plugin: str, data: Mapping[str, object]) -> JsonObject:
    """Return a copy of what a plugin keeps of a user; ValueError if it is not JSON, or too long."""
    try:
        kept = _plain(data)
    except ValueError as error:
        raise ValueError(f"what {plugin} keeps of a user is not JSON: {error}") from None
    if not isinstance(kept, dict):
        raise ValueError(f"what {plugin} keeps of a user is not an object of JSON")  # noqa: TRY004 - a wrong value like the others
    if (length := _bytes(kept)) > DATA_BYTES:
        raise ValueError(f"{plugin} keeps {length} bytes of a user, and {DATA_BYTES} is the most")
    return kept


def kept_talk(talk: KeptTalk) -> KeptTalk:
    """Return a talk with copies of its values; ValueError if they are not JSON, or it is too long."""
    try:
        talk = replace(talk, steps=tuple([_kept_step(step) for step in talk.steps]))
    except ValueError as error:
        raise ValueError(f"an answer or a result in the talk {talk.name} is not JSON: {error}") from None
    if not 0 <= talk.at <= _LATEST:
        raise ValueError(f"the talk {talk.name} began at a moment that no calendar has")
    if (length := _bytes(talk)) > TALK_BYTES:
        raise ValueError(f"the talk {talk.name} takes {length} bytes, and {TALK_BYTES} is the most")
    return talk


def answers_in(talk: KeptTalk) -> int:
    """Return how many answers and results are kept in a talk."""
    return sum(step.value is not None for step in talk.steps)


def _plain(value: object, depth: int = _DEPTH) -> object:
    """Return a copy of a value as JSON has it; ValueError, which does not show it, if JSON has none."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # also of a member of an enum
    if isinstance(value, int):
        if value.bit_length() > _BITS:
            raise ValueError(f"a number is longer than {_BITS} bits")
        return int(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError("JSON has no NaN and no infinity")
        return float(value)
    if not isinstance(value, (Mapping, list, tuple)):
        raise ValueError(f"JSON has no {type(value).__name__}")  # noqa: TRY004 - as above
    if not depth:
        raise ValueError(f"lists and objects lie deeper than {_DEPTH} in each other")
    if not isinstance(value, Mapping):
        return [_plain(one, depth - 1) for one in value]
    if not all(isinstance(key, str) for key in value):
        raise ValueError("JSON has only texts as keys")
    return {str.__str__(key): _plain(one, depth - 1) for key, one in value.items()}


def _kept_step(step: Step) -> Step:
    value = step.value
    return step if value is None or type(value) is str else replace(step, value=_plain(value))


def _bytes(value: object) -> int:
    """Return how many bytes a value takes as JSON text."""
    return len(dumps(value).encode())


def data_of(unpacked: object) -> Data:
    """Return the data of plugins in an unpacked object; what cannot be read is left out, and logged."""
    found = unpacked if isinstance(unpacked, dict) else {}
    data = {name: kept for name, kept in found.items() if isinstance(kept, dict)}
    if len(data) < len(found) or found is not unpacked:
        logger.warning("what plugins keep of a user cannot be read, and is left out")
    return data


def talks_of(unpacked: object) -> Talks:
    """Return the open talks in an unpacked object; one that cannot be read is left out, and logged.

    Another version may have kept it. The user is more than a talk that nobody can go on with.
    """
    talks: Talks = {}
    for chat, kept in unpacked.items() if isinstance(unpacked, dict) else [("", None)]:
        try:
            talks[int(chat)] = msgspec.convert(kept, KeptTalk)
        except (msgspec.MsgspecError, ValueError):
            logger.warning("a talk with a user cannot be read, and has ended")
    return talks
