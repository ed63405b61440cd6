"""Compiled readers, held to Telethon's own: the same objects, and errors for the same bytes."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, types

from tests.scenarios.oddities import Oddities
from tgbot.telegram.wire import readers
from tgbot.telegram.wire.readers import HOT, Reader, read_object

USERS = [5_000_000_001, 7]


def shown(thing: Any) -> Any:
    """Return what an object is, with all that is in it, also what Telethon keeps for itself."""
    if isinstance(thing, TLObject):
        fields = {name: shown(value) for name, value in sorted(vars(thing).items())}
        return type(thing).__name__, fields, list(vars(thing)) if not fields else None
    if isinstance(thing, list):
        return [shown(one) for one in thing]
    return (type(thing).__name__, thing, thing.tzinfo if isinstance(thing, datetime) else None)


def outcome(reader: BinaryReader) -> Any:
    """Return what a reader reads and where it stops, None if it raises an error."""
    try:
        return shown(reader.tgread_object()), reader.tell_position()
    except Exception:  # Telethon's reader raises whatever struct and bytes raise
        return None


@pytest.mark.parametrize("kind", HOT, ids=lambda kind: kind.__name__)
def test_a_compiled_reader_reads_what_telethon_reads(kind: Any) -> None:
    assert kind.CONSTRUCTOR_ID.to_bytes(4, "little") in readers._compiled, (
        "Telethon writes this reader in another way now: see _Compiler"
    )
    oddities = Oddities(kind.CONSTRUCTOR_ID, USERS)
    for _ in range(200):
        data = bytes(oddities.value(kind)) + b"tail"
        expected = outcome(BinaryReader(data))
        assert expected is not None
        assert outcome(Reader(data)) == expected
        assert shown(read_object(data)) == expected[0]


@pytest.mark.parametrize("kind", HOT, ids=lambda kind: kind.__name__)
def test_damaged_bytes_are_read_as_telethon_reads_them(kind: Any) -> None:
    oddities, random = Oddities(kind.CONSTRUCTOR_ID, USERS), Random(kind.CONSTRUCTOR_ID)
    for _ in range(200):
        data = bytearray(bytes(oddities.value(kind)))
        if random.random() < 0.5:
            del data[random.randrange(4, len(data) + 1) :]
        else:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        assert outcome(Reader(bytes(data))) == outcome(BinaryReader(bytes(data)))


def test_a_message_derives_its_sender_as_telethon_has_it() -> None:
    oddities = Oddities(1, USERS)
    senders = set()
    for _ in range(300):
        data = bytes(oddities.value(types.Message))
        ours, theirs = read_object(data), BinaryReader(data).tgread_object()
        assert (ours.sender_id, ours.chat_id, ours.is_private) == (
            theirs.sender_id, theirs.chat_id, theirs.is_private,
        )  # fmt: skip
        assert ours == theirs
        assert ours.to_dict() == theirs.to_dict()
        senders.add(ours.sender_id)
    assert len(senders) > 2


def test_two_objects_of_a_class_share_nothing() -> None:
    data = bytes(
        types.Updates(
            [types.UpdateNewMessage(types.Message(1, types.PeerUser(7), message="text"), 2, 1)],
            [],
            [],
            None,
            0,
        )
    )
    one, two = read_object(data), read_object(data)
    one.updates[0].message.message = "changed"
    one.users.append(None)
    assert two.updates[0].message.message != "changed"
    assert two.users == []


def test_a_reader_of_a_form_that_is_not_known_is_left_to_telethon(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(types.PeerUser):  # type: ignore[misc]  # Telethon's classes are untyped
        @classmethod
        def from_reader(cls, reader: Any) -> Any:
            _user_id = reader.read_long() + 0
            return cls(user_id=_user_id)

    assert readers._compile_all([Odd]) == {}
