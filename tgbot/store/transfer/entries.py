"""What a file of users says of one of them."""

from __future__ import annotations

import json.encoder
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    Strict,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from tgbot.core.access import Evidence, Kind, Record
from tgbot.core.users import HISTORY_LENGTH, JOIN_REQUESTS_KEPT, LANGUAGE, Profile, UserFields, Way
from tgbot.store.peers import Peer
from tgbot.store.transfer.cells import CellError, flag_of, guarded, names_of, number_of, text_of, time_of
from tgbot.store.transfer.columns import layout, plain
from tgbot.store.user_json import PackedUser, dumps, loads, modernise, user_of

#: How far ahead of this machine's clock a time may lie, in seconds. Evidence from the future would outweigh
#: all that comes until then.
_AHEAD: Final = 24 * 60 * 60
#: The fields that are a time.
_TIMES: Final = ("language_at", "first_seen", "last_seen", "hash_seen")
#: What the id of a group or channel is refused with.
A_CHAT: Final = "the id is that of a group or channel: those of users are above 0"
_quoted: Final = json.encoder.encode_basestring_ascii
_FUTURE: Final = "has a time in the future"
_LANGUAGE_CODE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}")


class EntryError(ValueError):
    """An entry cannot be read; the message says why, without any value of the entry."""


@dataclass(slots=True)
class Entry:
    """What a file has of one user, or a session of one chat."""

    #: The marked id.
    id: int
    #: None for a chat, and for the bot itself.
    user: UserFields | None
    peer: Peer | None = None
    #: Whether the file has no more of the profile than one name and the usernames.
    partial: bool = False


# ---- what an object may hold ---------------------------------------------------------------------


def checked_id(value: object) -> int:
    """Return a user's id, given as a number or as text."""
    value = _digits(value)
    if type(value) is not int:
        raise EntryError("the id is not a number")
    if value < 0:
        raise EntryError(A_CHAT)
    if not 0 < value < 2**63:
        raise EntryError("the id is not that of a user: those are above 0")
    return value


def _digits(value: object) -> object:
    """Return the number that a text is; anything else as it is."""
    if isinstance(value, str) and len(value) < 25:
        digits = value.strip().removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() else value
    return value


def _loaded(value: object) -> object:
    """Return what the JSON text in a cell of a table holds; anything else as it is."""
    try:
        return loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise PydanticCustomError("json", "is not JSON") from None


def _with_a_language(preferences: dict[str, str] | None) -> dict[str, str] | None:
    code = preferences.get(LANGUAGE) if preferences else None
    if code is not None and not _LANGUAGE_CODE.fullmatch(code):
        raise PydanticCustomError("language", "has a language that is not a language code")
    return preferences


# Strict numbers are checked in C; what is none of them may be their digits as text.
_Strict = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
_Digits = Annotated[int, Strict(), BeforeValidator(_digits), Field(ge=0, lt=2**63)]
_Number = Annotated[_Strict | _Digits, Field(union_mode="left_to_right")]
_Time = _Number
_SignedNumber = Annotated[int, Strict(), BeforeValidator(_digits), Field(ge=-(2**63), lt=2**63)]
_Flag = Annotated[bool, BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)]
_Names = Annotated[
    tuple[Annotated[str, AfterValidator(lambda name: name.removeprefix("@"))], ...],
    BeforeValidator(lambda value: value.split() if isinstance(value, str) else value),
]
_Json = BeforeValidator(_loaded)


class _Seen(NamedTuple):
    at: _Time
    qts: _Number = 0
    until: _Number | None = None
    detail: str = ""


_Span = Annotated[list[_Seen], Field(min_length=1, max_length=2)]


class _Fields(BaseModel):
    """One user; times are unix seconds. The names, in this order, are the columns of a CSV file."""

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
    #: What the session has of the user; the hash is text, since it takes 64 bits.
    access_hash: _SignedNumber = 0
    hash_seen: _Time | None = None
    hash_usernames: _Names | None = None
    hash_name: str = ""
    hash_phone: str = ""


#: The columns of a CSV file, in order.
COLUMNS: Final = tuple(_Fields.model_fields)
_NOT_OF_USER: Final = frozenset({"bot_id", "access", *COLUMNS[COLUMNS.index("access_hash") :]})

_OURS: Final = frozenset(COLUMNS)
_PLACES: Final = {name: place for place, name in enumerate(COLUMNS)}
#: Cells without which a row cannot be used.
_NEEDED: Final = frozenset({"id", "bot_id"})
#: Column → how its cells are read, where they are not text.
_READERS: Final[dict[str, Callable[[str], object]]] = {
    **{name: number_of for name in COLUMNS if name == "id" or name.endswith("_id")},
    **{name: time_of for name in COLUMNS if name.endswith(("_at", "_seen"))},
    **dict.fromkeys(("premium", "bot", "deleted"), flag_of),
    **dict.fromkeys(("usernames", "hash_usernames"), names_of),
    "access_hash": number_of,
}

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
    if kind in ("json", "language"):
        return f"{name} {error['msg']}"
    if "[key]" in inner and name in _KEYS:
        return f"{name} {_KEYS[name]}"
    if name in _SHAPES and (inner or kind != "dict_type"):
        return f"{name} {_SHAPES[name]}"
    return f"{name} {'has a time that ' if inner else ''}{_WRONG.get(kind, 'cannot be understood')}"


# ---- from a file ---------------------------------------------------------------------------------


def from_fields(fields: Mapping[str, object], now: int, bot_id: int, id_name: str = "") -> Entry:
    """Return the entry of an object; `id_name` is the name of the field with the id, where it was given.

    An empty value says nothing, and fields with other names are ignored. Raise EntryError for what cannot be
    understood, for a user of another bot than `bot_id`, and for times more than a day after `now`.
    """
    if id_name or not fields.keys() <= _OURS:
        fields = _renamed(fields, id_name)
    given = {
        name: value
        for name, value in fields.items()
        if value or isinstance(value, int) or name == "hash_usernames"
    }
    _take_out_of_preferences(given)
    try:
        valid = _Fields.model_validate(given)
    except ValidationError as error:
        raise EntryError(_sentence(error.errors(include_url=False)[0])) from None
    for name in _ahead(valid, now + _AHEAD):
        raise EntryError(f"{name} {_FUTURE}")
    return _entry(valid, bot_id)


def from_cells(cells: Mapping[str, str], now: int, bot_id: int, unclear: Callable[[str, str], None]) -> Entry:
    """Return the entry of a row of a table: our column → what its cell holds.

    A cell that cannot be understood is left out; `unclear` is told its column and why. Raise EntryError where
    it is the id's, or the bot's, and for a user of another bot than `bot_id`.
    """
    given: dict[str, object] = {"hash_usernames": ()} if "hash_usernames" in cells else {}
    for name, cell in cells.items():
        if cell:
            try:
                value = _READERS.get(name, text_of)(cell)
            except CellError as error:
                if name in _NEEDED:
                    raise EntryError(f"{'the id' if name == 'id' else name} {error}") from None
                unclear(name, str(error))
                continue
            if value is not None:
                given[name] = value
    try:
        _take_out_of_preferences(given)
    except EntryError as error:
        unclear("preferences", str(error))
        del given["preferences"]
    while True:
        try:
            valid = _Fields.model_validate(given)
        except ValidationError as invalid:
            wrong = {str(one["loc"][0]): _sentence(one) for one in invalid.errors(include_url=False)}
        else:
            wrong = {name: f"{name} {_FUTURE}" for name in _ahead(valid, now + _AHEAD)}
            if not wrong:
                return _entry(valid, bot_id)
        for name in _NEEDED & wrong.keys():
            raise EntryError(wrong[name])
        for name, said in wrong.items():
            unclear(name, said.removeprefix(f"{name} "))
            del given[name]


def _ahead(valid: _Fields, latest: int) -> list[str]:
    """Return the fields with a time after `latest`."""
    found = valid.__dict__
    names = [name for name in _TIMES if (found[name] or 0) > latest]
    moments = (("known_by", valid.known_by), ("join_requests", valid.join_requests))
    names += [name for name, times in moments if times and max(times.values()) > latest]
    if any(seen.at > latest for span in (valid.evidence or {}).values() for seen in span):
        names.append("evidence")
    if any(at > latest for at, *_ in valid.history):
        names.append("history")
    return names


def _renamed(fields: Mapping[str, object], id_name: str) -> dict[str, object]:
    """Return the fields under our names."""
    names, values = tuple(fields), list(fields.values())
    found = layout(names, COLUMNS, id_name)
    renamed = {name: values[place] for name, place in found.fields.items()}
    for place in found.ids:
        value = _digits(values[place])
        if value != renamed.setdefault("id", value) and isinstance(value, int) and value > 0:
            both = f"{plain(names[found.ids[0]])} and {plain(names[place])}"
            raise EntryError(f"{both} are different ids: choose one with --id")
    return renamed


def _take_out_of_preferences(given: dict[str, object]) -> None:
    """Put what older versions kept among the preferences into its fields, to be checked like them."""
    if "preferences" not in given:
        return
    try:
        loaded = _loaded(given["preferences"])
    except PydanticCustomError:
        return  # what is not JSON is refused with the rest
    if isinstance(loaded, dict):
        given["preferences"] = dict(loaded)
        try:
            modernise(given)
        except (ValueError, AttributeError, TypeError):
            raise EntryError("preferences holds join requests that cannot be read") from None


def _entry(valid: _Fields, bot_id: int) -> Entry:
    if valid.bot_id not in (0, bot_id):
        raise EntryError("bot_id is another bot's, whose access hashes and message ids mean nothing here")
    read = valid.__dict__
    user = user_of({name: read[name] for name in valid.model_fields_set - _NOT_OF_USER})
    user.evidence = Record(user.evidence)
    if user.history:
        del user.history[:-HISTORY_LENGTH]
    if len(user.join_requests) > 1:
        requests = sorted(user.join_requests.items(), key=lambda request: request[1])
        user.join_requests = dict(requests[-JOIN_REQUESTS_KEPT:])
    for flag, kind in ((user.profile.bot, Kind.IS_BOT), (user.profile.deleted, Kind.DELETED)):
        if flag and kind not in user.evidence.spans:
            user.evidence.add(Evidence(kind, user.last_seen))
    return Entry(user.id, user, _peer(valid, user) if valid.access_hash else None)


def from_id(value: object) -> Entry:
    """Return the entry of a user of whom the file has only the id."""
    user_id = checked_id(value)
    return Entry(user_id, UserFields(user_id, Profile(user_id)))


def from_peer(marked_id: int, peer: Peer, bot_id: int, now: int) -> Entry:
    """Return the entry of a session's row: an access hash, one name, usernames and when they were seen."""
    if marked_id <= 0 or marked_id == bot_id:
        return Entry(marked_id, None, peer)
    seen = min(peer.seen, now)
    profile = Profile(marked_id, peer.title or "", usernames=peer.names)
    known_by = {Way.IMPORT: seen or now}
    user = UserFields(marked_id, profile, first_seen=seen, last_seen=seen, known_by=known_by)
    return Entry(marked_id, user, peer if peer.access_hash else None, partial=True)


def _peer(read: _Fields, user: UserFields) -> Peer:
    names = user.profile.usernames if read.hash_usernames is None else read.hash_usernames
    title = _writable(read.hash_name or f"{user.profile.first_name} {user.profile.last_name}".strip())
    seen = user.last_seen if read.hash_seen is None else read.hash_seen
    lowered = tuple(_writable(name).lower() for name in names)
    return Peer(read.access_hash, lowered, _writable(read.hash_phone) or None, title or None, seen)


def _writable(text: str) -> str:
    """Return a text as a session can hold it, with "?" in the place of lone surrogates."""
    return text if text.isascii() else text.encode(errors="replace").decode()


# ---- to a file -----------------------------------------------------------------------------------


def to_json(user: PackedUser, peer: Peer | None, bot_id: int | None) -> str:
    """Return the user as one line of JSON, without its line break."""
    more = "" if bot_id is None else f',"bot_id":{bot_id}'
    if peer is not None:
        names = ",".join(map(_quoted, peer.names))
        more += f',"access_hash":"{peer.access_hash}","hash_seen":{peer.seen},"hash_usernames":[{names}]'
        more += f',"hash_name":{_quoted(peer.title)}' if peer.title else ""
        more += f',"hash_phone":{_quoted(str(peer.phone))}' if peer.phone else ""
    return f"{user.text[:-1]}{more}}}"


def to_cells(user: PackedUser, peer: Peer | None, bot_id: int | None) -> list[str]:
    """Return the user as a row under `COLUMNS`."""
    fields = {**user.fields, "bot_id": bot_id}
    if peer is not None:
        fields |= {"access_hash": peer.access_hash, "hash_seen": peer.seen, "hash_usernames": peer.names}
        fields |= {"hash_name": peer.title, "hash_phone": peer.phone}
    row = [""] * len(COLUMNS)
    for name, value in fields.items():
        if value is not None:
            row[_PLACES[name]] = _cell(value)
    return row


def _cell(value: object) -> str:
    if type(value) is int:
        return str(value) if 0 <= value < 10**15 else guarded(str(value))
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return guarded(" ".join(value))
    return dumps(value)
