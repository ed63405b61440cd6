"""Users as the rows of a table that an export writes: each field a cell, as an import reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import astuple

from tgbot.store.json_text import UNREADABLE, dumps, loads
from tgbot.store.peers import Peer
from tgbot.store.transfer.cells import guarded
from tgbot.store.transfer.fields import COLUMNS
from tgbot.store.user_json import PackedUser

_TEXTS: Final = (
    *("first_name", "last_name", "language", "profile_language"),
    *("first_payload", "last_payload"),
)
_OBJECTS: Final = ("known_by", "evidence", "history", "preferences", "join_requests", "data", "talks")
_FLAGS: Final = ("premium", "bot", "deleted")
#: A cell as it is read.
_Cell: TypeAlias = Any
#: Of numbers from here on a spreadsheet may change the last digits into zeros.
_EXACT: Final = 10**15


def _type_of(column: str) -> object:
    """Return how a column is read out of a packed user: an object stays the JSON that it is."""
    if column in _TEXTS or column == "access":
        return str | None
    if column in _FLAGS:
        return bool
    if column == "usernames":
        return list[str]
    return msgspec.Raw if column in _OBJECTS else int


#: A packed user with the cells of a row, in order; what the text does not name is an empty cell.
_Row: Final = msgspec.defstruct("_Row", [(name, _type_of(name), "") for name in COLUMNS], gc=False)
_decode: Final = msgspec.json.Decoder(_Row).decode
_PLACES: Final = {name: place for place, name in enumerate(COLUMNS)}
_TEXT_PLACES: Final = tuple(_PLACES[name] for name in _TEXTS)
_OBJECT_PLACES: Final = tuple(_PLACES[name] for name in _OBJECTS)
_FLAG_PLACES: Final = tuple(_PLACES[name] for name in _FLAGS)
_NUMBER_PLACES: Final = tuple(
    place for name, place in _PLACES.items() if _type_of(name) is int and not name.startswith("hash_")
)
_USERNAMES: Final = _PLACES["usernames"]
_BOT: Final = _PLACES["bot_id"]
_HASH: Final = _PLACES["access_hash"]


def to_cells(user: PackedUser, peer: Peer | None, bot_id: int | None) -> Sequence[str | int]:
    """Return the user as a row under `COLUMNS`, as the csv module writes it."""
    try:
        cells = [*astuple(_decode(user.text))]
    except UNREADABLE:  # a lone surrogate
        cells = _cells_of(user)
    for place in _TEXT_PLACES:
        if text := cells[place]:
            cells[place] = guarded(text)
    for place in _OBJECT_PLACES:
        if (packed := cells[place]) != "":
            cells[place] = bytes(packed).decode()
    for place in _FLAG_PLACES:
        if cells[place] != "":
            cells[place] = int(cells[place])
    for place in _NUMBER_PLACES:
        if (number := cells[place]) != "" and number >= _EXACT:
            cells[place] = guarded(str(number))
    names = cells[_USERNAMES]
    shown = cells[_USERNAMES] = guarded(" ".join(names)) if names else ""
    if bot_id is not None:
        cells[_BOT] = bot_id
    if peer is not None:
        hash = peer.access_hash
        phone = "" if peer.phone is None else guarded(str(peer.phone))
        cells[_HASH:] = (
            hash if 0 <= hash < _EXACT else guarded(str(hash)),
            peer.seen,
            shown if [*peer.names] == names else guarded(" ".join(peer.names)),
            guarded(peer.title) if peer.title else "",
            phone,
        )
    return cells


def _cells_of(user: PackedUser) -> list[_Cell]:
    cells: list[_Cell] = [""] * len(COLUMNS)
    found = loads(user.text)
    assert isinstance(found, dict)
    for name, value in found.items():
        cells[_PLACES[name]] = dumps(value).encode() if name in _OBJECTS else value
    return cells
