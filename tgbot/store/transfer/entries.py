"""What a file of users says of one of them, and how it joins what is known.

A user is one flat object. `id` is all that is needed; what is not known is left out:

    id                      the user's id
    bot_id                  whose user: ids of messages and access hashes are worthless to another bot
    first_name last_name usernames profile_language premium bot deleted last_seen
                            the profile, and when it was seen
    language language_at    the last language an update named
    known_by first_seen     how the user became known → when
    first_payload …         start payloads, and the ids of messages that the registry keeps
    evidence                kind → one or two of [at, qts, until, detail]: the first and the last
    history preferences
    access                  what follows from the evidence; for the reader, an import leaves it aside
    access_hash hash_seen hash_usernames hash_name hash_phone
                            what the session has of them; the hash is a text, since it takes 64 bits

Times are unix seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tgbot.core.access import Evidence, Kind, Record
from tgbot.core.users import HISTORY_LENGTH, Change, Profile, User
from tgbot.store.sqlite.rows import pack
from tgbot.store.sqlite.sessionfile import Peer

#: How a user becomes known by an import, where the file does not tell it.
IMPORT: Final = "import"
#: How far ahead of this machine's clock a time may lie: evidence of the future would never be outdone.
_AHEAD: Final = 24 * 60 * 60

_KINDS: Final = {kind.value: kind for kind in Kind}
_PROFILE_TEXTS: Final = ("first_name", "last_name")
_FLAGS: Final = ("premium", "bot", "deleted")
_TEXTS: Final = frozenset({"language", "first_payload", "last_payload"})
_TIMES: Final = frozenset({"language_at", "first_seen", "last_seen"})
_MESSAGES: Final = (
    *("first_payload_id", "last_payload_id", "first_start_id", "first_message_id"),
    *("last_finished_id", "last_own_id"),
)
_IDS: Final = frozenset(_MESSAGES)
#: The columns of a CSV file, in order.
COLUMNS: Final = (
    *("id", "bot_id", "access", *_PROFILE_TEXTS, "usernames", "language", "language_at", "profile_language"),
    *(*_FLAGS, "first_seen", "last_seen", "known_by", "first_payload", "last_payload", *_MESSAGES),
    *("evidence", "history", "preferences"),
    *("access_hash", "hash_seen", "hash_usernames", "hash_name", "hash_phone"),
)
_NESTED: Final = frozenset({"known_by", "evidence", "history", "preferences"})
_LISTS: Final = frozenset({"usernames", "hash_usernames"})
_NUMBERS: Final = frozenset({*_TIMES, *_IDS, "id", "bot_id", "access_hash", "hash_seen"})
#: Names that other programs use → ours.
_ALSO: Final = {
    "user_id": "id",
    "username": "usernames",
    "lang_code": "language",
    "language_code": "language",
    "is_premium": "premium",
    "is_bot": "bot",
}


class EntryError(ValueError):
    """What is wrong with one entry, in a few words; no value of it is in them."""


@dataclass(slots=True)
class Entry:
    """One user (or, out of a session, one chat), as a file has it."""

    #: Marked as Telethon marks it.
    id: int
    #: None for a chat, and for the bot itself.
    user: User | None
    peer: Peer | None = None
    #: The file knows no more of the profile than one name and one username.
    partial: bool = False


# ---- from a file ---------------------------------------------------------------------------------


def from_fields(fields: Mapping[str, Any], now: int, bot_id: int) -> Entry:
    """The entry that an object's fields tell; fields that are none of ours are left aside.

    EntryError for what cannot be understood, what is another bot's than `bot_id`, and times after `now`.
    """
    if not _ALSO.keys().isdisjoint(fields):
        also = {ours: fields[name] for name, ours in _ALSO.items() if name in fields}
        fields = {**also, **fields}
    user_id = checked_id(fields.get("id"))
    if fields.get("bot_id") is not None and _number(fields, "bot_id") != bot_id:
        raise EntryError("bot_id is another bot's, whose access hashes and message ids mean nothing here")
    latest = now + _AHEAD
    profile = Profile(
        user_id,
        _text(fields, "first_name"),
        _text(fields, "last_name"),
        _names(fields, "usernames"),
        _text(fields, "profile_language") or None,
        *[_flag(fields, name) for name in _FLAGS],
    )
    user = User(user_id, profile)
    for name in fields:
        if name in _TEXTS:
            setattr(user, name, _text(fields, name))
        elif name in _TIMES:
            setattr(user, name, _moment(fields, name, latest))
        elif name in _IDS:
            setattr(user, name, _number(fields, name))
    if "known_by" in fields:
        user.known_by = {
            via: _time(at, "known_by", latest) for via, at in _object(fields, "known_by").items()
        }
    if "preferences" in fields:
        preferences = _object(fields, "preferences")
        if not all(isinstance(value, str) for value in preferences.values()):
            raise EntryError("preferences holds something other than text")
        user.preferences = preferences
    if fields.get("evidence"):
        user.record = _record(_object(fields, "evidence"), latest)
    if fields.get("history"):
        user.history = _history(fields["history"], latest)
    for flag, kind in (("bot", Kind.IS_BOT), ("deleted", Kind.DELETED)):
        if getattr(profile, flag) and kind not in user.record.spans:
            user.record.add(Evidence(kind, user.last_seen))
    return Entry(user_id, user, _peer(fields, profile, latest))


def from_id(value: object) -> Entry:
    """The entry of somebody of whom the file has the id only."""
    user_id = checked_id(value)
    return Entry(user_id, User(user_id, Profile(user_id)))


def from_peer(marked_id: int, peer: Peer, bot_id: int, now: int) -> Entry:
    """The entry of a session's row: an access hash, one name, usernames and when they were seen."""
    if marked_id <= 0 or marked_id == bot_id:
        return Entry(marked_id, None, peer)
    seen = min(peer.seen, now)
    profile = Profile(marked_id, peer.title or "", usernames=peer.names)
    user = User(marked_id, profile, first_seen=seen, last_seen=seen, known_by={IMPORT: seen or now})
    return Entry(marked_id, user, peer if peer.access_hash else None, partial=True)


def from_cells(row: Mapping[str, str], now: int, bot_id: int) -> Entry:
    """The entry of a CSV row, column → text; what is empty is not known."""
    fields: dict[str, Any] = {}
    for name, cell in row.items():
        if not cell:
            continue
        ours = _ALSO.get(name, name)
        if ours in _FLAGS:
            fields[ours] = _cell_flag(cell, name)
        elif ours in _LISTS:
            fields[ours] = cell.split()
        elif ours in _NESTED:
            try:
                fields[ours] = json.loads(cell)
            except ValueError:
                raise EntryError(f"{name} is not JSON") from None
        else:
            fields[ours] = cell
    return from_fields(fields, now, bot_id)


def checked_id(value: object) -> int:
    """A user's id, as a number or as text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 25:
        value = int(value)
    if type(value) is not int:
        raise EntryError("no id" if value in (None, "") else "the id is not a number")
    if not 0 < value < 2**63:
        raise EntryError("the id is not that of a user: those are above 0")
    return value


def _peer(fields: Mapping[str, Any], profile: Profile, latest: int) -> Peer | None:
    if not fields.get("access_hash"):
        return None
    access_hash = _number(fields, "access_hash", lowest=-(2**63))
    names = _names(fields, "hash_usernames") if "hash_usernames" in fields else profile.usernames
    title = _text(fields, "hash_name") or f"{profile.first_name} {profile.last_name}".strip()
    seen = _moment(fields, "hash_seen" if "hash_seen" in fields else "last_seen", latest)
    lowered = tuple(name.lower() for name in names)
    return Peer(access_hash, lowered, _text(fields, "hash_phone") or None, title or None, seen)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EntryError(f"{name} is not text")
    return value


def _names(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if not value:
        return ()
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise EntryError(f"{name} is not a list of texts")
    return tuple(one.removeprefix("@") for one in value)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value not in (None, True, False):
        raise EntryError(f"{name} is neither true nor false")
    return bool(value)


def _cell_flag(cell: str, name: str) -> bool:
    said = cell.strip().lower()
    if said in ("1", "true", "yes"):
        return True
    if said in ("0", "false", "no"):
        return False
    raise EntryError(f"{name} is neither true nor false")


def _number(fields: Mapping[str, Any], name: str, lowest: int = 0) -> int:
    value = fields.get(name)
    if type(value) is int and lowest <= value < 2**63:  # nearly always
        return value
    if value is None:
        return 0
    if isinstance(value, str) and len(value) < 25:
        digits = value.strip().removeprefix("-")
        if digits.isascii() and digits.isdigit():
            value = int(value)
    if type(value) is not int:
        raise EntryError(f"{name} is not a whole number")
    if not lowest <= value < 2**63:
        raise EntryError(f"{name} is out of range")
    return value


def _moment(fields: Mapping[str, Any], name: str, latest: int) -> int:
    return _time(_number(fields, name), name, latest)


def _time(value: object, name: str, latest: int) -> int:
    if type(value) is not int:
        raise EntryError(f"{name} has a time that is not a whole number")
    if not 0 <= value <= latest:
        raise EntryError(f"{name} has a time in the future")
    return value


def _object(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = fields[name]
    if not isinstance(value, dict):
        raise EntryError(f"{name} is not an object")
    return value


def _record(spans: dict[str, Any], latest: int) -> Record:
    record = Record()
    for name, span in spans.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise EntryError("evidence has a kind that is not known")
        if not isinstance(span, list) or not 1 <= len(span) <= 2:
            raise EntryError("evidence is not one or two of [at, qts, until, detail]")
        for one in span:
            if not isinstance(one, list) or not 1 <= len(one) <= 4:
                raise EntryError("evidence is not one or two of [at, qts, until, detail]")
            evidence = Evidence(kind, *one)
            _time(evidence.at, "evidence", latest)
            if len(one) > 1 and (
                type(evidence.qts) is not int
                or type(evidence.until) not in (int, type(None))
                or not isinstance(evidence.detail, str)
            ):
                raise EntryError("evidence is not one or two of [at, qts, until, detail]")
            record.add(evidence)
    return record


def _history(value: object, latest: int) -> list[Change]:
    changes: list[Any] = value if isinstance(value, list) else [None]
    for one in changes:
        if not isinstance(one, list) or len(one) != 3 or not all(isinstance(part, str) for part in one[1:]):
            raise EntryError("history is not a list of [at, field, old]")
        _time(one[0], "history", latest)
    return [Change(*one) for one in changes][-HISTORY_LENGTH:]


# ---- to a file -----------------------------------------------------------------------------------


def to_json(user: User, peer: Peer | None, bot_id: int | None) -> str:
    """The user as one line of JSON, without its end."""
    more: dict[str, Any] = {} if bot_id is None else {"bot_id": bot_id}
    if peer is not None:
        more |= {"access_hash": str(peer.access_hash), "hash_seen": peer.seen, "hash_usernames": peer.names}
        more |= {"hash_name": peer.title} if peer.title else {}
        more |= {"hash_phone": str(peer.phone)} if peer.phone else {}
    text = pack(user)
    return f"{text[:-1]},{json.dumps(more)[1:]}" if more else text


def to_cells(user: User, peer: Peer | None, bot_id: int | None) -> list[str]:
    """The user as a row under `COLUMNS`."""
    fields = json.loads(to_json(user, peer, bot_id))
    return [_cell(name, fields.get(name)) for name in COLUMNS]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _NESTED:
        return json.dumps(value)
    if name in _LISTS:
        return " ".join(value)
    return str(int(value)) if isinstance(value, bool) else str(value)


# ---- joined with what is known -------------------------------------------------------------------


def joined(mine: User | None, entry: Entry, now: int) -> User:
    """The user with what the entry adds; older knowledge undoes nothing, and a second time adds nothing.

    The later profile holds, evidence merges, of payloads the first and the last remain by message id, what
    the user chose here stays.
    """
    theirs = entry.user
    assert theirs is not None
    user = theirs if mine is None else _with(mine, theirs, partial=entry.partial)
    if not user.met:
        user.known_by[IMPORT] = now
        user.first_seen = user.first_seen or now
    return user


def _with(user: User, theirs: User, *, partial: bool) -> User:
    known = bool(user.last_seen or user.profile != Profile(user.id))
    if not known or (theirs.last_seen > user.last_seen and not partial):
        user.profile = theirs.profile
    if not partial or not known:
        user.last_seen = max(user.last_seen, theirs.last_seen)
    if theirs.language and (not user.language or theirs.language_at > user.language_at):
        user.language, user.language_at = theirs.language, theirs.language_at
    if not (partial and user.met):
        user.first_seen = _least(user.first_seen, theirs.first_seen)
        for via, at in theirs.known_by.items():
            user.known_by[via] = min(user.known_by.get(via, at), at)
    user.record.merge(theirs.record)
    if theirs.first_payload and (
        not user.first_payload or 0 < theirs.first_payload_id < user.first_payload_id
    ):
        user.first_payload, user.first_payload_id = theirs.first_payload, theirs.first_payload_id
    if theirs.last_payload and (not user.last_payload or theirs.last_payload_id > user.last_payload_id):
        user.last_payload, user.last_payload_id = theirs.last_payload, theirs.last_payload_id
    user.first_start_id = _least(user.first_start_id, theirs.first_start_id)
    user.first_message_id = _least(user.first_message_id, theirs.first_message_id)
    user.last_finished_id = max(user.last_finished_id, theirs.last_finished_id)
    user.last_own_id = max(user.last_own_id, theirs.last_own_id)
    if theirs.history and theirs.history != user.history:
        user.history = sorted({*user.history, *theirs.history})[-HISTORY_LENGTH:]
    user.preferences = {**theirs.preferences, **user.preferences}
    return user


def newer(
    mine: Peer | None, theirs: Peer, marked_id: int, owners: Mapping[str, tuple[int, int]]
) -> Peer | None:
    """What the session is to keep of a peer instead of what it has; None if it has that or better.

    `owners` has whose the usernames are by now, and since when that is known.
    """
    if mine is not None and mine.access_hash and theirs.seen <= mine.seen:
        return None
    names = []
    for name in theirs.names:
        other = owners.get(name)
        if other is None or other[0] == marked_id or other[1] < theirs.seen:
            names.append(name)
    phone = theirs.phone or (mine.phone if mine is not None else None)
    title = theirs.title or (mine.title if mine is not None else None)
    return Peer(theirs.access_hash, tuple(names), phone, title, theirs.seen)


def _least(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other
