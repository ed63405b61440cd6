"""A user as JSON text, which is how every store and every exported file keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, cast

import msgspec
from msgspec.structs import astuple

from tgbot.core.access import Access, Kind, Record, Seen, seen_of
from tgbot.core.broadcasts import Recipient
from tgbot.core.users import LANGUAGE, Change, Profile, User, UserFields, Way
from tgbot.store.json_text import UNREADABLE, dumps, loads
from tgbot.store.kept import Data, Talks, data_of, talks_of
from tgbot.store.record import UserRecord

_FLAGS: Final = ("premium", "bot", "deleted")
#: What older versions kept among the preferences.
OLDER: Final = frozenset({"join_requests", "greeted_for_access"})
_KINDS: Final = {kind.value: kind for kind in Kind}
_ACCESSES: Final = {access.value: access for access in Access}
_WAYS: Final = {way.value: way for way in Way}
_new: Final = tuple.__new__  # of a NamedTuple: its own __new__ is a function in Python

#: A number that is not negative, of up to 63 bits.
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Seen(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """Evidence as it is packed, under its kind."""

    at: Number
    qts: Number = 0
    until: Number | None = None
    detail: str = ""


_Span: TypeAlias = Annotated[list[_Seen], msgspec.Meta(min_length=1, max_length=2)]
#: All evidence about a user as a `Record` holds it.
Spans: TypeAlias = dict[Kind, tuple[Seen, ...]]


class StoredUser(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A user as this version packs them: an object with these names, without empty values.

    First what a `Profile` holds, then what `UserFields` do behind the evidence, both in their order.
    """

    id: int
    first_name: str = ""
    last_name: str = ""
    usernames: tuple[str, ...] = ()
    profile_language: str | None = None
    premium: bool = False
    bot: bool = False
    deleted: bool = False
    language: str | None = None
    language_at: Number = 0
    first_seen: Number = 0
    last_seen: Number = 0
    known_by: dict[Way, Number] = {}
    first_payload: str = ""
    first_payload_id: Number = 0
    last_payload: str = ""
    last_payload_id: Number = 0
    first_start_id: Number = 0
    first_message_id: Number = 0
    last_finished_id: Number = 0
    greeted_access_id: Number = 0
    history: list[Change] = []
    preferences: dict[str, str] = {}
    join_requests: dict[int, Number] = {}
    data: Data = {}
    talks: Talks = {}
    #: The access under which the user is counted: the verdict once all that ends by itself has ended.
    access: Access | None = None
    #: Kind → the first and the last, or one that is both.
    evidence: dict[Kind, _Span] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id})"  # nothing about a person belongs into a log

    @property
    def current(self) -> bool:
        """Whether nothing in it is where only an older version kept it."""
        return not self.preferences or OLDER.isdisjoint(self.preferences)

    def user(self) -> UserFields:
        """Return the user; what can be changed in it is this object's own, which is used up."""
        self.profile_language = self.profile_language or None
        self.language = self.language or None
        values = astuple(self)
        profile, record = _new(Profile, values[:_PROFILE]), Record(self.spans())
        return UserFields(self.id, profile, record, *values[_PROFILE:_END])

    def spans(self) -> Spans:
        """Return the evidence as a `Record` holds it."""
        spans: Spans = {}
        for kind, span in self.evidence.items():
            one = span[0]
            first = seen_of(one.at, one.qts, one.until, one.detail)
            if len(span) == 1:
                spans[kind] = (first,)
            else:
                one = span[1]
                spans[kind] = first, seen_of(one.at, one.qts, one.until, one.detail)
        return spans


class Traits(msgspec.Struct, gc=False):
    """What an audience asks of a user, read out of their text in a third of the time; a `Recipient`."""

    id: int
    language: str | None = None
    first_seen: int = 0
    last_seen: int = 0
    first_payload: str = ""
    last_payload: str = ""
    premium: bool = False
    preferences: dict[str, str] = {}

    @property
    def spoken(self) -> str | None:
        """See `User.spoken`."""
        return self.preferences.get(LANGUAGE) or self.language

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id})"


_PROFILE: Final = len(Profile._fields)
_END: Final = StoredUser.__struct_fields__.index("access")

#: How a text begins that JSONB gave back: the shortest name first, and with blanks.
_SPACED: Final = '{"id": '
_decode_stored: Final = msgspec.json.Decoder(StoredUser).decode
_decode_traits: Final = msgspec.json.Decoder(list[Traits]).decode


class PackedUser(NamedTuple):
    """A user as packed text, and whether the bot met them (see `User.met`)."""

    text: str
    met: bool

    @property
    def fields(self) -> Mapping[str, object]:
        """The object in the text."""
        return cast(Mapping[str, object], loads(self.text))


def pack(user: UserFields, access: Access | None = None) -> str:
    """Return the user as compact JSON text, an object without empty values.

    `access` is the access under which the user is counted, the verdict once every permission that ends by
    itself has ended. Evidence is kind → one or two of [at, qts, until, detail], without default values at the
    end. Lone surrogates are escaped, so that any text can be stored.
    """
    values: tuple[Any, ...] = (*user.profile, *astuple(user)[3:], access, user.evidence.spans)
    return dumps(StoredUser(*values))


def pack_new(user: UserFields | StoredUser, spans: Spans, access: Access, imported: int) -> str:
    """Return a user as `pack` would, with the evidence `spans`; the user stays as it is.

    `imported` is when an admin imported them, 0 for somebody who came to the bot in another way.
    """
    stored = user if isinstance(user, StoredUser) else StoredUser(*user.profile, *astuple(user)[3:])
    before = stored.access, stored.evidence, stored.known_by, stored.first_seen
    stored.profile_language = stored.profile_language or None
    stored.language = stored.language or None
    stored.access = access
    stored.evidence = spans  # type: ignore[assignment]  # it is packed in the same way
    if imported:
        stored.known_by = stored.known_by | {Way.IMPORT: imported}
        stored.first_seen = stored.first_seen or imported
    try:
        return dumps(stored)
    finally:
        stored.access, stored.evidence, stored.known_by, stored.first_seen = before


def refreshed(text: str) -> PackedUser:
    """Return a user that was packed, also by an older version, as `pack` writes them now.

    Raise ValueError if the text holds none. This takes a third of the time of `unpack` and `pack`.
    """
    try:
        stored = _decode_stored(text)
        if stored.current:
            met = bool(stored.known_by or stored.evidence)
            return PackedUser(_packed(stored) if text.startswith(_SPACED) else text, met)
    except UNREADABLE:
        pass
    record = unpack(text)
    return PackedUser(pack(record.fields, record.counted), record.user.met)


def tidied(text: str) -> str:
    """Return a text that a database has changed as `pack` writes it, any other as it is."""
    if text.startswith(_SPACED):
        with suppress(*UNREADABLE):
            return _packed(_decode_stored(text))
    return text


def _packed(stored: StoredUser) -> str:
    """Return the text of a user, who is used up."""
    stored.evidence = stored.spans()  # type: ignore[assignment]  # it is packed in the same way
    return dumps(stored)


def unpack(text: str) -> UserRecord:
    """Return the user that was packed, also by an older version; ValueError if the text holds none."""
    try:
        stored = _decode_stored(text)
        if stored.current:
            return UserRecord(stored.user(), stored.access)
    except UNREADABLE:
        pass
    # Another version packed it, or it has a lone surrogate, or it holds no user.
    try:
        fields = cast(dict[str, Any], loads(text))
        access = fields.pop("access", None)
        return UserRecord(user_of(fields), None if access is None else _ACCESSES[access])
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not a user: {type(error).__name__}") from error


def traits_of(texts: str) -> Sequence[Recipient]:
    """Return what audiences ask of the users in a JSON array, packed also by an older version.

    Raise ValueError if it holds anything else.
    """
    try:
        return _decode_traits(texts)
    except UNREADABLE:
        pass
    try:
        return [
            User(user_of({name: value for name, value in fields.items() if name != "access"}))
            for fields in cast(list[dict[str, object]], loads(texts))
        ]
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not users: {type(error).__name__}") from error


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
    spans: Spans = {}
    for name, span in take("evidence", {}).items():
        kind = _KINDS[name]
        first, *others = span[:2]
        found = [_Seen(*one) for one in (first, *others)]
        if not all(type(one.at) is type(one.qts) is int for one in found):
            raise TypeError("evidence without a time")
        spans[kind] = tuple([seen_of(*astuple(one)) for one in found])
    known_by: dict[Way, int] = {}
    for name, at in take("known_by", {}).items():
        way = _WAYS.get(name, Way.OTHER)
        known_by[way] = min(at, known_by.get(way, at))
    if "history" in fields:
        fields["history"] = [Change(*change) for change in fields["history"]]
    if "join_requests" in fields:
        fields["join_requests"] = {int(chat): at for chat, at in fields["join_requests"].items()}
    if "data" in fields:
        fields["data"] = data_of(fields["data"])
    if "talks" in fields:
        fields["talks"] = talks_of(fields["talks"])
    modernise(fields)
    return UserFields(user_id, profile, Record(spans), known_by=known_by, **fields)


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
