"""A user as JSON text, which is how every store and every exported file keeps them."""

from __future__ import annotations

import json
import json.encoder
import re
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

from pydantic_core import from_json, to_json

from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.users import Change, Profile, UserFields, Way
from tgbot.store.record import UserRecord

_FLAGS: Final = ("premium", "bot", "deleted")
_NUMBERS: Final = (
    *("language_at", "first_seen", "last_seen", "first_payload_id", "last_payload_id"),
    *("first_start_id", "first_message_id", "last_finished_id", "greeted_access_id"),
)
_OTHERS: Final = ("history", "preferences", "join_requests")
_TEXTS: Final = ("language", "first_payload", "last_payload")
_VALUES: Final = attrgetter(*_TEXTS, *_NUMBERS, *_OTHERS)
#: The names in a packed user.
_NAMES: Final = frozenset(
    {"id", "access", "usernames", "known_by", "evidence", "first_name", "last_name", "profile_language"}
    | {*_FLAGS, *_NUMBERS, *_OTHERS, *_TEXTS}
)
#: What older versions kept among the preferences.
_OLDER: Final = frozenset({"join_requests", "greeted_for_access"})
_KINDS: Final = {kind.value: kind for kind in Kind}
_ACCESSES: Final = {access.value: access for access in Access}
_WAYS: Final = {way.value: way for way in Way}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_quoted: Final = json.encoder.encode_basestring


class PackedUser(NamedTuple):
    """A user as packed text, and the object in it."""

    text: str
    fields: dict[str, Any]

    @property
    def met(self) -> bool:
        """Whether the bot met the user (see `User.met`)."""
        return bool(self.fields.get("known_by") or self.fields.get("evidence"))


def loads(text: str | bytes) -> object:
    """Return what JSON text holds; ValueError if it is not JSON, RecursionError if it is too deep."""
    try:
        return cast(object, from_json(text))  # twice as quick
    except ValueError:
        return cast(object, json.loads(text))  # it also reads lone surrogates


def dumps(value: object) -> str:
    """Return a value as JSON text."""
    try:
        return to_json(value).decode()  # seven times as quick
    except ValueError:
        return json.dumps(value)  # it also writes lone surrogates


def pack(user: UserFields, access: Access | None = None) -> str:
    """Return the user as compact JSON text, an object without empty values.

    `access` is the access under which the user is counted, the verdict once every permission that ends by
    itself has ended. Evidence is kind → one or two of [at, qts, until, detail], without default values at the
    end. Lone surrogates are escaped, so that any text can be stored.
    """
    # Written by hand, because json.dumps with a dict takes four times as long, and each checkpoint packs
    # every user who wrote since the one before.
    profile = user.profile
    parts = [f'{{"id":{user.id}']
    if access is not None:
        parts.append(f',"access":"{access}"')
    if profile.usernames:
        parts.append(f',"usernames":[{",".join(map(_quoted, profile.usernames))}]')
    if user.known_by:
        times = ",".join([f'"{via}":{at}' for via, at in user.known_by.items()])
        parts.append(f',"known_by":{{{times}}}')
    for name, text in (
        ("first_name", profile.first_name),
        ("last_name", profile.last_name),
        ("profile_language", profile.language),
    ):
        if text:
            parts.append(f',"{name}":{_quoted(text)}')
    values = _VALUES(user)
    parts += [f',"{name}":{_quoted(text)}' for name, text in zip(_TEXTS, values, strict=False) if text]
    parts += [f',"{name}":{number}' for name, number in zip(_NUMBERS, values[3:], strict=False) if number]
    if profile.premium or profile.bot or profile.deleted:
        parts += [f',"{name}":true' for name in _FLAGS if getattr(profile, name)]
    parts += [
        f',"{name}":{json.dumps(value)}' for name, value in zip(_OTHERS, values[-3:], strict=True) if value
    ]
    if user.evidence.spans:
        spans = [
            f'"{kind}":[{_packed(first)}]'
            if first is last
            else f'"{kind}":[{_packed(first)},{_packed(last)}]'
            for kind, (first, last) in user.evidence.spans.items()
        ]
        parts.append(f',"evidence":{{{",".join(spans)}}}')
    packed = "".join(parts) + "}"
    return packed if packed.isascii() else _SURROGATE.sub(lambda one: f"\\u{ord(one[0]):04x}", packed)


def refreshed(text: str) -> PackedUser:
    """Return a user that was packed, also by an older version, as `pack` writes them now.

    Raise ValueError if the text holds none. This takes a quarter of the time of `unpack` and `pack`.
    """
    try:
        fields = cast(dict[str, Any], loads(text))
        if (
            fields.keys() <= _NAMES
            and fields.get("evidence", _KINDS).keys() <= _KINDS.keys()
            and fields.get("known_by", _WAYS).keys() <= _WAYS.keys()
            and _OLDER.isdisjoint(fields.get("preferences", ()))
            and type(fields["id"]) is int
        ):
            return PackedUser(text, fields)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not a user: {type(error).__name__}") from error
    record = unpack(text)
    text = pack(record.fields, record.counted)
    return PackedUser(text, cast(dict[str, Any], loads(text)))


def unpack(text: str) -> UserRecord:
    """Return the user that was packed, also by an older version; ValueError if the text holds none."""
    try:
        fields = cast(dict[str, Any], loads(text))
        access = fields.pop("access", None)
        return UserRecord(user_of(fields), None if access is None else _ACCESSES[access])
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not a user: {type(error).__name__}") from error


def user_of(unpacked: dict[str, object]) -> UserFields:
    """Return the user of an unpacked object without `access`, which is used up."""
    fields: dict[str, Any] = unpacked
    take = fields.pop
    user_id = take("id")
    profile = Profile(
        user_id,
        take("first_name", ""),
        take("last_name", ""),
        tuple(take("usernames", ())),
        take("profile_language", None),
        *[take(name, False) for name in _FLAGS],
    )
    evidence = Record()
    spans = evidence.spans
    for name, span in take("evidence", {}).items():
        kind = _KINDS[name]
        first = last = Evidence(kind, *span[0])
        if len(span) > 1:
            last = Evidence(kind, *span[1])
        if not (type(first.at) is type(first.qts) is type(last.at) is type(last.qts) is int):
            raise TypeError("evidence without a time")
        spans[kind] = (first, last)
    known_by: dict[Way, int] = {}
    for name, at in take("known_by", {}).items():
        way = _WAYS.get(name, Way.OTHER)
        known_by[way] = min(at, known_by.get(way, at))
    if "history" in fields:
        fields["history"] = [Change(*change) for change in fields["history"]]
    if "join_requests" in fields:
        fields["join_requests"] = {int(chat): at for chat, at in fields["join_requests"].items()}
    modernise(fields)
    return UserFields(user_id, profile, evidence=evidence, known_by=known_by, **fields)


def modernise(fields: dict[str, object]) -> None:
    """Put what older versions stored elsewhere into its field, and drop what nothing needs any more."""
    fields.pop("last_own_id", None)
    preferences = fields.get("preferences")
    if isinstance(preferences, dict):
        if requests := preferences.pop("join_requests", None):
            pairs = (one.split(":") for one in requests.split())
            fields.setdefault("join_requests", {int(chat): int(at) for chat, at in pairs})
        if greeted := preferences.pop("greeted_for_access", None):
            fields.setdefault("greeted_access_id", int(greeted))


def _packed(evidence: Evidence) -> str:
    _, at, qts, until, detail = evidence
    if detail or until is not None:
        return json.dumps([at, qts, until, detail] if detail else [at, qts, until])
    return f"[{at},{qts}]" if qts else f"[{at}]"
