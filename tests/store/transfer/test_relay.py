"""Entries arrive at the running bot as the file had them."""

from __future__ import annotations

import json

import pytest

from tgbot.core.access import Evidence, Kind, Record
from tgbot.core.talks import KeptTalk, Step
from tgbot.core.users import Profile, UserFields, Way
from tgbot.operate.control import REQUEST_BYTES
from tgbot.store.peers import Peer
from tgbot.store.transfer.entries import Entry, from_id, from_peer
from tgbot.store.transfer.fields import EntryError
from tgbot.store.transfer.relay import from_rows, from_user, portions, to_objects

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
    data={"shop": {"cart": [1, 0.5, "\ud83d"]}},
    talks={-100: KeptTalk("order", "k", 5, steps=(Step("ask", "size", 3, 4, True, {"a": None}),))},
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


def talkative(user_id: int, letter: str) -> Entry:
    talk = KeptTalk("order", "k", 5, text=letter * 20_000)
    data = {"shop": {"note": letter * 5_000}}
    return Entry(user_id, UserFields(user_id, Profile(user_id), data=data, talks={5: talk}))


@pytest.mark.parametrize("letter", ["x", "ж", "\ud83d"])
def test_portions_have_everybody_in_order_and_fit_into_a_command(letter: str) -> None:
    chunk = [talkative(n, letter) if n % 10 else from_id(n) for n in range(1, 150)]
    chunk[60:60] = [from_id(n) for n in range(1_000, 1_200)]
    found = list(portions(chunk, 50))
    assert [entry for part in found for entry in part] == chunk
    assert max(map(len, found)) == 50
    for part in found:
        users, _ = to_objects(part, BOT)
        assert len(json.dumps(users)) < 0.9 * REQUEST_BYTES
    assert len(found) < 25


def test_somebody_of_whom_very_much_is_kept_is_a_portion_alone() -> None:
    talks = {chat: KeptTalk("order", "k", 5, text="ж" * 30_000) for chat in range(1, 16)}
    long = Entry(2, UserFields(2, Profile(2), talks=talks))
    found = list(portions([from_id(1), long, from_id(3)], 50))
    assert [[entry.id for entry in part] for part in found] == [[1], [2], [3]]
    assert len(json.dumps(to_objects([long], BOT)[0])) < 0.9 * REQUEST_BYTES
    assert list(portions([long, long], 50)) == [[long], [long]]
    assert list(portions([], 50)) == []


def test_a_chat_comes_out_as_it_went_in() -> None:
    chat = from_peer(-100, Peer(2**62, ("chat",), None, "Chat", 50), BOT, NOW)
    users, peers = to_objects([chat], BOT)
    assert users == []
    assert from_rows(peers) == {-100: chat.peer}


def test_a_user_of_another_bot_is_refused() -> None:
    (user,), _ = to_objects([from_id(9)], BOT + 1)
    with pytest.raises(EntryError, match="another bot's"):
        from_user(user, partial=False, now=NOW, bot_id=BOT)
