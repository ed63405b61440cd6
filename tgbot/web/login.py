"""Login data of Telegram's widget: read from a query string and checked against the bot's token. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

#: What Telegram sends of a person (core.telegram.org/widgets/login); the others come if the person has them.
FIELDS: Final = frozenset({"id", "first_name", "last_name", "username", "photo_url", "auth_date", "hash"})
REQUIRED: Final = ("id", "first_name", "auth_date", "hash")
#: How far Telegram's clock may be ahead of ours, in seconds.
SKEW: Final = 60

_FORMS: Final = {
    "id": re.compile(r"[1-9][0-9]{0,18}"),
    "auth_date": re.compile(r"[1-9][0-9]{0,11}"),
    # In lower case only: of one login there is one spelling, so that it is recognised when it comes again.
    "hash": re.compile(r"[0-9a-f]{64}"),
}


class Reason(StrEnum):
    """Why login data is refused; a member's value ends the name of the text that says so."""

    #: Not the form of a query, or not text.
    UNREADABLE = "unreadable"
    #: A field that Telegram does not send.
    UNKNOWN = "unknown"
    #: A field that is there twice.
    TWICE = "twice"
    #: A field that must be there and is not.
    MISSING = "missing"
    #: A field with a value that it cannot have.
    MALFORMED = "malformed"
    #: Not signed by Telegram for this bot, or altered.
    FORGED = "forged"
    #: Signed too long ago.
    OLD = "old"
    #: Signed in the future.
    FUTURE = "future"
    #: Used before.
    USED = "used"


class RefusedLogin(Exception):
    """Login data that is not accepted: why, and which field it is about, if it is about one."""

    def __init__(self, reason: Reason, field: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.field = field


class Login(NamedTuple):
    """Who logged in and when, by Telegram's word; `digest` names this login and gives nothing of it away."""

    id: int
    first_name: str
    last_name: str
    username: str
    auth_date: int
    digest: bytes

    def __repr__(self) -> str:
        return f"Login(id={self.id})"


class Check:
    """Checks login data for one bot: signed by Telegram, no older than `max_age`, not from the future."""

    def __init__(self, token: str, *, max_age: int) -> None:
        self._key = hashlib.sha256(token.encode()).digest()
        self._max_age = max_age

    def __call__(self, query: str, now: float) -> Login:
        """The login in a query string, as it is on the wire; raises RefusedLogin."""
        fields = read(query)
        for name in REQUIRED:
            if name not in fields:
                raise RefusedLogin(Reason.MISSING, name)
        for name, value in fields.items():
            form = _FORMS.get(name)
            if (form is not None and not form.fullmatch(value)) or not _is_plain(value):
                raise RefusedLogin(Reason.MALFORMED, name)
        if int(fields["id"]) >= 2**63:
            raise RefusedLogin(Reason.MALFORMED, "id")
        # The signature before the dates: who cannot sign learns nothing else.
        if not hmac.compare_digest(signature(self._key, fields), fields["hash"]):
            raise RefusedLogin(Reason.FORGED)
        signed = int(fields["auth_date"])
        if signed > now + SKEW:
            raise RefusedLogin(Reason.FUTURE)
        if signed < now - self._max_age:
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
    """The hash that belongs to the other fields: HMAC-SHA256 under SHA256(token), in lower-case hex."""
    lines = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()) if name != "hash")
    return hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()


def read(query: str) -> dict[str, str]:
    """The fields of a query string, each known and there once; raises RefusedLogin."""
    fields: dict[str, str] = {}
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=2 * len(FIELDS),
        )
    except ValueError:
        raise RefusedLogin(Reason.UNREADABLE) from None
    for name, value in pairs:
        if name not in FIELDS:
            raise RefusedLogin(Reason.UNKNOWN, name)
        if name in fields:
            raise RefusedLogin(Reason.TWICE, name)
        fields[name] = value
    return fields


def _is_plain(value: str) -> bool:
    """No control characters, no half characters: a line break could turn one signed field into two."""
    return value.isprintable() or all(unicodedata.category(char) not in ("Cc", "Cs") for char in value)
