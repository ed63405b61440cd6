"""What a file of users says of one of them.

A user is one flat object. `id` is all that is needed; what is not known is left out:

    id                      the user's id
    bot_id                  whose user: ids of messages and access hashes are worthless to another bot
    first_name last_name usernames profile_language premium bot deleted last_seen
                            the profile, and when it was seen
    language language_at    the last language an update named
    known_by first_seen     how the user became known → when
    first_payload …         start payloads, and the ids of messages that the registry keeps
    evidence                kind → one or two of [at, qts, until, detail]: the first and the last
    history preferences join_requests greeted_access_id
    access                  what follows from the evidence; for the reader, an import ignores it
    access_hash hash_seen hash_usernames hash_name hash_phone
                            what the session has of the user; the hash is text, since it takes 64 bits

Times are unix seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tgbot.core.access import Evidence, Kind, Record
from tgbot.core.users import HISTORY_LENGTH, JOIN_REQUESTS_KEPT, Change, Profile, UserFields, Way
from tgbot.store.peers import Peer
from tgbot.store.record import UserRecord
from tgbot.store.user_json import modernise, pack, ways

#: How far ahead of this machine's clock a time may lie, in seconds. Evidence from the future would outweigh
#: all that comes until then.
_AHEAD: Final = 24 * 60 * 60

_KINDS: Final = {kind.value: kind for kind in Kind}
_PROFILE_TEXTS: Final = ("first_name", "last_name")
_FLAGS: Final = ("premium", "bot", "deleted")
_TEXTS: Final = frozenset({"language", "first_payload", "last_payload"})
_TIMES: Final = frozenset({"language_at", "first_seen", "last_seen"})
_MESSAGES: Final = (
    *("first_payload_id", "last_payload_id", "first_start_id", "first_message_id"),
    *("last_finished_id", "greeted_access_id"),
)
_IDS: Final = frozenset(_MESSAGES)
#: The columns of a CSV file, in order.
COLUMNS: Final = (
    *("id", "bot_id", "access", *_PROFILE_TEXTS, "usernames", "language", "language_at", "profile_language"),
    *(*_FLAGS, "first_seen", "last_seen", "known_by", "first_payload", "last_payload", *_MESSAGES),
    *("evidence", "history", "preferences", "join_requests"),
    *("access_hash", "hash_seen", "hash_usernames", "hash_name", "hash_phone"),
)
_NESTED: Final = frozenset({"known_by", "evidence", "history", "preferences", "join_requests"})
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


# ---- from a file ---------------------------------------------------------------------------------


def from_fields(fields: Mapping[str, object], now: int, bot_id: int) -> Entry:
    """Return the entry of an object; fields with other names are ignored.

    Raise EntryError for what cannot be understood, for a user of another bot than `bot_id`, and for times
    more than a day after `now`.
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
    user = UserFields(user_id, profile)
    for name in fields:
        if name in _TEXTS:
            setattr(user, name, _text(fields, name))
        elif name in _TIMES:
            setattr(user, name, _moment(fields, name, latest))
        elif name in _IDS:
            setattr(user, name, _number(fields, name))
    if "known_by" in fields:
        known_by = _object(fields, "known_by")
        user.known_by = ways({via: _time(at, "known_by", latest) for via, at in known_by.items()})
    if fields.get("preferences"):
        _read_preferences(user, fields)
    if fields.get("join_requests"):
        user.join_requests = _join_requests(_object(fields, "join_requests"), latest)
    if fields.get("evidence"):
        user.evidence = _record(_object(fields, "evidence"), latest)
    if fields.get("history"):
        user.history = _history(fields["history"], latest)
    for flag, kind in (("bot", Kind.IS_BOT), ("deleted", Kind.DELETED)):
        if getattr(profile, flag) and kind not in user.evidence.spans:
            user.evidence.add(Evidence(kind, user.last_seen))
    return Entry(user_id, user, _peer(fields, profile, latest))


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


def from_cells(row: Mapping[str, str], now: int, bot_id: int) -> Entry:
    """Return the entry of a CSV row, column → text; an empty cell says nothing."""
    fields: dict[str, object] = {}
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
    """Return a user's id, given as a number or as text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 25:
        value = int(value)
    if type(value) is not int:
        raise EntryError("no id" if value in (None, "") else "the id is not a number")
    if not 0 < value < 2**63:
        raise EntryError("the id is not that of a user: those are above 0")
    return value


def _peer(fields: Mapping[str, object], profile: Profile, latest: int) -> Peer | None:
    if not fields.get("access_hash"):
        return None
    access_hash = _number(fields, "access_hash", lowest=-(2**63))
    names = _names(fields, "hash_usernames") if "hash_usernames" in fields else profile.usernames
    title = _text(fields, "hash_name") or f"{profile.first_name} {profile.last_name}".strip()
    seen = _moment(fields, "hash_seen" if "hash_seen" in fields else "last_seen", latest)
    lowered = tuple(name.lower() for name in names)
    return Peer(access_hash, lowered, _text(fields, "hash_phone") or None, title or None, seen)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EntryError(f"{name} is not text")
    return value


def _names(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if not value:
        return ()
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise EntryError(f"{name} is not a list of texts")
    return tuple(one.removeprefix("@") for one in value)


def _flag(fields: Mapping[str, object], name: str) -> bool:
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


def _number(fields: Mapping[str, object], name: str, lowest: int = 0) -> int:
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


def _moment(fields: Mapping[str, object], name: str, latest: int) -> int:
    return _time(_number(fields, name), name, latest)


def _time(value: object, name: str, latest: int) -> int:
    if type(value) is not int:
        raise EntryError(f"{name} has a time that is not a whole number")
    if not 0 <= value <= latest:
        raise EntryError(f"{name} has a time in the future")
    return value


def _object(fields: Mapping[str, object], name: str) -> dict[str, object]:
    value = fields[name]
    if not isinstance(value, dict):
        raise EntryError(f"{name} is not an object")
    return value


def _record(spans: dict[str, object], latest: int) -> Record:
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


def _read_preferences(user: UserFields, fields: Mapping[str, object]) -> None:
    preferences = _object(fields, "preferences")
    if not all(isinstance(value, str) for value in preferences.values()):
        raise EntryError("preferences holds something other than text")
    read: dict[str, object] = {"preferences": dict(preferences)}
    try:
        modernise(read)
    except ValueError:
        raise EntryError("preferences holds join requests that cannot be read") from None
    for name, value in read.items():
        setattr(user, name, value)


def _join_requests(requests: dict[str, object], latest: int) -> dict[int, int]:
    try:
        found = {int(chat): _time(at, "join_requests", latest) for chat, at in requests.items()}
    except ValueError as error:
        raise EntryError(str(error) if isinstance(error, EntryError) else "a chat id is no number") from None
    return dict(sorted(found.items(), key=lambda request: request[1])[-JOIN_REQUESTS_KEPT:])


def _history(value: object, latest: int) -> list[Change]:
    read = []
    changes: list[object] = value if isinstance(value, list) else [None]
    for one in changes:
        if not isinstance(one, list) or len(one) != 3 or not all(isinstance(part, str) for part in one[1:]):
            raise EntryError("history is not a list of [at, field, old]")
        read.append(Change(_time(one[0], "history", latest), *one[1:]))
    return read[-HISTORY_LENGTH:]


# ---- to a file -----------------------------------------------------------------------------------


def to_json(user: UserRecord, peer: Peer | None, bot_id: int | None) -> str:
    """Return the user as one line of JSON, without its line break."""
    more: dict[str, object] = {} if bot_id is None else {"bot_id": bot_id}
    if peer is not None:
        more |= {"access_hash": str(peer.access_hash), "hash_seen": peer.seen, "hash_usernames": peer.names}
        more |= {"hash_name": peer.title} if peer.title else {}
        more |= {"hash_phone": str(peer.phone)} if peer.phone else {}
    text = pack(user.fields, user.counted)
    return f"{text[:-1]},{json.dumps(more)[1:]}" if more else text


def to_cells(user: UserRecord, peer: Peer | None, bot_id: int | None) -> list[str]:
    """Return the user as a row under `COLUMNS`."""
    fields = json.loads(to_json(user, peer, bot_id))
    return [_cell(name, fields.get(name)) for name in COLUMNS]


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in _NESTED:
        return json.dumps(value)
    if isinstance(value, list):
        return " ".join(value)
    return str(int(value)) if isinstance(value, bool) else str(value)
