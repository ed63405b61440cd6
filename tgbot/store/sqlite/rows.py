"""A user as JSON text, which is how databases keep them."""

from __future__ import annotations

import json
import json.encoder
import re
from typing import Any, Final

from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.users import Change, Profile, User

_FLAGS: Final = ("premium", "bot", "deleted")
_NUMBERS: Final = (
    *("language_at", "first_seen", "last_seen", "first_payload_id", "last_payload_id"),
    *("first_start_id", "first_message_id", "last_finished_id", "last_own_id"),
)
_OTHERS: Final = ("history", "preferences")
_KINDS: Final = {kind.value: kind for kind in Kind}
_ACCESSES: Final = {access.value: access for access in Access}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_quoted: Final = json.encoder.encode_basestring


def pack(user: User) -> str:
    """The user as compact JSON text, an object; what is empty is left out.

    `access` in it is the verdict after everything that runs out has run out; evidence is kind → one or two of
    [at, qts, until, detail], short at the end. Lone surrogates are escaped, so that any text can be stored.
    """
    # By hand: json.dumps and a dict for it take four times as long, and whoever wrote since the last
    # checkpoint is packed at the next.
    profile = user.profile
    parts = [f'{{"id":{user.id}']
    if user.counted is not None:
        parts.append(f',"access":"{user.counted}"')
    if profile.usernames:
        parts.append(f',"usernames":[{",".join(map(_quoted, profile.usernames))}]')
    if user.known_by:
        times = ",".join([f"{_quoted(via)}:{at}" for via, at in user.known_by.items()])
        parts.append(f',"known_by":{{{times}}}')
    for name, text in (
        ("first_name", profile.first_name),
        ("last_name", profile.last_name),
        ("profile_language", profile.language),
        ("language", user.language),
        ("first_payload", user.first_payload),
        ("last_payload", user.last_payload),
    ):
        if text:
            parts.append(f',"{name}":{_quoted(text)}')
    parts += [f',"{name}":{number}' for name in _NUMBERS if (number := getattr(user, name))]
    parts += [f',"{name}":true' for name in _FLAGS if getattr(profile, name)]
    parts += [f',"{name}":{json.dumps(value)}' for name in _OTHERS if (value := getattr(user, name))]
    if user.record.spans:
        spans = [
            f'"{kind}":[{_packed(first)}]'
            if first is last
            else f'"{kind}":[{_packed(first)},{_packed(last)}]'
            for kind, (first, last) in user.record.spans.items()
        ]
        parts.append(f',"evidence":{{{",".join(spans)}}}')
    packed = "".join(parts) + "}"
    return packed if packed.isascii() else _SURROGATE.sub(lambda one: f"\\u{ord(one[0]):04x}", packed)


def unpack(text: str) -> User:
    """The user that was packed; ValueError if the text is none."""
    try:
        fields: dict[str, Any] = json.loads(text)
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
        access = take("access", None)
        counted = None if access is None else _ACCESSES[access]
        record = Record()
        for name, span in take("evidence", {}).items():
            kind = _KINDS[name]
            first = _unpacked(kind, span[0])
            record.spans[kind] = (first, first if len(span) == 1 else _unpacked(kind, span[1]))
        if "history" in fields:
            fields["history"] = [Change(*change) for change in fields["history"]]
        return User(user_id, profile, **fields, record=record, counted=counted, saved=counted)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not a user: {type(error).__name__}") from error


def _packed(evidence: Evidence) -> str:
    _, at, qts, until, detail = evidence
    if detail or until is not None:
        return json.dumps([at, qts, until, detail] if detail else [at, qts, until])
    return f"[{at},{qts}]" if qts else f"[{at}]"


def _unpacked(kind: Kind, packed: list[Any]) -> Evidence:
    evidence = Evidence(kind, *packed)
    if type(evidence.at) is not int or type(evidence.qts) is not int:
        raise TypeError("evidence without a time")
    return evidence
