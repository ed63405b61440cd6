"""Passing users: found like all others while the process lives, and never in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from telethon.tl import types

from tests.store.sqlite.test_session import Clock, on_disk, user
from tgbot.core.users import Keep
from tgbot.store import peerbook
from tgbot.store.peers import Entity, UsernameRow
from tgbot.store.sqlite.session import DurableSession

ANN, BEN, CLEO = 5, 6, 7


class Bench:
    """A session that keeps some users, and can be closed and opened again."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock, self.kept = path, Clock(), {ANN}
        self.session = self._open()

    def _open(self) -> DurableSession:
        return DurableSession(self.path, self.clock, Keep.PRIVATE)

    def remember(self, *peers: Entity) -> None:
        """Let the session remember these, and keep the users who are to be kept, as a flush of users does."""
        self.session.remember(peers)
        self.session.keep(self.kept)

    async def written(self) -> list[tuple[object, ...]]:
        """Return ids and first usernames in the file, after a checkpoint."""
        await self.session.checkpoint(None)
        return on_disk(self.path, "SELECT id, username FROM entities WHERE id <> 0 ORDER BY id")

    async def restart(self) -> None:
        await self.session.checkpoint(None)
        self.session.close()
        self.session = self._open()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "bot.session")
    yield made
    made.session.close()


def owner(session: DurableSession, name: str) -> int | None:
    row = session.username(name)
    return None if row is None else row.marked_id


async def test_a_passing_user_is_found_by_id_and_name_and_not_written(bench: Bench) -> None:
    session = bench.session
    bench.remember(user(ANN, "ann"), user(BEN, "Ben", "benny", phone="123"))
    assert session.access_hash(BEN) == 60
    assert session.get_input_entity(BEN) == types.InputPeerUser(BEN, 60)
    assert session.username("@BENNY") == UsernameRow(BEN, int(bench.clock.now))
    assert session.usernames_of(BEN) == ("ben", "benny")
    assert session.loaded({BEN})
    assert await bench.written() == [(ANN, "ann")]
    assert on_disk(bench.path, "SELECT username FROM tgbot_usernames") == [("ann",)]
    await bench.restart()
    assert bench.session.access_hash(BEN) is None
    assert bench.session.username("ben") is None


async def test_passing_users_alone_make_no_checkpoint_necessary(bench: Bench) -> None:
    bench.remember(user(BEN, "ben"))
    assert not bench.session.changed
    bench.session.process_entities([user(CLEO)])
    assert not bench.session.changed


async def test_the_bot_itself_and_chats_are_always_written(bench: Bench) -> None:
    chat = types.Chat(8, "Friends", types.ChatPhotoEmpty(), 3, None, 1)
    bench.remember(user(CLEO, is_self=True), chat)
    assert await bench.written() == [(-8, None), (CLEO, None)]


async def test_a_user_who_comes_is_written_with_what_was_known_in_passing(bench: Bench) -> None:
    bench.remember(user(BEN, "ben"), user(CLEO))
    bench.kept.add(BEN)
    bench.session.keep([ANN, BEN])
    assert await bench.written() == [(BEN, "ben")]
    assert owner(bench.session, "ben") == BEN
    bench.remember(user(BEN, "ben_2"))
    assert await bench.written() == [(BEN, "ben_2")]
    assert bench.session.username("ben") is None


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_name_that_goes_to_a_passing_user_leaves_the_one_in_the_file(
    bench: Bench, restarted: bool
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
async def test_a_name_that_goes_to_a_passing_user_leaves_one_who_is_only_in_the_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, then: str
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


async def test_a_name_that_was_dropped_or_given_up_finds_no_passing_user(bench: Bench) -> None:
    bench.remember(user(BEN, "ben", "benny"))
    bench.session.drop_username("ben")
    assert bench.session.username("ben") is None
    assert bench.session.usernames_of(BEN) == ("benny",)
    bench.remember(user(BEN, "third"))
    assert bench.session.username("benny") is None
    assert await bench.written() == []


async def test_of_who_was_written_before_the_file_learns_only_what_is_no_longer_true(bench: Bench) -> None:
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


async def test_who_is_forgotten_is_gone_and_passes_from_then_on(bench: Bench) -> None:
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
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peerbook, "PASSING_LIMIT", 10)
    bench.remember(*[user(number, f"name_{number}") for number in range(100, 200)])
    await bench.session.load([1])
    assert [number for number in range(100, 200) if bench.session.access_hash(number)] == [*range(190, 200)]
    assert bench.session.username("name_189") is None
    assert owner(bench.session, "name_190") == 190


@pytest.mark.parametrize("read_again", [False, True])
async def test_a_name_that_goes_to_another_and_back_within_minutes_is_written_each_time(
    bench: Bench, read_again: bool
) -> None:
    bench.kept.add(BEN)
    for who in (ANN, BEN, ANN, BEN):
        bench.remember(user(who, "shared"))
        assert owner(bench.session, "shared") == who
        await bench.session.checkpoint(None)
        assert on_disk(bench.path, "SELECT id FROM tgbot_usernames") == [(who,)]
        if read_again:
            await bench.restart()
            await bench.session.load([ANN, BEN])
