from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.telegram.conftest import Recorder, Stage, until
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import BotClient, peers
from tgbot.telegram.peers import Peers

ANN, BEN, GROUP = 5_000_000_001, 5_000_000_002, 1_500_000_000


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DurableSession]:
    opened = DurableSession(tmp_path / "bot.session")
    opened.remember(
        [
            types.User(ANN, access_hash=-77, first_name="Ann"),
            types.Channel(GROUP, "Group", types.ChatPhotoEmpty(), None, access_hash=88),
        ]
    )
    yield opened
    opened.close()


@pytest.fixture
def cache(session: DurableSession, stage: Stage) -> Peers:
    return Peers(session, Recorder(stage))


def known(cache: Peers, number: int) -> Any:
    """The input peer that Telethon would use."""
    entity = cache.get(number)
    return None if entity is None else entity._as_input_peer()


def test_access_hashes_are_the_sessions_and_those_of_channels_are_found_by_their_bare_id(
    cache: Peers,
) -> None:
    assert known(cache, ANN) == types.InputPeerUser(ANN, -77)
    assert known(cache, GROUP) == types.InputPeerChannel(GROUP, 88)
    assert known(cache, BEN) is None


async def test_it_reads_through_to_what_is_only_on_disk(
    session: DurableSession, stage: Stage, tmp_path: Path
) -> None:
    await session.checkpoint(UpdateState(1, 1, 1, 1))
    session.close()
    again = DurableSession(tmp_path / "bot.session")
    assert known(Peers(again, Recorder(stage)), ANN) == types.InputPeerUser(ANN, -77)
    again.close()


def test_a_hash_that_changed_in_the_session_is_the_new_one_at_once(
    session: DurableSession, cache: Peers
) -> None:
    assert known(cache, ANN) == types.InputPeerUser(ANN, -77)
    session.remember([types.User(ANN, access_hash=99, first_name="Ann")])
    assert known(cache, ANN) == types.InputPeerUser(ANN, 99)
    session.forget(ANN)
    assert known(cache, ANN) is None


def test_telethon_fills_nothing_into_it(cache: Peers) -> None:
    cache.extend([types.User(BEN, access_hash=5)], [])
    assert known(cache, BEN) is None
    cache.set_self_user(7, True, 12345)
    assert (cache.self_id, cache.self_bot) == (7, True)


def test_a_writer_without_an_access_hash_has_0_until_there_is_one(
    session: DurableSession, cache: Peers
) -> None:
    cache.wrote(BEN)
    assert known(cache, BEN) == types.InputPeerUser(BEN, 0)
    session.remember([types.User(BEN, access_hash=5)])
    assert known(cache, BEN) == types.InputPeerUser(BEN, 5)


def test_a_forgotten_peer_that_had_an_access_hash_does_not_get_0(
    session: DurableSession, cache: Peers
) -> None:
    cache.wrote(ANN)
    session.forget(ANN)
    assert known(cache, ANN) is None


def test_of_the_writers_without_hash_only_the_last_ones_are_kept(
    cache: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "MAX_HASHLESS", 3)
    for number in range(BEN, BEN + 1000):
        cache.wrote(number)
    assert len(cache._hashless) == 3
    assert known(cache, BEN) is None
    assert known(cache, BEN + 999) == types.InputPeerUser(BEN + 999, 0)


async def test_a_writer_of_whom_only_the_id_came_is_answered(stage: Stage) -> None:
    asked: list[Any] = []

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            asked.append(await event.client.get_input_entity(event.sender_id))
            await event.respond("hello")

    client = await stage.open(answering)
    ann = stage.meet()
    # As Telegram pushes to who has more than enough to do: no users beside the message.
    accept = client.intake.batches.accept
    client.intake.batches.accept = lambda updates, users, *rest, **options: accept(  # type: ignore[method-assign]
        updates, [], *rest, **options
    )
    stage.write(ann, "hi")
    await until(lambda: stage.heard(ann) == ["hello"])
    assert asked == [types.InputPeerUser(ann, 0)]
