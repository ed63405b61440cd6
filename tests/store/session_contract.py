"""What every session of a bot must do: one suite, run against each place where one is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telethon.crypto import AuthKey
from telethon.tl import types

from tgbot.core.errors import StorageError
from tgbot.core.users import Keep
from tgbot.store import peerbook
from tgbot.store.base import UpdateState
from tgbot.store.peerbook import SEEN_GRAIN
from tgbot.store.peers import RESOLVES_A_DAY, Entity, Peer, UsernameRow
from tgbot.store.session import BotSession

KEY = bytes(range(256))
DAY = 24 * 3600
ANN, BEN, CLEO = 5, 6, 7


def user(number: int, *names: str, access_hash: int | None = None, **fields: Any) -> Any:
    several = [types.Username(name, active=True) for name in names] if len(names) > 1 else None
    return types.User(
        number,
        access_hash=access_hash or number * 10,
        first_name=fields.pop("first_name", "Anna"),
        username=names[0] if len(names) == 1 else None,
        usernames=several,
        **fields,
    )


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Home(Protocol):
    """A place for one session, which can be opened again after it was closed, as the next process does."""

    clock: Clock

    def open(self, keep: Keep = Keep.ALL) -> BotSession: ...

    def empty(self) -> None:
        """Begin with an empty place."""

    def peers(self) -> list[tuple[int, int, str | None, str | None]]:
        """Return what is kept of all peers in order: marked id, access hash, first username, title."""

    def names(self) -> list[tuple[str, int]]:
        """Return all usernames that are kept, in order, and whose they are."""

    def broken(self) -> AbstractContextManager[None]:
        """Let every write fail within the block."""

    def close(self) -> None:
        """Close the sessions."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(home: Home) -> Iterator[BotSession]:
    yield home.open()
    home.close()


async def reopened(home: Home, session: BotSession) -> Any:
    """Return a session on the same place after a checkpoint and a restart."""
    await session.checkpoint(None)
    return home.open()


def owner(session: BotSession, name: str) -> int | None:
    row = session.username(name)
    return None if row is None else row.marked_id


def never(*_: object) -> NoReturn:
    raise AssertionError("it was read")


def blind(session: BotSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything fail from now on that reads where the session is kept."""
    for read in ("_stored", "_fetched", "_stored_hash", "_stored_owners", "_fetched_owners"):
        monkeypatch.setattr(session, read, never)


def counting(asked: list[int], read: Callable[..., Any]) -> Callable[..., Any]:
    """Note how many peers or usernames are asked for."""

    def noted(wanted: Sequence[object]) -> object:
        asked.append(len(wanted))
        return read(wanted)

    return noted


class SessionContract:
    # ---- the login and values --------------------------------------------------------------------

    def test_a_new_session_knows_nobody_and_has_no_login(self, session: BotSession) -> None:
        assert session.auth_key is None or not session.auth_key
        assert not session.server_address
        assert session.bot_id() is None
        assert session.update_state() is None
        assert not session.changed

    def test_the_auth_key_and_data_center_are_kept_when_the_assignment_returns(
        self, home: Home, session: BotSession
    ) -> None:
        session.set_dc(2, "127.0.0.1", 444)
        session.auth_key = AuthKey(data=KEY)
        again = home.open()
        assert again.auth_key.key == KEY
        assert (again.dc_id, again.server_address, again.port) == (2, "127.0.0.1", 444)
        session.set_dc(4, "::1", 443)
        again = home.open()
        assert again.auth_key.key == KEY
        assert (again.dc_id, again.server_address, again.port) == (4, "::1", 443)

    def test_an_auth_key_that_was_changed_or_dropped_is_kept_so(
        self, home: Home, session: BotSession
    ) -> None:
        key = AuthKey(data=KEY)
        session.set_dc(2, "127.0.0.1", 444)
        session.auth_key = key
        key.key = KEY[::-1]  # as the sender does
        session.auth_key = key
        assert home.open().auth_key.key == KEY[::-1]
        session.auth_key = None
        assert not home.open().auth_key

    def test_values_are_kept_with_their_types(self, home: Home, session: BotSession) -> None:
        session.set_value("number", 1)
        session.set_value("text", "привет")
        session.set_bot_value("group of -100", 2**40)
        for opened in (session, home.open()):
            assert (opened.value("number"), opened.value("text")) == (1, "привет")
            assert opened.bot_value("group of -100") == 2**40
            assert opened.value("never") is None
            assert opened.bot_value("never") is None
        session.set_value("number", 0)
        assert home.open().value("number") == 0

    def test_the_id_of_the_bot_is_kept(self, home: Home, session: BotSession) -> None:
        session.set_bot_id(2**40)
        assert [opened.bot_id() for opened in (session, home.open())] == [2**40] * 2

    # ---- the checkpoint --------------------------------------------------------------------------

    async def test_peers_are_found_at_once_and_kept_at_the_checkpoint(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna")])
        assert session.access_hash(5) == 50
        assert session.changed
        assert home.peers() == []
        await session.checkpoint(UpdateState(1, 2, 3, 4))
        assert not session.changed
        assert home.peers() == [(5, 50, "anna", "Anna")]
        assert home.open().update_state() == UpdateState(1, 2, 3, 4)

    async def test_only_the_checkpoint_writes_update_state(self, session: BotSession) -> None:
        await session.checkpoint(UpdateState(1, 2, 3, 4))
        session.set_update_state(0, types.updates.State(100, 100, None, 100, 0))
        session.process_entities(types.updates.State(100, 100, None, 100, 0))
        session.save()
        assert session.update_state() == UpdateState(1, 2, 3, 4)

    async def test_a_checkpoint_without_a_state_leaves_the_one_that_is_kept(
        self, session: BotSession
    ) -> None:
        await session.checkpoint(UpdateState(1, 2, 3, 4, {9: 8}))
        await session.checkpoint(None)
        assert session.update_state() == UpdateState(1, 2, 3, 4, {9: 8})

    async def test_a_later_state_replaces_the_one_before_and_keeps_its_channels(
        self, session: BotSession
    ) -> None:
        await session.checkpoint(UpdateState(1, 2, 3, 4, {9: 8, 10: 1}))
        await session.checkpoint(UpdateState(2**31, 3, 4, 5, {9: 9, 11: 2}))
        assert session.update_state() == UpdateState(2**31, 3, 4, 5, {9: 9, 10: 1, 11: 2})

    async def test_a_log_may_begin_at_0(self, session: BotSession) -> None:
        await session.checkpoint(UpdateState(0, 0, 1_000_000, 0))
        assert session.update_state() == UpdateState(0, 0, 1_000_000, 0)

    async def test_what_a_failed_checkpoint_did_not_write_is_written_by_the_next(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna"), user(6, "boris")])
        session.count_resolve()
        with home.broken():
            with pytest.raises(StorageError):
                await session.checkpoint(UpdateState(1, 1, 1, 1))
            assert home.peers() == []
            session.remember([user(5, "anna_new")])
        await session.checkpoint(UpdateState(2, 2, 2, 2))
        assert [(row[0], row[2]) for row in home.peers()] == [(5, "anna_new"), (6, "boris")]
        assert session.username("anna") is None
        again = home.open()
        assert again.resolves_today() == 1
        assert again.update_state() == UpdateState(2, 2, 2, 2)
        assert again.username("anna") is None

    async def test_a_cancelled_checkpoint_loses_nothing(self, home: Home, session: BotSession) -> None:
        session.remember([user(5)])
        task = asyncio.create_task(session.checkpoint(UpdateState(1, 1, 1, 1)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await session.checkpoint(UpdateState(2, 2, 2, 2))
        assert [row[0] for row in home.peers()] == [5]
        assert session.update_state() == UpdateState(2, 2, 2, 2)

    # ---- peers -----------------------------------------------------------------------------------

    async def test_ids_and_hashes_of_64_bits_survive(self, home: Home, session: BotSession) -> None:
        session.remember([user(2**52 - 1, access_hash=-(2**63)), user(7, access_hash=2**63 - 1)])
        again = await reopened(home, session)
        assert again.access_hash(2**52 - 1) == -(2**63)
        assert again.access_hash(7) == 2**63 - 1

    async def test_a_min_user_is_never_stored(self, home: Home, session: BotSession) -> None:
        session.remember([user(5, "anna")])
        session.remember([user(5, "wrong", access_hash=666, min=True), user(6, min=True)])
        for opened in (session, await reopened(home, session)):
            assert opened.access_hash(5) == 50
            assert opened.usernames_of(5) == ("anna",)
            assert opened.username("wrong") is None
            assert opened.access_hash(6) is None

    async def test_channels_and_groups_are_kept_under_their_marked_ids(
        self, home: Home, session: BotSession
    ) -> None:
        channel = types.Channel(
            9, "News", types.ChatPhotoEmpty(), None, access_hash=90, username="news", broadcast=True
        )
        group = types.Chat(8, "Friends", types.ChatPhotoEmpty(), 3, None, 1)
        session.process_entities(types.updates.State(0, 0, None, 0, 0))
        session.process_entities([channel, group])
        again = await reopened(home, session)
        assert again.username("news") == UsernameRow(-1000000000009, int(home.clock.now))
        assert again.get_input_entity("news") == types.InputPeerChannel(9, 90)
        assert again.get_input_entity(types.PeerChat(8)) == types.InputPeerChat(8)
        assert again.title(-8) == "Friends"

    async def test_plain_telethon_code_finds_peers_by_everything_it_knows(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "Anna", phone="123", last_name="Lee"), user(6)])
        again = await reopened(home, session)
        for key in (5, "anna", "@ANNA", "t.me/Anna", "+123", "Anna Lee", types.PeerUser(5)):
            assert again.get_input_entity(key) == types.InputPeerUser(5, 50)
        for stranger in (7, "nobody", "+124", "Anna L", "nul\0", "half\ud800"):
            with pytest.raises(ValueError, match=r"Could not find|surrogates"):
                again.get_input_entity(stranger)

    async def test_what_a_database_may_refuse_to_hold_stops_no_checkpoint(
        self, home: Home, session: BotSession
    ) -> None:
        odd = types.Username("od\0d", active=True), types.Username("odd", active=True)
        twice = types.Username("twice", active=True), types.Username("Twice", active=True)
        session.remember(
            [
                types.User(5, access_hash=50, first_name="A\0", usernames=list(odd)),
                types.User(6, access_hash=60, first_name="x" * 9_000, usernames=list(twice)),
                user(7, phone="1" * 9_000),
            ]
        )
        await session.checkpoint(None)
        again = await reopened(home, session)
        assert [again.access_hash(number) for number in (5, 6, 7)] == [50, 60, 70]
        assert owner(again, "odd") == 5
        assert owner(again, "twice") == 6
        assert len(again.title(6)) == 9_000

    async def test_all_usernames_of_a_peer_find_it_whatever_their_case(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "Anna", "Anna_Second", "third")])
        for opened in (session, await reopened(home, session)):
            assert [owner(opened, name) for name in ("anna", "@ANNA_second", "Third")] == [5] * 3
            assert opened.usernames_of(5)[0] == "anna"
            assert set(opened.usernames_of(5)) == {"anna", "anna_second", "third"}

    def test_an_inactive_username_finds_nobody(self, session: BotSession) -> None:
        names = [types.Username("anna", active=True), types.Username("sold", active=False)]
        session.remember([types.User(5, access_hash=50, first_name="Anna", usernames=names)])
        assert session.username("sold") is None
        assert session.usernames_of(5) == ("anna",)

    @pytest.mark.parametrize("checkpointed", [False, True])
    async def test_a_username_that_moved_finds_its_new_owner(
        self, home: Home, session: BotSession, checkpointed: bool
    ) -> None:
        session.remember([user(6), user(5, "anna")])
        if checkpointed:
            await session.checkpoint(None)
        session.remember([user(6, "anna")])
        opened: Any
        for opened in (session, again := await reopened(home, session)):
            assert owner(opened, "anna") == 6
            assert opened.get_input_entity("anna") == types.InputPeerUser(6, 60)
            assert opened.usernames_of(6) == ("anna",)
        assert again.usernames_of(5) == ()
        assert home.names() == [("anna", 6)]

    async def test_usernames_that_peers_exchanged_are_kept_so(self, home: Home, session: BotSession) -> None:
        session.remember([user(5, "anna", "first"), user(6, "boris", "second")])
        await session.checkpoint(None)
        session.remember([user(5, "boris", "first"), user(6, "second", "anna")])
        again = await reopened(home, session)
        assert home.names() == [("anna", 6), ("boris", 5), ("first", 5), ("second", 6)]
        assert again.usernames_of(6)[0] == "second"

    async def test_the_username_that_telegram_names_first_is_the_first(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna", "second")])
        await session.checkpoint(None)
        session.remember([user(5, "second", "anna")])
        again = await reopened(home, session)
        assert home.peers() == [(5, 50, "second", "Anna")]
        assert again.usernames_of(5) == ("second", "anna")

    @pytest.mark.parametrize("restarted", [False, True])
    async def test_a_username_that_was_given_up_finds_nobody_at_once(
        self, home: Home, session: BotSession, restarted: bool
    ) -> None:
        session.remember([user(5, "anna")])
        if restarted:
            session = await reopened(home, session)
        session.remember([user(5, "anna_2")])
        for opened in (session, await reopened(home, session)):
            assert (opened.username("anna"), owner(opened, "anna_2")) == (None, 5)

    async def test_a_dropped_username_finds_nobody_and_its_owner_keeps_the_others(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna", "second")])
        await session.checkpoint(None)
        session.drop_username("@Anna")
        for opened in (session, await reopened(home, session)):
            assert opened.username("anna") is None
            assert opened.usernames_of(5) == ("second",)
            assert opened.access_hash(5) == 50

    async def test_a_peer_seen_again_is_written_again_only_after_a_while(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna")])
        await session.checkpoint(None)
        home.clock.now += SEEN_GRAIN - 1
        session.remember([user(5, "anna")])
        assert not session.changed
        home.clock.now += 1
        session.remember([user(5, "anna")])
        assert session.username("anna") == UsernameRow(5, int(home.clock.now))
        assert session.changed
        assert (await reopened(home, session)).username("anna") == UsernameRow(5, int(home.clock.now))

    def test_a_change_of_hash_name_or_username_is_taken_at_once(self, session: BotSession) -> None:
        session.remember([user(5, "anna")])
        session.remember([user(5, "anna", access_hash=51)])
        assert session.access_hash(5) == 51
        session.remember([user(5, "anna", "more", access_hash=51)])
        assert session.username("more") is not None

    async def test_peers_beyond_those_in_memory_are_read_where_they_are_kept(
        self, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peerbook, "KNOWN_LIMIT", 10)
        session.remember([user(number, f"name_{number}") for number in range(1, 101)])
        await session.checkpoint(None)
        assert len(session._known) == 10
        assert [session.access_hash(number) for number in range(1, 101)] == [n * 10 for n in range(1, 101)]
        session.remember([user(1, "renamed")])
        assert session.username("name_1") is None

    async def test_what_is_not_written_yet_stays_in_memory_beyond_the_limit(
        self, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peerbook, "KNOWN_LIMIT", 10)
        session.remember([user(number, f"name_{number}") for number in range(1, 101)])
        await session.load([5_000])
        blind(session, monkeypatch)
        assert [session.access_hash(number) for number in range(1, 101)] == [n * 10 for n in range(1, 101)]
        assert session.usernames_of(1) == ("name_1",)

    async def test_a_peer_that_was_absent_is_found_after_leaving_memory(
        self, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peerbook, "KNOWN_LIMIT", 0)
        await session.load([5])
        session.remember([user(5)])
        await session.checkpoint(None)
        assert not session._known
        assert session.access_hash(5) == 50

    async def test_loaded_peers_are_read_from_memory(
        self, home: Home, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session.remember([user(number, f"name_{number}", "second") for number in range(1, 1_201)])
        session = await reopened(home, session)
        wanted = [*range(1, 1_201), 5_000, -100]
        assert not session.loaded({*wanted})
        await session.load(wanted)
        assert session.loaded({*wanted})
        blind(session, monkeypatch)
        assert [session.access_hash(number) for number in (1, 1_200, 5_000, -100)] == [10, 12_000, None, None]
        session.remember([user(number, f"name_{number}") for number in (1, 2)])
        assert session.access_hash(1) == 10
        session.remember([user(5_000)])
        assert session.access_hash(5_000) == 50_000

    async def test_a_message_of_anybody_reads_nothing_but_what_is_loaded_for_it(
        self, home: Home, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session.remember([user(ANN, "ann"), user(BEN, "ben")])
        session = await reopened(home, session)
        await session.load([ANN, CLEO])
        blind(session, monkeypatch)
        # Ann gives a name up, Cleo is new and has Ben's; Ben is not loaded.
        session.remember([user(ANN, "ann_2"), user(CLEO, "ben")])
        session.keep([ANN, CLEO])
        await session.checkpoint(None)
        assert home.names() == [("ann_2", ANN), ("ben", CLEO)]

    async def test_what_is_written_while_peers_are_read_counts(
        self, home: Home, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session.remember([user(ANN, "name"), user(BEN, "ben")])
        session = await reopened(home, session)
        fetched, waiting = session._fetched, [True]

        async def slow(wanted: Sequence[int]) -> object:
            rows = [*await fetched(wanted)]
            if waiting and waiting.pop():  # while the answer is on its way
                session.remember([user(CLEO, "name")])
                session.remember([user(CLEO, "other")])
                await session.checkpoint(None)
            return rows

        monkeypatch.setattr(session, "_fetched", slow)
        await session.load([ANN, BEN])
        assert session.username("name") is None
        assert session.usernames_of(ANN) == ()
        assert not waiting

    async def test_who_is_forgotten_while_peers_are_read_is_not_taken_in(
        self, home: Home, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session.remember([user(ANN), user(BEN)])
        session = await reopened(home, session)
        fetched, waiting = session._fetched, [True]

        async def slow(wanted: Sequence[int]) -> object:
            rows = [*await fetched(wanted)]
            if waiting and waiting.pop():
                session.forget(ANN)
            return rows

        monkeypatch.setattr(session, "_fetched", slow)
        await session.load([ANN, BEN])
        assert [session.access_hash(number) for number in (ANN, BEN)] == [None, 60]

    async def test_a_known_peer_that_comes_again_after_a_start_is_not_written_again(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna", "second", phone="123")])
        again = await reopened(home, session)
        await again.load([5])
        again.remember([user(5, "anna", "second", phone=again._known[5].phone)])
        assert not again.changed

    async def test_a_peer_loaded_while_a_name_of_it_has_moved_takes_the_name_back(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna"), user(6)])
        again = await reopened(home, session)
        again.remember([user(6, "anna")])
        await again.load([5])
        again.remember([user(5, "anna"), user(6)])
        for opened in (again, await reopened(home, again)):
            assert owner(opened, "anna") == 5

    # ---- peers out of a file -----------------------------------------------------------------------

    @pytest.mark.parametrize("unknown", [False, True])
    async def test_peers_put_from_a_file_are_kept_at_once(
        self, home: Home, session: BotSession, unknown: bool
    ) -> None:
        peers = {5: Peer(50, ("anna",), None, "Anna", 100), 6: Peer(60, ("anna", "b"), None, "B", 200)}
        for _ in range(2):  # what was interrupted is done again
            await session.put(peers, unknown=unknown)
        assert home.peers() == [(5, 50, None, "Anna"), (6, 60, "anna", "B")]
        assert session.username("anna") == UsernameRow(6, 200)

    async def test_a_username_of_somebody_in_memory_goes_to_whom_a_file_gives_it(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna")])
        await session.put({6: Peer(60, ("anna",), None, "B", 200)})
        for opened in (session, await reopened(home, session)):
            assert opened.username("anna") == UsernameRow(6, 200)
            assert opened.usernames_of(5) == ()

    async def test_of_a_file_what_is_newer_is_merged(self, home: Home, session: BotSession) -> None:
        now = int(home.clock.now)
        session.remember([user(5, "anna"), user(6, "boris")])
        again = await reopened(home, session)
        assert (
            await again.merge(
                {
                    5: Peer(51, ("older",), None, "Older", now - 1),
                    6: Peer(61, ("anna", "newer"), None, "Newer", now + 1),
                    7: Peer(70, ("newer", "boris"), None, "New", now - 1),
                }
            )
            == 2
        )
        for opened in (again, await reopened(home, again)):
            assert [opened.access_hash(number) for number in (5, 6, 7)] == [50, 61, 70]
            assert [owner(opened, name) for name in ("anna", "newer", "boris", "older")] == [6, 6, 7, None]

    async def test_a_merge_asks_once_for_all_peers_and_once_for_all_usernames(
        self, home: Home, session: BotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session.remember([user(number, f"name_{number}") for number in range(1, 51)])
        again = await reopened(home, session)
        asked: list[int] = []
        for read in ("_fetched", "_fetched_owners"):
            monkeypatch.setattr(again, read, counting(asked, getattr(again, read)))
        theirs = {number: Peer(1, (f"name_{number}", "one"), None, None, 1) for number in range(26, 76)}
        assert await again.merge(theirs) == 25
        assert asked == [50, 26]  # of 51 usernames 25 are in memory by then

    # ---- forgetting --------------------------------------------------------------------------------

    async def test_a_forgotten_peer_is_gone_at_once(self, home: Home, session: BotSession) -> None:
        session.remember([user(5, "anna")])
        await session.checkpoint(None)
        session.forget(5)
        assert session.access_hash(5) is None
        assert session.username("anna") is None
        assert home.peers() == []
        assert home.names() == []

    async def test_a_forget_that_fails_leaves_the_peer_known(self, home: Home, session: BotSession) -> None:
        session.remember([user(5, "anna")])
        await session.checkpoint(None)
        with home.broken(), pytest.raises(StorageError):
            session.forget(5)
        session.remember([user(6)])
        await session.checkpoint(UpdateState(1, 1, 1, 1))
        assert session.access_hash(5) == 50
        session.forget(5)
        assert [row[0] for row in home.peers()] == [6]

    async def test_forgetting_while_a_checkpoint_writes_leaves_it_whole(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(number, f"user_{number}") for number in range(1, 4_001)])
        writing = asyncio.create_task(session.checkpoint(None))
        for number in range(1, 4_001, 80):
            await asyncio.to_thread(session.forget, number)
        await writing
        await session.checkpoint(None)
        kept = [number for number in range(1, 4_001) if session.access_hash(number) is not None]
        assert len(kept) == len(home.peers()) == 4_000 - 50
        assert session.access_hash(81) is None
        assert session.username("user_81") is None

    # ---- resolves ----------------------------------------------------------------------------------

    async def test_resolves_are_counted_over_a_restart_and_forgotten_after_a_day(
        self, home: Home, session: BotSession
    ) -> None:
        session.count_resolve()
        home.clock.now += 3600
        session.count_resolve()
        assert session.changed
        again = await reopened(home, session)
        assert again.resolves_today() == 2
        home.clock.now += 23 * 3600
        assert again.resolves_today() == 1
        home.clock.now += 3600
        assert again.resolves_today() == 0

    def test_a_spent_budget_says_when_it_allows_one_more(self, home: Home, session: BotSession) -> None:
        session.count_resolve()
        home.clock.now += 100
        for _ in range(RESOLVES_A_DAY - 2):
            session.count_resolve()
        assert session.resolves_again_in() == 0
        session.count_resolve()
        assert session.resolves_again_in() == 24 * 3600 - 100
        home.clock.now += 24 * 3600 - 100
        assert session.resolves_again_in() == 0

    async def test_resolves_of_the_future_are_forgotten(self, home: Home, session: BotSession) -> None:
        home.clock.now += 40 * DAY
        for _ in range(RESOLVES_A_DAY):
            session.count_resolve()
        assert session.resolves_again_in() == DAY
        home.clock.now -= 40 * DAY
        for opened in (session, await reopened(home, session)):
            assert opened.resolves_again_in() == 0
        opened.count_resolve()
        assert opened.resolves_today() == 1

    # ---- times of the future -----------------------------------------------------------------------

    async def test_a_username_seen_in_the_future_has_no_age_until_it_is_seen_again(
        self, home: Home, session: BotSession
    ) -> None:
        home.clock.now += 40 * DAY
        session.remember([user(5, "anna")])
        home.clock.now -= 40 * DAY
        for opened in (session, await reopened(home, session)):
            assert opened.username("anna") == UsernameRow(5, 0)
        opened.remember([user(5, "anna")])
        assert opened.username("anna") == UsernameRow(5, int(home.clock.now))

    async def test_who_has_a_name_now_takes_it_from_one_who_had_it_in_the_future(
        self, home: Home, session: BotSession
    ) -> None:
        home.clock.now += 40 * DAY
        session.remember([user(5, "anna")])
        home.clock.now -= 40 * DAY
        again = await reopened(home, session)
        again.remember([user(6, "anna")])
        assert again.username("anna") == UsernameRow(6, int(home.clock.now))
        assert (await reopened(home, again)).username("anna") == UsernameRow(6, int(home.clock.now))

    async def test_a_clock_that_is_a_little_slow_makes_nothing_of_the_future(
        self, home: Home, session: BotSession
    ) -> None:
        session.remember([user(5, "anna")])
        session.count_resolve()
        seen = int(home.clock.now)
        home.clock.now -= 60
        assert session.username("anna") == UsernameRow(5, seen)
        assert session.resolves_today() == 1


# ---- passing users: found like all others while the process lives, and never kept ------------------


class Bench:
    """A session that keeps some users, and can be closed and opened again."""

    def __init__(self, home: Home) -> None:
        self.home, self.kept = home, {ANN}
        self.session: Any = home.open(Keep.PRIVATE)

    def remember(self, *peers: Entity) -> None:
        """Let the session remember these, and keep the users who are to be kept, as a flush of users does."""
        self.session.remember(peers)
        self.session.keep(self.kept)

    async def written(self) -> list[tuple[object, ...]]:
        """Return ids and first usernames that are kept, after a checkpoint."""
        await self.session.checkpoint(None)
        return [(row[0], row[2]) for row in self.home.peers()]

    async def restart(self) -> None:
        await self.session.checkpoint(None)
        self.session = self.home.open(Keep.PRIVATE)


@pytest.fixture
def bench(home: Home) -> Iterator[Bench]:
    yield Bench(home)
    home.close()


class PassingContract:
    async def test_a_passing_user_is_found_by_id_and_name_and_not_written(self, bench: Bench) -> None:
        session = bench.session
        bench.remember(user(ANN, "ann"), user(BEN, "Ben", "benny", phone="123"))
        assert session.access_hash(BEN) == 60
        assert session.get_input_entity(BEN) == types.InputPeerUser(BEN, 60)
        assert session.username("@BENNY") == UsernameRow(BEN, int(bench.home.clock.now))
        assert session.usernames_of(BEN) == ("ben", "benny")
        assert session.loaded({BEN})
        assert await bench.written() == [(ANN, "ann")]
        assert bench.home.names() == [("ann", ANN)]
        await bench.restart()
        assert bench.session.access_hash(BEN) is None
        assert bench.session.username("ben") is None

    async def test_passing_users_alone_make_no_checkpoint_necessary(self, bench: Bench) -> None:
        bench.remember(user(BEN, "ben"))
        assert not bench.session.changed
        bench.session.process_entities([user(CLEO)])
        assert not bench.session.changed

    async def test_a_checkpoint_asks_nobody_who_had_the_names_of_passing_users(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.remember(user(ANN, "ann"))
        await bench.restart()
        blind(bench.session, monkeypatch)
        bench.session.remember([user(BEN, "ann"), user(CLEO, "cleo")])
        bench.session.remember([user(BEN, "ben"), user(CLEO, "ann")])
        await bench.session.checkpoint(None)
        assert bench.home.names() == []
        assert owner(bench.session, "ann") == CLEO

    async def test_the_bot_itself_and_chats_are_always_written(self, bench: Bench) -> None:
        chat = types.Chat(8, "Friends", types.ChatPhotoEmpty(), 3, None, 1)
        bench.remember(user(CLEO, is_self=True), chat)
        assert await bench.written() == [(-8, None), (CLEO, None)]

    async def test_a_user_who_comes_is_written_with_what_was_known_in_passing(self, bench: Bench) -> None:
        bench.remember(user(BEN, "ben"), user(CLEO))
        bench.kept.add(BEN)
        bench.session.keep([ANN, BEN])
        assert await bench.written() == [(BEN, "ben")]
        assert owner(bench.session, "ben") == BEN
        bench.remember(user(BEN, "ben_2"))
        assert await bench.written() == [(BEN, "ben_2")]
        assert bench.session.username("ben") is None

    @pytest.mark.parametrize("restarted", [False, True])
    async def test_a_name_that_goes_to_a_passing_user_leaves_the_one_who_is_kept(
        self, bench: Bench, restarted: bool
    ) -> None:
        bench.remember(user(ANN, "name", "other"))
        if restarted:
            await bench.restart()
            await bench.session.load([ANN])
        bench.remember(user(BEN, "name"))
        assert owner(bench.session, "name") == BEN
        assert bench.session.usernames_of(ANN) == ("other",)
        assert await bench.written() == [(ANN, "other")]
        bench.remember(user(ANN, "name", "other"))  # and back
        assert owner(bench.session, "name") == ANN
        assert bench.session.usernames_of(BEN) == ()
        assert await bench.written() == [(ANN, "name")]

    @pytest.mark.parametrize("then", ["stays", "renamed", "leaves", "kept"])
    async def test_a_name_that_goes_to_a_passing_user_leaves_one_who_is_not_in_memory(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, then: str
    ) -> None:
        bench.remember(user(ANN, "name", "other"))
        await bench.restart()
        bench.remember(user(BEN, "name"))
        assert owner(bench.session, "name") == BEN
        if then == "renamed":
            bench.remember(user(BEN, "ben"))
        if then == "leaves":
            monkeypatch.setattr(peerbook, "PASSING_LIMIT", 0)
            await bench.session.load([CLEO])
        if then == "kept":
            bench.session.keep([BEN])
        assert owner(bench.session, "name") == (BEN if then in {"stays", "kept"} else None)
        assert bench.session.usernames_of(ANN) == ("other",)
        await bench.restart()
        assert owner(bench.session, "name") == (BEN if then == "kept" else None)
        assert bench.session.usernames_of(ANN) == ("other",)

    async def test_a_name_whose_owner_left_memory_waits_for_a_checkpoint_that_succeeds(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.remember(user(ANN, "name"))
        await bench.restart()
        bench.remember(user(BEN, "name"))
        monkeypatch.setattr(peerbook, "PASSING_LIMIT", 0)
        with bench.home.broken(), pytest.raises(StorageError):
            await bench.session.checkpoint(UpdateState(1, 1, 1, 1))
        await bench.session.load([ANN])
        assert bench.session.username("name") is None
        assert bench.session.usernames_of(ANN) == ()
        await bench.restart()
        assert bench.session.username("name") is None

    async def test_a_name_that_was_dropped_or_given_up_finds_no_passing_user(self, bench: Bench) -> None:
        bench.remember(user(BEN, "ben", "benny"))
        bench.session.drop_username("ben")
        assert bench.session.username("ben") is None
        assert bench.session.usernames_of(BEN) == ("benny",)
        bench.remember(user(BEN, "third"))
        assert bench.session.username("benny") is None
        assert await bench.written() == []

    async def test_of_who_was_written_before_only_what_is_no_longer_true_is_changed(
        self, bench: Bench
    ) -> None:
        bench.kept.add(BEN)
        bench.remember(user(BEN, "ben", "second"))
        await bench.restart()
        bench.kept.remove(BEN)
        await bench.session.load([BEN])
        bench.remember(user(BEN, "second", "third", access_hash=61))
        assert bench.session.access_hash(BEN) == 61
        assert bench.session.usernames_of(BEN) == ("second", "third")
        assert bench.session.username("ben") is None
        await bench.restart()
        assert bench.session.access_hash(BEN) == 60
        assert bench.session.usernames_of(BEN) == ("second",)

    async def test_who_is_kept_and_passes_with_the_same_name_keeps_it(self, bench: Bench) -> None:
        bench.kept.add(BEN)
        bench.remember(user(BEN, "ben"))
        await bench.restart()
        bench.kept.remove(BEN)
        bench.remember(user(BEN, "ben"))  # without having been loaded
        await bench.restart()
        assert bench.session.usernames_of(BEN) == ("ben",)

    async def test_who_is_forgotten_is_gone_and_passes_from_then_on(self, bench: Bench) -> None:
        bench.remember(user(ANN, "ann"))
        await bench.session.checkpoint(None)
        bench.kept.remove(ANN)
        bench.session.forget(ANN)
        bench.remember(user(ANN, "ann"))
        assert bench.session.access_hash(ANN) == 50
        assert await bench.written() == []
        bench.session.forget(ANN)
        assert bench.session.access_hash(ANN) is None
        assert bench.session.username("ann") is None

    async def test_of_passing_users_only_the_last_ones_stay(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peerbook, "PASSING_LIMIT", 10)
        bench.remember(*[user(number, f"name_{number}") for number in range(100, 200)])
        await bench.session.load([1])
        found = [number for number in range(100, 200) if bench.session.access_hash(number)]
        assert found == [*range(190, 200)]
        assert bench.session.username("name_189") is None
        assert owner(bench.session, "name_190") == 190

    @pytest.mark.parametrize("read_again", [False, True])
    async def test_a_name_that_goes_to_another_and_back_within_minutes_is_written_each_time(
        self, bench: Bench, read_again: bool
    ) -> None:
        bench.kept.add(BEN)
        for who in (ANN, BEN, ANN, BEN):
            bench.remember(user(who, "shared"))
            assert owner(bench.session, "shared") == who
            await bench.session.checkpoint(None)
            assert bench.home.names() == [("shared", who)]
            if read_again:
                await bench.restart()
                await bench.session.load([ANN, BEN])


# ---- any order of events ---------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
PEOPLE = st.integers(1, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("seen"), PEOPLE, st.sets(NAMES)),
        st.tuples(st.just("drop"), NAMES, st.none()),
        st.tuples(st.just("load"), PEOPLE, st.none()),
        st.tuples(st.just("keep"), PEOPLE, st.none()),
        st.tuples(st.sampled_from(["checkpoint", "fail", "leave", "restart"]), st.none(), st.none()),
    ),
    max_size=14,
)


class UsernamesContract:
    @pytest.mark.parametrize("keep", Keep)
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=STEPS)
    def test_a_username_always_belongs_to_whom_telegram_named_last(
        self, home: Home, keep: Keep, steps: list[tuple[str, Any, Any]]
    ) -> None:
        home.empty()
        asyncio.run(play(home, keep, steps))
        home.close()


async def play(home: Home, keep: Keep, steps: Iterable[tuple[str, Any, Any]]) -> None:
    """Go through these events, and compare whose the usernames are after each.

    Once somebody has left memory who is not kept, a username may have nobody, but never somebody else.
    """
    session, owners, left = home.open(keep), dict[str, int](), False
    for step, what, names in steps:
        match step:
            case "seen":
                session.remember([user(what, *sorted(names))])
                owners = {name: one for name, one in owners.items() if one != what}
                owners.update(dict.fromkeys(names, what))
            case "drop":
                session.drop_username(what)
                owners.pop(what, None)
            case "load":
                await session.load([what])
            case "keep":
                session.keep([what])
            case "fail":
                with home.broken():
                    await asyncio.gather(session.checkpoint(UpdateState(1, 1, 1, 1)), return_exceptions=True)
            case "leave":
                before, peerbook.PASSING_LIMIT = peerbook.PASSING_LIMIT, 0  # type: ignore[misc]
                session._make_room()
                peerbook.PASSING_LIMIT = before  # type: ignore[misc]
                left = left or keep is Keep.PRIVATE
            case _:
                await session.checkpoint(None)
                if step == "restart":
                    session = home.open(keep)
                    left = left or keep is Keep.PRIVATE
        found = {name: row.marked_id for name in "abc" if (row := session.username(name)) is not None}
        assert found.items() <= owners.items() if left else found == owners
