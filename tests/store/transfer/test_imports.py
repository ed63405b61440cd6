"""Imports and exports with the bot's own files: what is imported, what is kept, what is exported."""

from __future__ import annotations

import csv
import json
import sqlite3
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from telethon.sessions import SQLiteSession
from telethon.tl import types

from tests.store.transfer.places import ANNA, BORIS, BOT, CLARA, TALK, Place
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.broadcasts import NEWS, NO_NEWS, Audience
from tgbot.core.errors import ExportExistsError, OwnFileError, WrongBotError
from tgbot.core.talks import TALK_BYTES
from tgbot.core.users import DATA_BYTES, Profile, Way
from tgbot.store.base import UpdateState
from tgbot.store.peers import Peer, UsernameRow
from tgbot.store.sqlite.peers import Peers
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.sqlite.userfile import SqliteRegistry, open_readonly
from tgbot.store.transfer.forms import Form, UserFile
from tgbot.store.transfer.imports import Summary, into_place, take_in
from tgbot.store.transfer.sessions import make_session


@pytest.mark.parametrize("form", Form)
async def test_export_import_export_gives_the_same_file(
    form: Form, lived_in: Place, place: Place, tmp_path: Path
) -> None:
    first = lived_in.export(tmp_path / f"first.{form}")
    summary = await place.take(tmp_path / f"first.{form}")
    assert (summary.refused, summary.new) == (0, 2 if form is Form.SESSION else 3)
    assert place.export(tmp_path / f"second.{form}") == first
    with Peers(place.session) as peers:
        assert peers.get([ANNA])[ANNA].access_hash == 2**62
        assert peers.get([BORIS])[BORIS].names == ("boris", "bear")
        assert peers.bot_id() == BOT


@pytest.mark.parametrize("form", Form)
async def test_what_a_bot_exported_changes_nothing_in_it(form: Form, lived_in: Place, tmp_path: Path) -> None:
    lived_in.export(tmp_path / f"own.{form}")
    before = lived_in.export(tmp_path / "before.json"), lived_in.export(tmp_path / "before.session")
    summary = await lived_in.take(tmp_path / f"own.{form}")
    assert (summary.new, summary.changed, summary.peers) == (0, 0, 0)
    assert summary.unchanged == summary.read > 0
    assert (lived_in.export(tmp_path / "after.json"), lived_in.export(tmp_path / "after.session")) == before
    session = DurableSession(lived_in.session)
    assert session.update_state() == UpdateState(1, 2, 3, 4)
    session.close()


async def test_the_registry_that_an_import_made_is_a_registry(
    lived_in: Place, place: Place, tmp_path: Path
) -> None:
    lived_in.export(tmp_path / "all.json")
    await place.take(tmp_path / "all.json")
    with closing(SqliteRegistry(place.registry, clock=time.time)) as users:
        assert {a: n for a, n in users.count().by.items() if n} == {
            Access.REACHABLE: 2,  # Clara for as long as her request is open
            Access.BLOCKED: 1,
        }
        anna = users.get(ANNA)
        assert anna is not None
        assert (anna.first_name, anna.chosen_language, anna.first_payload) == ("Änna", "ru", "spring")
        assert users.last_finished(ANNA) == 7
        assert anna.greeted_access_id == 6
        clara = users.get(CLARA)
        assert clara is not None
        assert clara.join_requests == {-1_000_000_000_077: 95}
        assert [change.field for change in anna.history] == ["language", "first_name"]
        users.record(BORIS, Evidence(Kind.BOT_UNBLOCKED, 96, 5))
        await users.flush()
    assert place.counts() == {"reachable": 3}


async def test_counts_stay_true_over_several_imports(lived_in: Place, tmp_path: Path) -> None:
    before = lived_in.counts()
    (tmp_path / "more").write_text(
        f'{{"id": 7}}\n{{"id": 7}}\n{{"id": {BORIS}, "evidence": {{"message": [[99]]}}}}'
    )
    summary = await lived_in.take(tmp_path / "more")
    assert (summary.read, summary.new, summary.changed) == (3, 1, 1)
    assert lived_in.counts() == {"reachable": before["reachable"] + 1, "unknown": 1}
    again = await lived_in.take(tmp_path / "more", now=int(time.time()) + 100)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 2)


async def test_somebody_of_whom_only_a_finished_message_was_kept_is_new(
    lived_in: Place, tmp_path: Path
) -> None:
    with closing(SqliteRegistry(lived_in.registry, clock=time.time)) as users:
        users.forget(ANNA)
        await users.flush()
    (tmp_path / "ids").write_text(str(ANNA))
    assert (await lived_in.take(tmp_path / "ids")).new == 1
    with closing(SqliteRegistry(lived_in.registry, clock=time.time)) as users:
        assert users.last_finished(ANNA) == 7
        assert users.count().total == 3


async def test_a_dry_run_says_the_same_and_changes_nothing(
    lived_in: Place, place: Place, tmp_path: Path
) -> None:
    lived_in.export(tmp_path / "all.json")
    with (tmp_path / "all.json").open("a") as file:
        file.write('{"id": 7}\nnonsense\n')
    await place.take(tmp_path / "all.json", dry=True)
    assert list(place.session.parent.iterdir()) == []
    (tmp_path / "some").write_text(f'{{"id": {ANNA}, "access_hash": 5, "last_seen": 5}}')
    await place.take(tmp_path / "some")
    place.session.with_name("users.sqlite-wal").unlink(missing_ok=True)
    files = {path: path.read_bytes() for path in place.session.parent.iterdir()}
    told = await place.take(tmp_path / "all.json", dry=True)
    assert {path: path.read_bytes() for path in files} == files
    assert (told.new, told.changed, told.refused, told.peers) == (3, 1, 1, 2)
    done = await place.take(tmp_path / "all.json")
    assert done == told


async def test_a_telethon_session_of_the_bot_is_taken_with_its_chats(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "old.session"
    stock = SQLiteSession(str(path))
    stock.process_entities(
        [
            types.User(ANNA, access_hash=11, first_name="Anna", username="Anna", phone="4911"),
            types.User(BOT, access_hash=12, first_name="Bot", bot=True, username="the_bot"),
            types.Channel(77, "News", types.ChatPhotoEmpty(), None, access_hash=13, username="news"),
        ]
    )
    stock.save()
    stock.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO entities VALUES (0, ?, NULL, NULL, NULL, 0)", (BOT,))
    summary = await place.take(path)
    assert (summary.read, summary.new, summary.peers) == (3, 1, 3)
    assert place.counts() == {"unknown": 1}
    session = DurableSession(place.session)
    try:
        assert session.access_hash(ANNA) == 11
        assert session.access_hash(-1_000_000_000_077) == 13
        found = session.username("anna")
        assert found is not None
        assert found.marked_id == ANNA
    finally:
        session.close()


async def test_an_older_session_takes_no_name_and_no_hash_from_a_newer_one(
    place: Place, tmp_path: Path
) -> None:
    make_session(tmp_path / "new.session", BOT, [(ANNA, Peer(1, ("name",), None, "New", 900))])
    make_session(
        tmp_path / "old.session",
        BOT,
        [(ANNA, Peer(2, ("older",), None, "Old", 800)), (BORIS, Peer(3, ("name", "own"), None, "B", 700))],
    )
    await place.take(tmp_path / "new.session")
    assert (await place.take(tmp_path / "old.session")).peers == 1
    with Peers(place.session) as peers:
        assert peers.get([ANNA, BORIS]) == {
            ANNA: Peer(1, ("name",), None, "New", 900),
            BORIS: Peer(3, ("own",), None, "B", 700),
        }
    make_session(tmp_path / "later.session", BOT, [(BORIS, Peer(3, ("name",), None, "B", 950))])
    await place.take(tmp_path / "later.session")
    with Peers(place.session) as peers:
        assert [peer.names for _, peer in sorted(peers.get([ANNA, BORIS]).items())] == [(), ("name",)]


async def test_within_one_file_a_name_belongs_to_whom_it_was_seen_with_last(
    place: Place, tmp_path: Path
) -> None:
    for later, older in ((ANNA, BORIS), (BORIS, ANNA)):
        place.session.unlink(missing_ok=True)
        (tmp_path / "file").write_text(
            f'{{"id": {later}, "access_hash": 2, "hash_seen": 9, "usernames": ["name"]}}\n'
            f'{{"id": {older}, "access_hash": 1, "hash_seen": 5, "usernames": ["name"]}}\n'
        )
        await place.take(tmp_path / "file")
        with Peers(place.session) as peers:
            assert peers.owners(["name"]) == {"name": UsernameRow(later, 9)}


async def test_peers_that_come_in_leave_the_checkpoint_as_it_was(lived_in: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f'{{"id": {CLARA}, "access_hash": "7", "hash_seen": 9}}')
    assert (await lived_in.take(tmp_path / "file")).peers == 1
    session = DurableSession(lived_in.session)
    try:
        assert session.update_state() == UpdateState(1, 2, 3, 4)
        assert session.access_hash(CLARA) == 7
    finally:
        session.close()


async def test_another_bot_s_directory_and_the_bot_s_own_files_are_refused(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("7")
    await place.take(tmp_path / "ids")
    with pytest.raises(OwnFileError):
        await place.take(place.session)
    with closing(sqlite3.connect(place.session)) as connection, connection:
        connection.execute("UPDATE entities SET hash = 43 WHERE id = 0")
    with pytest.raises(WrongBotError):
        await place.take(tmp_path / "ids")


async def test_an_import_that_is_interrupted_keeps_what_it_counted(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgbot.store.transfer.imports._CHUNK", 10)
    (tmp_path / "ids").write_text("\n".join(map(str, range(1, 101))))
    now, summary = int(time.time()), Summary()

    def interrupt(done: int) -> None:
        if summary.read >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with into_place(place, bot_id=BOT, now=now) as into:
            await take_in(UserFile(tmp_path / "ids", BOT, now), into, summary=summary, progress=interrupt)
    assert place.counts() == {"unknown": summary.new == 30 and 30}
    rest = await place.take(tmp_path / "ids")
    assert (rest.new, rest.unchanged) == (70, 30)


async def test_a_name_that_no_session_can_hold_is_kept_as_far_as_it_can(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(
        f'{{"id": {ANNA}, "access_hash": 5, "first_name": "A\\ud83d", "usernames": ["a\\ud83d"]}}\n'
        f'{{"id": {BORIS}, "access_hash": 6, "hash_phone": "\\udc00", "hash_name": "B\\ud83d\\ude00"}}\n'
    )
    assert (await place.take(tmp_path / "file")).new == 2
    with Peers(place.session) as peers:
        assert peers.get([ANNA, BORIS]) == {
            ANNA: Peer(5, ("a?",), None, "A?", 0),
            BORIS: Peer(6, (), "?", "B\U0001f600", 0),
        }
    with closing(SqliteRegistry(place.registry, clock=time.time)) as users:
        anna = users.get(ANNA)
        assert anna is not None
        assert anna.first_name == "A\ud83d"


async def test_many_take_little_memory(place: Place, tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        for number in range(1, 20_001):
            yield f'{{"id": {number}, "first_name": "Somebody", "access_hash": "{number}"}}\n'

    with (tmp_path / "many").open("w") as file:
        file.writelines(lines())
    tracemalloc.start()
    try:
        assert (await place.take(tmp_path / "many")).new == 20_000
        assert tracemalloc.get_traced_memory()[1] < 25_000_000
    finally:
        tracemalloc.stop()


async def test_an_export_replaces_nothing_and_leaves_nothing_behind(lived_in: Place, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "all.json"
    target.write_text("precious")
    with pytest.raises(ExportExistsError, match="replaces nothing"):
        lived_in.export(target)
    assert target.read_text() == "precious"
    assert [path.name for path in target.parent.iterdir()] == ["all.json"]


async def test_an_exported_session_opens_in_telethon_and_holds_no_login(
    lived_in: Place, tmp_path: Path
) -> None:
    lived_in.export(tmp_path / "out.session")
    stock = SQLiteSession(str(tmp_path / "out.session"))
    try:
        assert stock.auth_key is None or stock.auth_key.key is None
        assert stock.get_input_entity(ANNA).access_hash == 2**62
        assert stock.get_input_entity("anna").user_id == ANNA
    finally:
        stock.close()


async def test_a_broadcast_reaches_those_who_were_imported(
    lived_in: Place, place: Place, tmp_path: Path
) -> None:
    lived_in.export(tmp_path / "all.json")
    with (tmp_path / "all.json").open("a") as file:
        wrote = '"evidence": {"message": [[99]]}'
        file.write(f'{{"id": 7, {wrote}}}\n{{"id": 8, {wrote}, "preferences": {{"{NEWS}": "{NO_NEWS}"}}}}\n')
    await place.take(tmp_path / "all.json")
    with closing(SqliteRegistry(place.registry, clock=time.time)) as users:
        found = await users.broadcasts.survey(Audience(), time.time())
    assert found.size == 3  # Anna, Clara for as long as her request is open, and the one with a message
    with closing(sqlite3.connect(place.registry)) as connection:
        assert connection.execute("SELECT user FROM users_declining").fetchall() == [(8,)]


# --- what plugins keep


@pytest.mark.parametrize("form", [Form.JSON, Form.CSV])
@pytest.mark.parametrize("dry", [True, False])
async def test_an_import_brings_what_plugins_keep_and_replaces_nothing(
    form: Form, dry: bool, lived_in: Place, place: Place, tmp_path: Path
) -> None:
    with closing(SqliteRegistry(place.registry, clock=time.time)) as users:
        users.seen(Profile(ANNA, "Anna"), 500, Way.MESSAGE)
        users.keep_data(ANNA, "quiz", {"points": 9})
        users.keep_talk(ANNA, ANNA, replace(TALK, key="m5000000001:90", steps=()))
        await users.flush()
    lived_in.export(tmp_path / f"users.{form}")
    summary = await place.take(tmp_path / f"users.{form}", dry=dry)
    assert (summary.refused, summary.new, summary.changed) == (0, 2, 1)
    with closing(open_readonly(place.registry)) as found:
        user = found.get(ANNA)
    assert user is not None
    assert user.data["quiz"] == {"points": 9}
    assert user.talks[ANNA].steps == ()
    assert len(user.data) == len(user.talks) == (1 if dry else 2)
    if not dry:
        assert user.data["shop\ud83d"] == {"cart": ["=1+1", 0.5, 2**70], "who": "A\ud83d,\n"}
        assert user.talks[-1_000_000_000_077] == replace(TALK, key="m-1000000000077:9")
        summary = await place.take(tmp_path / f"users.{form}")
        assert (summary.new, summary.changed, summary.unchanged) == (0, 0, 3)


@pytest.mark.parametrize("what", ["data", "talks"])
async def test_an_import_that_brings_only_what_plugins_keep_is_a_change(
    what: str, place: Place, tmp_path: Path
) -> None:
    user = {"id": ANNA, "first_name": "Anna", "last_seen": 50, "known_by": {"message": 50}}
    kept = {"data": {"shop": {"a": 0.5}}, "talks": {"-100": {"name": "order", "key": "k", "at": 5}}}
    (tmp_path / "users.json").write_text(json.dumps([user]))
    (tmp_path / "more.json").write_text(json.dumps([{**user, what: kept[what]}]))
    assert (await place.take(tmp_path / "users.json")).new == 1
    for dry in (True, False):
        summary = await place.take(tmp_path / "more.json", dry=dry)
        assert (summary.new, summary.changed, summary.unchanged) == (0, 1, 0)
    assert (await place.take(tmp_path / "more.json", dry=True)).unchanged == 1
    with closing(open_readonly(place.registry)) as found:
        again = found.get(ANNA)
    assert again is not None
    assert (dict(again.data), [*again.talks]) == (
        ({"shop": {"a": 0.5}}, []) if what == "data" else ({}, [-100])
    )


@pytest.mark.parametrize("form", [Form.JSON, Form.CSV])
async def test_the_longest_talks_and_data_come_back_from_a_file(
    form: Form, lived_in: Place, place: Place, tmp_path: Path
) -> None:
    long = replace(TALK, text='"\n,' * (TALK_BYTES // 5 - 100))
    with closing(SqliteRegistry(lived_in.registry, clock=time.time)) as users:
        for chat in range(1, 6):
            users.keep_talk(BORIS, -chat, long)
            users.keep_data(BORIS, f"plugin {chat}", {"said": '"\n,' * (DATA_BYTES // 5 - 100)})
        await users.flush()
    lived_in.export(tmp_path / f"first.{form}")
    summary = await place.take(tmp_path / f"first.{form}")
    assert (summary.refused, summary.new) == (0, 3)
    assert place.export(tmp_path / f"second.{form}") == lived_in.export(tmp_path / f"again.{form}")


WRONG = [
    ("data", {"shop": [1]}),
    ("data", {"shop": {"a": "x" * DATA_BYTES}}),
    ("data", [1]),
    ("data", "{"),
    ("talks", {"5": {"name": "order"}}),
    ("talks", {"a chat": {"name": "order", "key": "k", "at": 1}}),
    ("talks", {"5": {"name": "order", "key": "k", "at": 1, "text": "x" * TALK_BYTES}}),
    ("talks", {"5": {"name": "order", "key": "k", "at": 1, "steps": [["ask", 5]]}}),
    ("talks", [1]),
]


async def test_a_talk_out_of_the_future_is_refused(place: Place, tmp_path: Path) -> None:
    talk = {"name": "order", "key": "k", "at": int(time.time()) + 2 * 24 * 3600}
    (tmp_path / "users.json").write_text(json.dumps({"id": ANNA, "talks": {"5": talk}}))
    summary = await place.take(tmp_path / "users.json")
    assert (summary.read, summary.refusals) == (0, [(1, "talks has a time in the future")])


@pytest.mark.parametrize(("name", "value"), WRONG)
async def test_what_no_plugin_could_have_kept_is_refused_in_json_and_left_out_of_a_table(
    name: str, value: object, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "users.json").write_text(json.dumps({"id": ANNA, name: value}))
    summary = await place.take(tmp_path / "users.json")
    assert (summary.read, summary.refused) == (0, 1)
    ((_, why),) = summary.refusals
    assert why.startswith(f"{name} is not")
    assert "x" * 9 not in why
    with (tmp_path / "users.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "first_name", name), (ANNA, "Anna", json.dumps(value))])
    summary = await place.take(tmp_path / "users.csv")
    assert (summary.read, summary.refused, summary.new) == (1, 0, 1)
    with closing(open_readonly(place.registry)) as found:
        user = found.get(ANNA)
    assert user is not None
    assert (user.first_name, dict(user.data), dict(user.talks)) == ("Anna", {}, {})
