"""Login data of Telegram's widget: read from a query string, checked against the bot's token. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

REQUIRED: Final = ("id", "first_name", "auth_date", "hash")
#: Seconds by which Telegram's clock may be ahead of ours.
SKEW: Final = 60

_ANY: Final = re.compile(r"(?s:.*)")
#: The fields that Telegram sends (core.telegram.org/widgets/login), those not required included.
_FORMS: Final = {
    "id": re.compile(r"[1-9][0-9]{0,18}"),
    "auth_date": re.compile(r"[1-9][0-9]{0,11}"),
    # In lower case only: each login has one spelling, so that it is recognised when it comes again.
    "hash": re.compile(r"[0-9a-f]{64}"),
} | dict.fromkeys(("first_name", "last_name", "username", "photo_url"), _ANY)


class Reason(StrEnum):
    """Why login data is refused; a member's value is the end of the name of its text."""

    #: It is not a query string, or not text.
    UNREADABLE = "unreadable"
    #: It has a field that Telegram does not send.
    UNKNOWN = "unknown"
    #: It has a field twice.
    TWICE = "twice"
    #: It lacks a required field.
    MISSING = "missing"
    #: A field has a value that Telegram does not send.
    MALFORMED = "malformed"
    #: Telegram did not sign it for this bot, or it was altered.
    FORGED = "forged"
    #: It was signed too long ago.
    OLD = "old"
    #: It was signed in the future.
    FUTURE = "future"
    #: It was used before.
    USED = "used"


class RefusedLogin(Exception):
    """Login data is not accepted: the reason, and which of the known fields it is about, "" if none."""

    def __init__(self, reason: Reason, field: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.field = field


class Login(NamedTuple):
    """Who logged in and when, as Telegram signed it; `digest` identifies this login without revealing it."""

    id: int
    first_name: str
    last_name: str
    username: str
    auth_date: int
    digest: bytes

    def __repr__(self) -> str:
        return f"Login(id={self.id})"


def check(query: str, now: float, *, token: str, max_age: int) -> Login:
    """Return the login in a raw query string, for the bot with this token.

    Raise RefusedLogin if Telegram did not sign it for that bot at most `max_age` seconds ago.
    """
    fields = read(query)
    for name in REQUIRED:
        if name not in fields:
            raise RefusedLogin(Reason.MISSING, name)
    for name, value in fields.items():
        if not _FORMS[name].fullmatch(value) or not _is_plain(value):
            raise RefusedLogin(Reason.MALFORMED, name)
    if int(fields["id"]) >= 2**63:
        raise RefusedLogin(Reason.MALFORMED, "id")
    # The signature comes first: without a valid one, nothing about the dates is revealed.
    if not hmac.compare_digest(signature(hashlib.sha256(token.encode()).digest(), fields), fields["hash"]):
        raise RefusedLogin(Reason.FORGED)
    signed = int(fields["auth_date"])
    if signed > now + SKEW:
        raise RefusedLogin(Reason.FUTURE)
    if signed < now - max_age:
        raise RefusedLogin(Reason.OLD)
    return Login(
        int(fields["id"]),
        fields["first_name"],
        fields.get("last_name", ""),
        fields.get("username", ""),
        signed,
        hashlib.sha256(fields["hash"].encode()).digest(),
    )


def signature(key: bytes, fields: Mapping[str, str]) -> str:
    """Return the hash that belongs to the fields: HMAC-SHA256 in lower-case hex; `key` is SHA256(token)."""
    lines = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()) if name != "hash")
    return hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()


def read(query: str) -> dict[str, str]:
    """Return the fields of a query string; raise RefusedLogin for an unknown field or one given twice."""
    fields: dict[str, str] = {}
    try:
        most = 2 * len(_FORMS)
        pairs = parse_qsl(query, True, strict_parsing=bool(query), errors="strict", max_num_fields=most)
    except ValueError:
        raise RefusedLogin(Reason.UNREADABLE) from None
    for name, value in pairs:
        if name not in _FORMS:
            raise RefusedLogin(Reason.UNKNOWN)  # its name is a stranger's words
        if name in fields:
            raise RefusedLogin(Reason.TWICE, name)
        fields[name] = value
    return fields


def _is_plain(value: str) -> bool:
    """Return whether there are no control characters: a line break could turn one field into two."""
    return value.isprintable() or all(unicodedata.category(char) not in ("Cc", "Cs") for char in value)
