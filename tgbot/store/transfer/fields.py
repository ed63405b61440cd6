"""What a file may say of one user: the fields, their types, and what is said of a wrong one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from tgbot.core.access import Kind
from tgbot.core.users import LANGUAGE
from tgbot.store.json_text import UNREADABLE, loads
from tgbot.store.kept import Data, Talks, kept_data, kept_talk

T = TypeVar("T")

#: What the id of a group or channel is refused with.
A_CHAT: Final = "the id is that of a group or channel: those of users are above 0"
#: The fields that are a time.
_TIMES: Final = ("language_at", "first_seen", "last_seen", "hash_seen")
_FUTURE: Final = "has a time in the future"
#: What a language code looks like.
LANGUAGE_CODE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}")


class EntryError(ValueError):
    """An entry cannot be read; the message says why, without any value of the entry."""


class FieldsError(EntryError):
    """Some fields of an entry are wrong; `wrong` has a sentence for each, and the first is the message."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__(next(iter(wrong.values())))
        self.wrong = wrong


def checked_id(value: object) -> int:
    """Return a user's id, given as a number or as text."""
    value = digits(value)
    if type(value) is not int:
        raise EntryError("the id is not a number")
    if value < 0:
        raise EntryError(A_CHAT)
    if not 0 < value < 2**63:
        raise EntryError("the id is not that of a user: those are above 0")
    return value


def digits(value: object) -> object:
    """Return the number that a text is; anything else as it is."""
    if isinstance(value, str) and len(value) < 25:
        digits = value.strip().removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() else value
    return value


def loaded(value: object) -> object:
    """Return what the JSON text in a cell of a table holds; anything else as it is."""
    try:
        return loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise PydanticCustomError("json", "is not JSON") from None


def _with_a_language(preferences: dict[str, str] | None) -> dict[str, str] | None:
    code = preferences.get(LANGUAGE) if preferences else None
    if code is not None and not LANGUAGE_CODE.fullmatch(code):
        raise PydanticCustomError("language", "has a language that is not a language code")
    return preferences


def _data(value: object) -> Data:
    """Return the data of plugins, as they could have kept them."""
    try:
        return {name: kept_data(name, kept) for name, kept in _with_floats(value, Data).items()}
    except (*UNREADABLE, ValueError):
        raise PydanticCustomError("kept", "is not what plugins keep") from None


def _talks(value: object) -> Talks:
    """Return the open talks, as they could have been kept."""
    try:
        return {chat: kept_talk(talk) for chat, talk in _with_floats(value, Talks).items()}
    except (*UNREADABLE, ValueError):
        raise PydanticCustomError("kept", "is not a list of open talks by chat") from None


def _with_floats(value: object, form: type[T]) -> T:
    """Return what JSON text in a cell, or an object, holds; in a list of objects, fractions are decimals."""
    text = value if isinstance(value, str) else json.dumps(value, default=float)
    return msgspec.convert(loads(text), form, strict=False)


# Strict numbers are checked in C; what is none of them may be their digits as text.
_Strict = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
_Digits = Annotated[int, Strict(), BeforeValidator(digits), Field(ge=0, lt=2**63)]
_Number = Annotated[_Strict | _Digits, Field(union_mode="left_to_right")]
_Time = _Number
_SignedNumber = Annotated[int, Strict(), BeforeValidator(digits), Field(ge=-(2**63), lt=2**63)]
_Flag = Annotated[bool, BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)]
_Names = Annotated[
    tuple[Annotated[str, AfterValidator(lambda name: name.removeprefix("@"))], ...],
    BeforeValidator(lambda value: value.split() if isinstance(value, str) else value),
]
_Json = BeforeValidator(loaded)


class _Seen(NamedTuple):
    at: _Time
    qts: _Number = 0
    until: _Number | None = None
    detail: str = ""


_Span = Annotated[list[_Seen], Field(min_length=1, max_length=2)]


class Fields(BaseModel):
    """One user; times are unix seconds. The names, in this order, are the columns of a CSV file."""

    # Every start of the bot imports this module, and few bots import users.
    model_config = ConfigDict(defer_build=True)

    id: Annotated[int, BeforeValidator(checked_id)]
    #: Whose user: ids of messages and access hashes are worthless to another bot.
    bot_id: _Number = 0
    #: What follows from the evidence; for the reader, an import ignores it.
    access: object = None
    first_name: str = ""
    last_name: str = ""
    usernames: _Names = ()
    #: The last language an update named, and when.
    language: str = ""
    language_at: _Time = 0
    profile_language: str = ""
    premium: _Flag = False
    bot: _Flag = False
    deleted: _Flag = False
    first_seen: _Time = 0
    #: When the profile was seen.
    last_seen: _Time = 0
    #: How the user became known → when.
    known_by: Annotated[dict[str, _Time] | None, _Json] = None
    first_payload: str = ""
    last_payload: str = ""
    first_payload_id: _Number = 0
    last_payload_id: _Number = 0
    first_start_id: _Number = 0
    first_message_id: _Number = 0
    last_finished_id: _Number = 0
    greeted_access_id: _Number = 0
    #: Kind → one or two of [at, qts, until, detail]: the first and the last.
    evidence: Annotated[dict[Kind, _Span] | None, _Json] = None
    #: [at, field, old] each.
    history: Annotated[tuple[tuple[_Time, str, str], ...], _Json] = ()
    preferences: Annotated[dict[str, str] | None, _Json, AfterValidator(_with_a_language)] = None
    #: Marked chat id → when.
    join_requests: Annotated[dict[_SignedNumber, _Time] | None, _Json] = None
    #: Plugin → what it keeps of the user, and marked chat id → the open talk there.
    data: Annotated[Data | None, PlainValidator(_data)] = None
    talks: Annotated[Talks | None, PlainValidator(_talks)] = None
    #: What the session has of the user; the hash is text, since it takes 64 bits.
    access_hash: _SignedNumber = 0
    hash_seen: _Time | None = None
    hash_usernames: _Names | None = None
    hash_name: str = ""
    hash_phone: str = ""


#: The columns of a CSV file, in order.
COLUMNS: Final = tuple(Fields.model_fields)

#: Type of a pydantic error → what is wrong with a field.
_WRONG: Final = {
    "string_type": "is not text",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "int_type": "is not a whole number",
    "greater_than_equal": "is out of range",
    "less_than": "is out of range",
    "dict_type": "is not an object",
}
#: Field → what is wrong with it, wherever in it the error is.
_SHAPES: Final = {
    "usernames": "is not a list of texts",
    "hash_usernames": "is not a list of texts",
    "evidence": "is not one or two of [at, qts, until, detail]",
    "history": "is not a list of [at, field, old]",
    "preferences": "holds something other than text",
}
_KEYS: Final = {
    "evidence": "has a kind that is not known",
    "join_requests": "has a chat id that is not a number",
}


def _sentence(error: ErrorDetails) -> str:
    """Return what is wrong with which field."""
    kind, (field, *parts) = error["type"], error["loc"]
    inner = [part for part in parts if not str(part).startswith(("constrained-int", "function-before"))]
    name = str(field)
    if name == "id":
        return str(error["ctx"]["error"]) if "ctx" in error else "no id"
    if kind in ("json", "language", "kept"):
        return f"{name} {error['msg']}"
    if "[key]" in inner and name in _KEYS:
        return f"{name} {_KEYS[name]}"
    if name in _SHAPES and (inner or kind != "dict_type"):
        return f"{name} {_SHAPES[name]}"
    return f"{name} {'has a time that ' if inner else ''}{_WRONG.get(kind, 'cannot be understood')}"


def checked(given: Mapping[str, object], latest: int) -> Fields:
    """Return the fields of an object. Raise FieldsError for wrong types, and for times after `latest`."""
    wrong: dict[str, str] = {}
    try:
        valid = Fields.model_validate(given)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            wrong.setdefault(str(one["loc"][0]), _sentence(one))
        raise FieldsError(wrong) from None
    if ahead := _ahead(valid, latest):
        raise FieldsError({name: f"{name} {_FUTURE}" for name in ahead})
    return valid


def _ahead(valid: Fields, latest: int) -> list[str]:
    """Return the fields with a time after `latest`."""
    found = valid.__dict__
    names = [name for name in _TIMES if (found[name] or 0) > latest]
    moments = (("known_by", valid.known_by), ("join_requests", valid.join_requests))
    names += [name for name, times in moments if times and max(times.values()) > latest]
    if any(seen.at > latest for span in (valid.evidence or {}).values() for seen in span):
        names.append("evidence")
    if any(at > latest for at, *_ in valid.history):
        names.append("history")
    if any(talk.at > latest for talk in (valid.talks or {}).values()):
        names.append("talks")
    return names
