"""Login data of Telegram's widget: read from a query string, checked against the bot's token. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import combinations, islice
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote_plus

REQUIRED: Final = ("id", "auth_date", "hash")
#: Seconds by which Telegram's clock may be ahead of ours.
SKEW: Final = 60

#: The most parameters of an address that is read.
MOST_PARAMETERS: Final = 64
#: The most signatures that are computed for one address; 150 take about a millisecond.
MOST_CHOICES: Final = 150

_ANY: Final = re.compile(r"(?s:.*)")
#: What a field may be called that Telegram adds one day.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
#: The fields that Telegram sends (core.telegram.org/widgets/login), those not required included.
_FORMS: Final = {
    "id": re.compile(r"[1-9][0-9]{0,18}"),
    "auth_date": re.compile(r"[1-9][0-9]{0,11}"),
    # In lower case only: each login has one spelling, so that it is recognised when it comes again.
    "hash": re.compile(r"[0-9a-f]{64}"),
} | dict.fromkeys(("first_name", "last_name", "username", "photo_url"), _ANY)

#: Name and value of a parameter.
Parameter: TypeAlias = tuple[str, str]


class Reason(StrEnum):
    """Why login data is refused; a member's value is the end of the name of its text."""

    #: It is not a query string, or not text.
    UNREADABLE = "unreadable"
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
    """Who logged in and when, as Telegram signed it; `digest` identifies this login without revealing it.

    A name that Telegram did not send is "".
    """

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

    Parameters that Telegram did not sign are ignored: trackers add theirs on the way. Raise RefusedLogin if
    Telegram did not sign the rest for that bot at most `max_age` seconds ago.
    """
    fields, others = read(query)
    for name in REQUIRED:
        if name not in fields:
            raise RefusedLogin(Reason.MISSING, name)
    for name, value in fields.items():
        if not _FORMS[name].fullmatch(value) or not _is_plain(value):
            raise RefusedLogin(Reason.MALFORMED, name)
    if int(fields["id"]) >= 2**63:
        raise RefusedLogin(Reason.MALFORMED, "id")
    # The signature comes first: without a valid one, nothing about the dates is revealed.
    keyed = hmac.new(hashlib.sha256(token.encode()).digest(), digestmod=hashlib.sha256)
    known = [(name, value) for name, value in fields.items() if name != "hash"]
    choices = islice(_choices(others), MOST_CHOICES)
    if not any(hmac.compare_digest(_signature(keyed, [*known, *one]), fields["hash"]) for one in choices):
        raise RefusedLogin(Reason.FORGED)
    signed = int(fields["auth_date"])
    if signed > now + SKEW:
        raise RefusedLogin(Reason.FUTURE)
    if signed < now - max_age:
        raise RefusedLogin(Reason.OLD)
    return Login(
        int(fields["id"]),
        fields.get("first_name", ""),
        fields.get("last_name", ""),
        fields.get("username", ""),
        signed,
        # Of what Telegram signed alone: the same login with another tracker's parameter is the same login.
        hashlib.sha256(fields["hash"].encode()).digest(),
    )


def read(query: str) -> tuple[dict[str, str], list[Parameter]]:
    """Return the known fields in a query string, and the other parameters that Telegram could have signed.

    What Telegram cannot have signed is left out: a name or value of a form that it does not send. Raise
    RefusedLogin for too many parameters, and for a known field that is unreadable or given twice.
    """
    fields: dict[str, str] = {}
    others: list[Parameter] = []
    pairs = query.split("&", MOST_PARAMETERS)
    if len(pairs) > MOST_PARAMETERS:
        raise RefusedLogin(Reason.UNREADABLE)
    for pair in pairs:
        name, given, raw = pair.partition("=")
        name = unquote_plus(name)
        try:
            value = unquote_plus(raw, errors="strict")
        except UnicodeDecodeError:
            given = ""
        if name not in _FORMS:
            if given and _NAME.fullmatch(name) and _is_plain(value):
                others.append((name, value))
        elif not given:
            raise RefusedLogin(Reason.UNREADABLE)
        elif name in fields:
            raise RefusedLogin(Reason.TWICE, name)
        else:
            fields[name] = value
    return fields, others


def _choices(others: Sequence[Parameter]) -> Iterator[Sequence[Parameter]]:
    """Yield choices of the parameters that Telegram may have signed, those that are likely first.

    They are all and none; those on one side of a place in the address, because Telegram writes its fields
    side by side, and others are added before or after them; then all choices, first those that take or leave
    few. Of up to 7 parameters every choice is among the first MOST_CHOICES.
    """
    number = len(others)
    yield others
    if not others:
        return
    yield ()
    for place in range(1, number):
        yield others[:place]
        yield others[place:]
    for taken in sorted(range(1, number), key=lambda taken: min(taken, number - taken)):
        yield from combinations(others, taken)


def _signature(keyed: hmac.HMAC, parameters: Sequence[Parameter]) -> str:
    """Return the hash that belongs to parameters, in hex; the key of `keyed` is SHA256(token)."""
    lines = "\n".join([f"{name}={value}" for name, value in sorted(parameters)])
    signature = keyed.copy()
    signature.update(lines.encode())
    return signature.hexdigest()


def _is_plain(value: str) -> bool:
    """Return whether there are no control characters: a line break could turn one field into two."""
    return value.isprintable() or all(unicodedata.category(char) not in ("Cc", "Cs") for char in value)
