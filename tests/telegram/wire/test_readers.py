"""Compiled readers, held to Telethon's own: the same objects, and errors for the same bytes."""

from __future__ import annotations

import struct
from datetime import datetime
from random import Random
from typing import Any

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, types

from tests.scenarios.oddities import Oddities
from tgbot.telegram.wire import compiling, readers
from tgbot.telegram.wire.compiling import HotClass
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


@pytest.mark.parametrize("answer", [True, False])
def test_true_and_false_are_read_as_telethon_reads_them(answer: bool) -> None:
    data = (0x997275B5 if answer else 0xBC799737).to_bytes(4, "little") + b"tail"
    assert data[:4] in readers._compiled
    assert outcome(Reader(data)) == outcome(BinaryReader(data)) == (("bool", answer, None), 4)


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


@pytest.mark.parametrize("kind", HOT, ids=lambda kind: kind.__name__)
def test_the_reader_for_flags_that_arrive_often_reads_the_same(kind: Any) -> None:
    oddities, random = Oddities(kind.CONSTRUCTOR_ID, USERS), Random(kind.CONSTRUCTOR_ID)
    for _ in range(40):
        data = bytes(oddities.value(kind))
        expected = outcome(BinaryReader(data))
        for _ in range(compiling._OFTEN + 1):
            assert outcome(Reader(data)) == expected
        for _ in range(20):
            damaged = bytearray(data[: random.randrange(4, len(data) + 1)])
            if len(damaged) > 12 and random.random() < 0.5:
                damaged[random.randrange(12, len(damaged))] ^= 1 << random.randrange(8)
            assert outcome(Reader(bytes(damaged))) == outcome(BinaryReader(bytes(damaged)))


def test_a_new_private_message_has_a_reader_of_its_own_which_reads_the_same() -> None:
    oddities, random = Oddities(5, USERS), Random(5)
    forms = hot(types.Updates)
    read = forms.reader()

    def ours(data: bytes) -> Any:
        try:
            thing, end = read(data, 4)
        except Exception:  # as above
            return None
        return shown(thing), end

    for entities in (None, [types.MessageEntityBotCommand(0, 6)]):
        for out in (False, True):
            message = types.Message(1, types.PeerUser(7), message="/start", out=out, entities=entities)
            for users in ([oddities.value(types.User)], [], [oddities.value(types.User) for _ in range(2)]):
                data = bytes(types.Updates([types.UpdateNewMessage(message, 2, 1)], users, [], None, 0))
                for _ in range(compiling._OFTEN + 1):
                    assert ours(data) == outcome(BinaryReader(data))
                for _ in range(50):
                    damaged = bytearray(data[: random.randrange(29, len(data) + 1)])
                    damaged[random.randrange(28, len(damaged))] ^= 1 << random.randrange(8)
                    assert ours(bytes(damaged)) == outcome(BinaryReader(bytes(damaged)))
    assert len(forms.readers) == 4


def hot(kind: Any) -> HotClass:
    """Return a class with readers of its own, made as those of the bot are."""
    [found] = readers._compile_all([kind]).values()
    return found


def test_flags_that_arrive_often_get_a_reader_and_others_none() -> None:
    users = hot(types.User)
    read = users.reader()
    often = bytes(types.User(7, access_hash=5, first_name="Ann"))
    for number in range(compiling._OFTEN):
        assert len(users.readers) == 0
        assert read(often, 4)[0].first_name == "Ann"
        read(bytes(types.User(7, phone=str(number), verified=bool(number))), 4)
    assert [*users.readers] == [often[:12]]


def test_flags_that_nobody_else_sends_make_neither_readers_nor_memory_without_end() -> None:
    users = hot(types.User)
    read = users.reader()
    for number in range(3 * compiling._COUNTED):
        flags = 1 << 10 | (number & 0x3F) << 11 | (number >> 6) << 23
        for _ in range(compiling._OFTEN):
            read(struct.pack("<Iiiq", types.User.CONSTRUCTOR_ID, flags & ~0x4000, 0, 7) + bytes(400), 4)
    assert len(users.readers) == compiling._READERS
    assert len(users._counts) <= compiling._COUNTED


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
