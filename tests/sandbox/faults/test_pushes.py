"""Faults of pushed updates: unreadable, on deaf links, to one of several sessions, with wrong numbers."""

import struct
from typing import Any

import pytest
from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from tests.sandbox.listener import Listener
from tests.sandbox.rawclient import SELF, RawClient, layered, raw
from tgbot.sandbox.faults import Damage, Nonsense
from tgbot.sandbox.faults.damage import UNKNOWN_ID
from tgbot.sandbox.server import Sandbox

UPDATES = struct.pack("<I", types.Updates.CONSTRUCTOR_ID)


async def begin(session: RawClient) -> None:
    """Make the first authorised call of a session, so that it gets updates."""
    await session.result(session.send(layered(functions.users.GetUsersRequest([SELF]))))


async def pushed(session: RawClient, count: int) -> list[bytes]:
    """Return the bodies of the next pushed updates."""
    bodies: list[bytes] = []
    while len(bodies) < count:
        bodies += [body for _, body in await session._open() if body[:4] == UPDATES]
    return bodies


@pytest.mark.parametrize("damage", list(Damage))
async def test_pushed_updates_can_be_unreadable_and_the_difference_has_them(
    sandbox: Sandbox, listener: Listener, damage: Damage
) -> None:
    # Each session counts, so let the raw one be the only one.
    await listener.bot.disconnect()
    async with raw(sandbox, listener.bot) as session:
        await begin(session)
        sandbox.faults.garble(1, listener.bot_id, damage=damage)
        listener.write("one", "two")
        bad, good = await pushed(session, 2)
        if damage is Damage.WRONG:
            assert type(BinaryReader(bad).tgread_object().updates[0]) is types.InputPeerEmpty
        else:
            with pytest.raises((TypeNotFoundError, struct.error, BufferError)):
                BinaryReader(bad).tgread_object()
        if damage is Damage.UNKNOWN:
            assert bad[12:16] == struct.pack("<I", UNKNOWN_ID)
        assert len(bad) % 4 == 0
        [update] = BinaryReader(good).tgread_object().updates
        assert update.message.message == "two"
        call = session.send(functions.updates.GetDifferenceRequest(1, 1, 1))
        difference = await session.result(call)
    assert [message.message for message in difference.new_messages] == ["one", "two"]


async def test_a_deaf_link_answers_and_a_new_one_hears(sandbox: Sandbox, listener: Listener) -> None:
    assert sandbox.faults.deafen(listener.bot_id) == 1
    listener.write("one")
    await listener.nothing_new()
    assert listener.told == []
    async with raw(sandbox, listener.bot) as session:
        await begin(session)
        listener.write("two")
        [body] = await pushed(session, 1)
        assert BinaryReader(body).tgread_object().updates[0].message.message == "two"
        await listener.nothing_new()
        sandbox.faults.deafen()
        listener.write("three")
        assert await session.result(session.send(functions.users.GetUsersRequest([SELF])))
        assert session.texts == []
    sandbox.faults.release(listener.bot_id)
    await listener.until("one", "two", "three")


async def test_each_push_can_go_to_one_of_several_sessions(sandbox: Sandbox, listener: Listener) -> None:
    async with raw(sandbox, listener.bot) as session:
        await begin(session)
        sandbox.faults.share(True)
        texts = [f"{number}" for number in range(6)]
        listener.write(*texts)
        await session.pts(3)
        await listener.bot(functions.help.GetNearestDcRequest())
        assert len(session.texts) == len(listener.told) == 3
        assert sorted(session.texts + listener.told) == texts
        sandbox.faults.share(False)
        listener.write("both")
        await session.pts(1)
        await listener.bot(functions.help.GetNearestDcRequest())
        assert session.texts[-1] == listener.told[-1] == "both"


async def test_updates_that_are_in_no_log_are_shared_too(sandbox: Sandbox, listener: Listener) -> None:
    async with raw(sandbox, listener.bot) as session:
        await begin(session)
        sandbox.faults.share(True)
        for _ in range(6):
            sandbox.world.push_update(listener.bot_id, types.UpdateConfig())
        call = session.send(functions.users.GetUsersRequest([SELF]))
        bodies: list[bytes] = []
        while not any(body[:12] == struct.pack("<Iq", 0xF35C6D01, call) for body in bodies):
            bodies += [body for _, body in await session._open()]
        assert sum(body[:4] == UPDATES for body in bodies) == 3


PTS, QTS = 1, 1
FAR, HUGE = 1_000_000, 2**31 - 1


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (Nonsense.PTS_AHEAD, {"pts": PTS + FAR, "pts_count": 1}),
        (Nonsense.PTS_BEHIND, {"pts": 1, "pts_count": 1}),
        (Nonsense.PTS_NEGATIVE, {"pts": -PTS, "pts_count": 1}),
        (Nonsense.COUNT_ZERO, {"pts": PTS + 1, "pts_count": 0}),
        (Nonsense.COUNT_HUGE, {"pts": PTS + 1, "pts_count": HUGE}),
        (Nonsense.QTS_AHEAD, {"qts": QTS + FAR}),
        (Nonsense.QTS_NEGATIVE, {"qts": -QTS}),
        (Nonsense.SEQ_AHEAD, {}),
        (Nonsense.DATE_AHEAD, {}),
    ],
)
async def test_an_update_with_wrong_numbers_is_handed_to_one_account(
    sandbox: Sandbox, listener: Listener, kind: Nonsense, numbers: dict[str, int]
) -> None:
    async with raw(sandbox, listener.bot) as session:
        await begin(session)
        before = sandbox.world.state(listener.bot_id)[:2]
        assert sandbox.faults.hand_nonsense(listener.bot_id, kind) == 2
        [body] = await pushed(session, 1)
        updates: Any = BinaryReader(body).tgread_object()
        [update] = updates.updates
        assert {name: getattr(update, name) for name in numbers} == numbers
        assert (updates.seq > FAR) == (kind is Nonsense.SEQ_AHEAD)
        ahead = updates.date.timestamp() - sandbox.world.now()
        assert (ahead > 9 * 365 * 24 * 3600) == (kind is Nonsense.DATE_AHEAD)
        assert sandbox.world.state(listener.bot_id)[:2] == before
    assert sandbox.faults.hand_nonsense(listener.ann, kind) == 0


async def test_any_update_can_be_handed_to_an_account(sandbox: Sandbox, listener: Listener) -> None:
    async with raw(sandbox, listener.bot) as session:
        await begin(session)
        assert sandbox.faults.hand(listener.bot_id, types.UpdatePtsChanged(), date=5, seq=7) == 2
        [body] = await pushed(session, 1)
        updates = BinaryReader(body).tgread_object()
        assert isinstance(updates.updates[0], types.UpdatePtsChanged)
        assert (updates.date.timestamp(), updates.seq) == (5, 7)
