"""Updates as bytes and back: each kind that can be parked, with those whom it names."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import pytest
from telethon.tl import TLObject, types
from telethon.tl.alltlobjects import tlobjects

from tgbot.telegram.updates.keys import marked_entity, stable_key
from tgbot.telegram.updates.packing import pack, unpack


def kinds() -> list[type]:
    """Return the kinds of updates that have a pts or a qts: those that can have a key."""
    found = []
    for name, kind in vars(types).items():
        if inspect.isclass(kind) and name.startswith("Update") and issubclass(kind, TLObject):
            fields = inspect.signature(kind.__init__).parameters
            if "qts" in fields or "pts_count" in fields:
                found.append(kind)
    return found


def made(kind: Any, depth: int = 0) -> Any:
    """Return an instance of a TL class: all fields of an update, and of what is in it only what must be."""
    values = {}
    for name, field in list(inspect.signature(kind.__init__).parameters.items())[1:]:
        annotation = str(field.annotation).replace("typing.", "")
        if field.annotation is not field.empty and (not depth or field.default is field.empty):
            values[name] = value(re.sub(r"^Optional\[(.*)\]$", r"\1", annotation), depth)
    return kind(**values)


def value(annotation: str, depth: int) -> Any:
    if annotation.startswith("List["):
        return [value(annotation[5:-1], depth)]
    annotation = re.sub(r"[^A-Za-z.]|ForwardRef|class", "", annotation)
    plain = {"int": 7, "str": "text", "bytes": b"bytes", "bool": True, "float": 1.5}
    if annotation in plain:
        return plain[annotation]
    if "datetime" in annotation:
        return DATE
    if annotation == "TypeMessage":
        return types.Message(7, types.PeerUser(7), DATE, "text")
    of_type = crc32(annotation.removeprefix("Type").encode())
    constructors = [kind for kind in tlobjects.values() if of_type == kind.SUBCLASS_OF_ID]
    return made(min(constructors, key=_fields), depth + 1)


def _fields(kind: Any) -> int:
    return len(inspect.signature(kind.__init__).parameters)


DATE = datetime(2026, 11, 26, tzinfo=UTC)
USERS = {7: types.User(7, first_name="Ann", access_hash=1), 8: types.User(8, first_name="Bob", access_hash=2)}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_each_kind_of_update_that_has_a_key_comes_back_as_it_was(kind: Any) -> None:
    update = made(kind)
    (again,), _ = unpack(pack([update], USERS))
    assert type(again) is kind
    assert bytes(again) == bytes(update)
    assert stable_key(again) == stable_key(update)


def test_an_update_takes_along_whom_it_names_and_nobody_else() -> None:
    message = types.Message(
        1,
        types.PeerChannel(30),
        DATE,
        "Ann and Cat",
        from_id=types.PeerUser(7),
        fwd_from=types.MessageFwdHeader(DATE, from_id=types.PeerUser(9)),
        entities=[types.MessageEntityMentionName(0, 3, 10)],
        via_bot_id=11,
    )
    users = [types.User(number, first_name=f"User{number}", access_hash=number) for number in range(7, 14)]
    chats = [
        types.Channel(number, "A channel", types.ChatPhotoEmpty(), None, access_hash=5) for number in (30, 31)
    ]
    chats += [types.ChatForbidden(32, "A group"), types.ChatForbidden(30, "A group")]
    entities = {marked_entity(one): one for one in (*users, *chats)}
    (again,), found = unpack(pack([types.UpdateNewChannelMessage(message, 5, 1)], entities))
    assert bytes(again.message) == bytes(message)
    assert set(found) == {7, 9, 10, 11, -30, -1_000_000_000_030}
    assert all(bytes(one) == bytes(entities[number]) for number, one in found.items())
    assert again._entities is found


def test_several_updates_stay_in_order() -> None:
    updates = [types.UpdateNewMessage(types.MessageEmpty(number, None), number, 1) for number in (3, 1, 2)]
    again, _ = unpack(pack(updates, {}))
    assert [one.message.id for one in again] == [3, 1, 2]


@pytest.mark.parametrize("damage", [b"", b"\xde\xad\xbe\xef", bytes(types.PeerUser(1)), None])
def test_what_is_no_packed_update_is_refused(damage: bytes | None) -> None:
    packed = (
        pack([types.UpdateNewMessage(types.MessageEmpty(1, None), 1, 1)], USERS)[:-3]
        if damage is None
        else damage
    )
    with pytest.raises(Exception):  # noqa: B017, PT011 - what Telethon raises depends on the damage
        unpack(packed)
