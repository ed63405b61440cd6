"""What a file of users says of one of them."""

from __future__ import annotations

import json.encoder
from collections.abc import Callable, Mapping
from typing import Final

from pydantic_core import PydanticCustomError

from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.users import HISTORY_LENGTH, JOIN_REQUESTS_KEPT, UserFields, Way
from tgbot.store.peers import Peer
from tgbot.store.transfer.cells import CellError, flag_of, names_of, number_of, text_of, time_of
from tgbot.store.transfer.columns import layout, plain
from tgbot.store.transfer.exported import ExportedUser
from tgbot.store.transfer.fields import (
    COLUMNS,
    EntryError,
    Fields,
    FieldsError,
    checked,
    checked_id,
    digits,
    loaded,
)
from tgbot.store.user_json import PackedUser, StoredUser, modernise, unpack, user_of

#: How far ahead of this machine's clock a time may lie, in seconds. Evidence from the future would outweigh
#: all that comes until then.
AHEAD: Final = 24 * 60 * 60
_quoted: Final = json.encoder.encode_basestring_ascii


class Entry:
    """What a file has of one user, or a session of one chat."""

    __slots__ = ("id", "packed", "partial", "peer", "said")

    def __init__(
        self,
        id: int,
        said: UserFields | StoredUser | bytes | None,
        peer: Peer | None = None,
        partial: bool = False,
    ) -> None:
        #: The marked id.
        self.id = id
        #: The user, in the form in which they were read, or packed; None for a chat, and for the bot itself.
        self.said = said
        self.peer = peer
        #: Whether the file has no more of the profile than one name and the usernames.
        self.partial = partial
        #: The user as text, and the access, as they are stored if nothing is stored of them yet; None if that
        #: is not known.
        self.packed: tuple[str, Access] | None = None

    @property
    def user(self) -> UserFields | None:
        """The user; None for a chat, and for the bot itself."""
        if isinstance(self.said, bytes):
            self.said = unpack(self.said.decode()).fields
        elif isinstance(self.said, StoredUser):
            self.said = self.said.user()
        return self.said

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        mine, theirs = (self.id, self.peer, self.partial), (other.id, other.peer, other.partial)
        return mine == theirs and self.user == other.user

    __hash__ = None  # type: ignore[assignment]  # equal by content, which may change

    def __repr__(self) -> str:
        return f"Entry(id={self.id})"


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

# ---- from a file ---------------------------------------------------------------------------------


def from_fields(fields: Mapping[str, object], now: int, bot_id: int, id_name: str = "") -> Entry:
    """Return the entry of an object; `id_name` is the name of the field with the id, where it was given.

    An empty value says nothing, and fields with other names are ignored. Raise EntryError for what cannot be
    understood, for a user of another bot than `bot_id`, and for times more than a day after `now`.
    """
    if id_name or not _OURS.issuperset(fields):
        fields = _renamed(fields, id_name)
    given = dict(fields)
    if not all(given.values()):
        for name, value in fields.items():
            if not value and not isinstance(value, int) and name != "hash_usernames":
                del given[name]
    _take_out_of_preferences(given)
    return _entry(checked(given, now + AHEAD), bot_id)


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
            return _entry(checked(given, now + AHEAD), bot_id)
        except FieldsError as error:
            for name in _NEEDED & error.wrong.keys():
                raise EntryError(error.wrong[name]) from None
            for name, said in error.wrong.items():
                unclear(name, said.removeprefix(f"{name} "))
                del given[name]


def _renamed(fields: Mapping[str, object], id_name: str) -> dict[str, object]:
    """Return the fields under our names."""
    names, values = tuple(fields), list(fields.values())
    found = layout(names, COLUMNS, id_name)
    renamed = {name: values[place] for name, place in found.fields.items()}
    for place in found.ids:
        value = digits(values[place])
        if value != renamed.setdefault("id", value) and isinstance(value, int) and value > 0:
            both = f"{plain(names[found.ids[0]])} and {plain(names[place])}"
            raise EntryError(f"{both} are different ids: choose one with --id")
    return renamed


def _take_out_of_preferences(given: dict[str, object]) -> None:
    """Put what older versions kept among the preferences into its fields, to be checked like them."""
    if "preferences" not in given:
        return
    try:
        preferences = loaded(given["preferences"])
    except PydanticCustomError:
        return  # what is not JSON is refused with the rest
    if isinstance(preferences, dict):
        given["preferences"] = dict(preferences)
        try:
            modernise(given)
        except (ValueError, AttributeError, TypeError):
            raise EntryError("preferences holds join requests that cannot be read") from None


def from_exported(read: ExportedUser) -> Entry:
    """Return the entry of a user out of an export, from whom what the session has is taken away."""
    entry = Entry(read.id, read, _peer(read) if read.access_hash else None)
    read.bot_id = read.access_hash = 0
    read.hash_seen = read.hash_usernames = None
    read.hash_name = read.hash_phone = ""
    return entry


def _entry(valid: Fields, bot_id: int) -> Entry:
    if valid.bot_id not in (0, bot_id):
        raise EntryError("bot_id is another bot's, whose access hashes and message ids mean nothing here")
    read = valid.__dict__
    user = user_of({name: read[name] for name in valid.model_fields_set - _NOT_OF_USER})
    user.evidence = Record.of(user.evidence)
    if user.history:
        del user.history[:-HISTORY_LENGTH]
    if len(user.join_requests) > 1:
        requests = sorted(user.join_requests.items(), key=lambda request: request[1])
        user.join_requests = dict(requests[-JOIN_REQUESTS_KEPT:])
    for flag, kind in ((user.profile.bot, Kind.IS_BOT), (user.profile.deleted, Kind.DELETED)):
        if flag and kind not in user.evidence.spans:
            user.evidence.add(Evidence(kind, user.last_seen))
    return Entry(user.id, user, _peer(valid) if valid.access_hash else None)


def from_id(value: object) -> Entry:
    """Return the entry of a user of whom the file has only the id."""
    user_id = checked_id(value)
    return Entry(user_id, StoredUser(user_id))


def from_peer(marked_id: int, peer: Peer, bot_id: int, now: int) -> Entry:
    """Return the entry of a session's row: an access hash, one name, usernames and when they were seen."""
    if marked_id <= 0 or marked_id == bot_id:
        return Entry(marked_id, None, peer)
    seen = min(peer.seen, now)
    user = StoredUser(marked_id, peer.title or "", usernames=peer.names)
    user.first_seen = user.last_seen = seen
    user.known_by = {Way.IMPORT: seen or now}
    return Entry(marked_id, user, peer if peer.access_hash else None, partial=True)


def _peer(read: Fields | ExportedUser) -> Peer:
    names = read.usernames if read.hash_usernames is None else read.hash_usernames
    title, phone = read.hash_name or f"{read.first_name} {read.last_name}".strip(), read.hash_phone
    if not title.isascii():
        title = _writable(title)
    if not phone.isascii():
        phone = _writable(phone)
    seen = read.last_seen if read.hash_seen is None else read.hash_seen
    lowered = tuple([(name if name.isascii() else _writable(name)).lower() for name in names])
    return Peer(int(read.access_hash), lowered, phone or None, title or None, seen)


def _writable(text: str) -> str:
    """Return a text as a session can hold it, with "?" in the place of lone surrogates."""
    return text.encode(errors="replace").decode()


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
