"""Users of an import that need no merge are stored as the merge would store them."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.contracts import counted, recounted
from tests.store.memory import MemoryRegistry, MemoryRows
from tests.store.test_stores import BreakableRows
from tests.store.transfer.test_entries import BOT, NOW, PEER, packed, users
from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.errors import StorageFailedError
from tgbot.core.users import Profile, UserFields, Way
from tgbot.store.peers import Peer
from tgbot.store.record import UserRecord
from tgbot.store.registry import Registry
from tgbot.store.stored import Changes
from tgbot.store.transfer.entries import AHEAD, Entry, from_exported, from_id, from_peer, to_json
from tgbot.store.transfer.exported import from_line
from tgbot.store.transfer.merging import merge_users
from tgbot.store.transfer.newcomers import pack_as_new, told_apart
from tgbot.store.user_json import pack


async def merged(entry: Entry, rows: MemoryRows | None = None) -> tuple[str, Access]:
    """Return text and access of a user as the merge stores them."""
    rows = rows or MemoryRows()
    registry = Registry(rows, lambda: NOW)
    assert await merge_users(registry, [entry], NOW) == [None]
    await registry.flush()
    (access,) = (access for access, number in registry.count().by.items() if number)
    return str(rows.one(entry.id)), access


def packed_as_new(entry: Entry) -> tuple[str, Access] | None:
    pack_as_new([entry], NOW)
    return entry.packed


def person(user_id: int, name: str = "Anna") -> UserFields:
    return UserFields(user_id, Profile(user_id, name), known_by={Way.MESSAGE: 5}, last_seen=5)


def line_of(user: UserFields) -> str:
    return to_json(packed(UserRecord(user)), PEER, BOT)


@given(users(), st.booleans())
def test_a_newcomer_is_stored_as_the_merge_would_store_them(user: UserFields, exported: bool) -> None:
    read = from_line(line_of(user), NOW + AHEAD, BOT) if exported else None
    entry = Entry(user.id, deepcopy(user)) if read is None else from_exported(read)
    found = packed_as_new(entry)
    assert (found is None) == (Kind.JOIN_REQUEST in user.evidence.spans or bool(user.preferences))
    if found is not None:
        # The entry is as it was before.
        assert found == asyncio.run(merged(entry))


@pytest.mark.parametrize(
    "entry", [from_id(9), from_peer(9, Peer(3, ("nine",), None, "Nine", 50), BOT, NOW)], ids=["id", "session"]
)
async def test_one_of_whom_little_is_known_is_stored_as_the_merge_would(entry: Entry) -> None:
    assert packed_as_new(entry) == await merged(entry)


async def test_only_those_of_whom_something_else_is_stored_are_to_be_merged() -> None:
    registry = MemoryRegistry()
    await merge_users(registry, [Entry(1, person(1)), Entry(2, person(2, "Old"))], NOW)
    await registry.flush()
    asking = Entry(4, UserFields(4, Profile(4), Record.of([Evidence(Kind.JOIN_REQUEST, 5)])))
    twice = Entry(5, person(5)), Entry(5, person(5, "Later"))
    chunk = [Entry(1, person(1)), Entry(2, person(2)), Entry(3, person(3)), asking, *twice]
    chat = from_peer(-100, PEER, BOT, NOW)
    pack_as_new([*chunk, chat], NOW)
    found, others = await told_apart(registry, [*chunk, chat])
    assert found.unchanged == 1
    assert found.texts == {3: pack(person(3), Access.UNKNOWN)}
    assert found.accesses == {3: Access.UNKNOWN}
    assert others == [chunk[1], *chunk[3:]]


async def test_a_user_who_is_stored_under_another_access_is_to_be_merged() -> None:
    rows = MemoryRows()
    await rows.write(Changes({1: pack(person(1), Access.BLOCKED)}))
    entry = Entry(1, person(1))
    pack_as_new([entry], NOW)
    found, others = await told_apart(Registry(rows, lambda: NOW), [entry])
    assert (found.unchanged, found.texts, len(others)) == (0, {}, 1)


async def test_added_users_are_counted_and_found() -> None:
    rows = MemoryRows()
    registry = Registry(rows, lambda: NOW)
    await registry.load([1, 2])  # nobody is there yet, which is remembered
    gone = UserFields(2, Profile(2), Record.of([Evidence(Kind.BOT_STOPPED, 5)]))
    texts = {1: pack(person(1), Access.UNKNOWN), 2: pack(gone, Access.BLOCKED)}
    await registry.add(texts, {1: Access.UNKNOWN, 2: Access.BLOCKED})
    wanted = {"unknown": 1, "blocked": 1}
    assert counted(registry) == wanted == recounted(registry, NOW)
    assert {key: n for key, n in json.loads(rows.notes()["counts"]).items() if n} == wanted
    assert registry.get(1) is not None
    registry.record(1, Evidence(Kind.MESSAGE, 9))
    await registry.flush()
    assert counted(Registry(rows, lambda: NOW)) == {"reachable": 1, "blocked": 1}


async def test_users_who_could_not_be_added_do_not_count() -> None:
    rows = BreakableRows()
    registry = Registry(rows, lambda: NOW)
    rows.broken = True
    with pytest.raises(StorageFailedError):
        await registry.add({1: pack(person(1), Access.UNKNOWN)}, {1: Access.UNKNOWN})
    assert counted(registry) == {}
    rows.broken = False
    await registry.add({1: pack(person(1), Access.UNKNOWN)}, {1: Access.UNKNOWN})
    assert counted(registry) == counted(Registry(rows, lambda: NOW)) == {"unknown": 1}
