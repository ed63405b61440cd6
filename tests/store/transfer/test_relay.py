"""Entries arrive at the running bot as the file had them."""

from __future__ import annotations

import json

import pytest

from tgbot.core.access import Evidence, Kind, Record
from tgbot.core.users import Profile, UserFields, Way
from tgbot.store.peers import Peer
from tgbot.store.transfer.entries import Entry, from_id, from_peer
from tgbot.store.transfer.fields import EntryError
from tgbot.store.transfer.relay import from_rows, from_user, to_objects

BOT, NOW = 42, 1_000_000

FULL = UserFields(
    7,
    Profile(7, "Anna \ud83d", "Lee", ("annalee",), "ru", True),
    first_seen=5,
    last_seen=60,
    known_by={Way.MESSAGE: 5},
    evidence=Record({}),
    preferences={"language": "ru"},
    join_requests={-100: 50},
)
FULL.evidence.add(Evidence(Kind.START, 50))
GONE = UserFields(8, Profile(8, "Bo", deleted=True), last_seen=60)
GONE.evidence.add(Evidence(Kind.DELETED, 60))


@pytest.mark.parametrize(
    "entry",
    [
        Entry(7, FULL, Peer(-(2**62), ("annalee",), "49", "Anna", 55)),
        Entry(8, GONE),
        from_id(9),
        from_peer(10, Peer(3, ("ten",), None, "Ten", 50), BOT, NOW),
        from_peer(11, Peer(0, (), None, None, 0), BOT, NOW),
    ],
    ids=lambda entry: str(entry.id),
)
def test_a_user_comes_out_as_it_went_in(entry: Entry) -> None:
    (user,), peers = to_objects([entry], BOT)
    arrived = from_user(json.loads(json.dumps(user)), partial=entry.partial, now=NOW, bot_id=BOT)
    assert arrived == entry
    assert peers == []


def test_a_chat_comes_out_as_it_went_in() -> None:
    chat = from_peer(-100, Peer(2**62, ("chat",), None, "Chat", 50), BOT, NOW)
    users, peers = to_objects([chat], BOT)
    assert users == []
    assert from_rows(peers) == {-100: chat.peer}


def test_a_user_of_another_bot_is_refused() -> None:
    (user,), _ = to_objects([from_id(9)], BOT + 1)
    with pytest.raises(EntryError, match="another bot's"):
        from_user(user, partial=False, now=NOW, bot_id=BOT)
