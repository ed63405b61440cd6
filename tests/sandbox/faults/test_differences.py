"""Faults of differences: unreadable entries that a client can isolate, and states that mislead."""

import struct
from typing import Any

import pytest
from telethon.errors import TypeNotFoundError
from telethon.tl import functions, types

from tests.sandbox.listener import Listener
from tests.sandbox.rawclient import SELF, layered, raw
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.faults import Damage, Nonsense
from tgbot.sandbox.server import Sandbox

UNREADABLE = (TypeNotFoundError, struct.error, BufferError)


def difference(pts: int = 1, qts: int = 1, **limits: int) -> Any:
    return functions.updates.GetDifferenceRequest(pts, 1, qts, **limits)


def texts(answer: Any) -> list[str]:
    return [message.message for message in answer.new_messages]


@pytest.fixture
def channel(sandbox: Sandbox, listener: Listener) -> Chat:
    """Return a channel of Ann's in which the bot is a member, with pts 1 and later."""
    chat = sandbox.world.new_channel("News", creator=listener.ann, megagroup=True)
    chat.members[listener.bot_id] = sandbox.world.date()
    profile = sandbox.world.accounts[listener.bot_id].profile
    assert profile is not None
    profile.sees_all = True
    return chat


def of(chat: Chat, pts: int, limit: int = 100) -> Any:
    channel, whole = types.InputChannel(chat.id, 0), types.ChannelMessagesFilterEmpty()
    return functions.updates.GetChannelDifferenceRequest(channel, whole, pts, limit)


# Limits.


async def test_pts_limit_and_qts_limit_cut_a_difference_into_slices(
    sandbox: Sandbox, listener: Listener
) -> None:
    listener.write("one", "two", "three")
    for blocked in (True, False):
        sandbox.world.block(listener.ann, listener.bot_id, blocked=blocked)
    part = await listener.bot(difference(pts_limit=2))
    assert isinstance(part, types.updates.DifferenceSlice)
    assert texts(part) == ["one", "two"]
    state = part.intermediate_state
    assert (state.pts, state.qts) == (3, 1)
    part = await listener.bot(difference(state.pts, state.qts, pts_limit=2, qts_limit=1))
    assert isinstance(part, types.updates.DifferenceSlice)
    assert texts(part) == ["three"]
    assert [update.qts for update in part.other_updates] == [2]
    state = part.intermediate_state
    rest = await listener.bot(difference(state.pts, state.qts, pts_limit=2, qts_limit=1))
    assert isinstance(rest, types.updates.Difference)
    assert [update.qts for update in rest.other_updates] == [3]
    assert (rest.state.pts, rest.state.qts) == (4, 3)


async def test_an_update_that_takes_more_pts_than_the_limit_comes_alone(
    sandbox: Sandbox, listener: Listener
) -> None:
    deleted = types.UpdateDeleteMessages([7, 8, 9], 0, 3)
    sandbox.world.push_update(listener.bot_id, deleted)
    listener.write("after")
    part = await listener.bot(difference(pts_limit=1))
    assert isinstance(part, types.updates.DifferenceSlice)
    assert (texts(part), len(part.other_updates), part.intermediate_state.pts) == ([], 1, 4)


async def test_pts_total_limit_answers_that_the_difference_is_too_long(
    sandbox: Sandbox, listener: Listener
) -> None:
    listener.write("one", "two", "three")
    answer = await listener.bot(difference(pts_total_limit=2))
    assert isinstance(answer, types.updates.DifferenceTooLong)
    assert answer.pts == 4
    assert texts(await listener.bot(difference(pts_total_limit=3))) == ["one", "two", "three"]


async def test_the_limit_of_a_channel_difference_cuts_it_into_slices(
    sandbox: Sandbox, listener: Listener, channel: Chat
) -> None:
    pts = channel.log.pts
    for text in ("one", "two", "three"):
        sandbox.world.send_as(listener.ann, channel.marked, text)
    part = await listener.bot(of(channel, pts, 2))
    assert (texts(part), part.pts, part.final) == (["one", "two"], pts + 2, False)
    rest = await listener.bot(of(channel, part.pts, 2))
    assert (texts(rest), rest.pts, rest.final) == (["three"], pts + 3, True)
    for number in range(150):
        sandbox.world.send_as(listener.ann, channel.marked, f"{number}")
    assert len((await listener.bot(of(channel, rest.pts, 1000))).new_messages) == 150


# Unreadable entries.


@pytest.mark.parametrize("damage", [Damage.UNKNOWN, Damage.CUT])
async def test_an_unreadable_message_stays_in_each_difference_and_can_be_isolated(
    sandbox: Sandbox, listener: Listener, damage: Damage
) -> None:
    listener.write("one")
    sandbox.faults.garble_log(listener.bot_id, damage=damage)
    listener.write("bad", "three")
    for _ in range(2):
        with pytest.raises(UNREADABLE):
            await listener.bot(difference())
    part = await listener.bot(difference(pts_limit=1))
    assert texts(part) == ["one"]
    pts = part.intermediate_state.pts
    with pytest.raises(UNREADABLE):
        await listener.bot(difference(pts, pts_limit=1))
    # The state of an unreadable difference is unreadable too; the next pts is the next one.
    assert texts(await listener.bot(difference(pts + 1))) == ["three"]
    sandbox.faults.mend_log(listener.bot_id)
    assert texts(await listener.bot(difference())) == ["one", "bad", "three"]


async def test_an_unreadable_message_is_so_when_it_is_pushed(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.garble_log(listener.bot_id)
    listener.write("bad")
    # What shares a packet with an unreadable message is lost with it, so send them apart.
    await listener.nothing_new()
    listener.write("two")
    await listener.until("two")
    sandbox.faults.mend_log()
    assert texts(await listener.bot(difference())) == ["bad", "two"]


async def test_an_unreadable_bot_event_is_found_by_its_qts(sandbox: Sandbox, listener: Listener) -> None:
    listener.write("one")
    sandbox.faults.garble_log(listener.bot_id, first=3, qts=True)
    for blocked in (True, False):
        sandbox.world.block(listener.ann, listener.bot_id, blocked=blocked)
    with pytest.raises(UNREADABLE):
        await listener.bot(difference())
    part = await listener.bot(difference(qts_limit=1))
    assert (texts(part), part.intermediate_state.qts) == (["one"], 2)
    with pytest.raises(UNREADABLE):
        await listener.bot(difference(2, 2, qts_limit=1))


async def test_an_unreadable_post_stays_in_each_difference_of_its_channel(
    sandbox: Sandbox, listener: Listener, channel: Chat
) -> None:
    pts = channel.log.pts
    sandbox.faults.garble_log(channel.marked, first=pts + 2)
    for text in ("one", "bad", "three"):
        sandbox.world.send_as(listener.ann, channel.marked, text)
        await listener.bot(functions.help.GetNearestDcRequest())
    for _ in range(2):
        with pytest.raises(UNREADABLE):
            await listener.bot(of(channel, pts))
    assert texts(await listener.bot(of(channel, pts, 1))) == ["one"]
    with pytest.raises(UNREADABLE):
        await listener.bot(of(channel, pts + 1, 1))
    assert texts(await listener.bot(of(channel, pts + 2))) == ["three"]
    # The account's own difference is readable, and so were the other pushed posts.
    assert await listener.bot(difference())
    await listener.until("one", "three")


async def test_an_unreadable_message_spares_the_others_in_the_bytes(
    sandbox: Sandbox, listener: Listener
) -> None:
    sandbox.faults.garble_log(listener.bot_id, damage=Damage.UNKNOWN)
    listener.write("bad", "the text after")
    async with raw(sandbox, listener.bot) as session:
        call = session.send(layered(difference()))
        body = b""
        while body[:12] != struct.pack("<Iq", 0xF35C6D01, call):
            body = next(
                (b for _, b in await session._open() if b[:12] == struct.pack("<Iq", 0xF35C6D01, call)), b""
            )
    assert b"the text after" in body
    assert body.count(struct.pack("<I", 0x0BADF00D)) == 1


# States that mislead.


async def test_a_difference_can_stand_still(sandbox: Sandbox, listener: Listener, channel: Chat) -> None:
    pts = channel.log.pts
    listener.write("one", "two")
    sandbox.world.send_as(listener.ann, channel.marked, "post")
    sandbox.faults.stick_differences(True, listener.bot_id)
    first, second = [await listener.bot(difference(pts_limit=1)) for _ in range(2)]
    assert isinstance(first, types.updates.DifferenceSlice)
    assert texts(first) == texts(second) == ["one"]
    assert (second.intermediate_state.pts, second.intermediate_state.qts) == (1, 1)
    whole = await listener.bot(difference())
    assert isinstance(whole, types.updates.DifferenceSlice)
    assert (texts(whole), whole.intermediate_state.pts) == (["one", "two"], 1)
    assert (await listener.bot(of(channel, pts))).pts == pts + 1
    sandbox.faults.stick_differences(True, channel.marked)
    posts = await listener.bot(of(channel, pts))
    assert (texts(posts), posts.pts, posts.final) == (["post"], pts, False)
    for peer in (listener.bot_id, channel.marked):
        sandbox.faults.stick_differences(False, peer)
    assert isinstance(await listener.bot(difference()), types.updates.Difference)


async def test_a_difference_can_be_empty_although_there_is_something(
    sandbox: Sandbox, listener: Listener, channel: Chat
) -> None:
    pts = channel.log.pts
    listener.write("one")
    sandbox.world.send_as(listener.ann, channel.marked, "post")
    sandbox.faults.empty_differences(True)
    assert isinstance(await listener.bot(difference()), types.updates.DifferenceEmpty)
    posts = await listener.bot(of(channel, pts))
    assert isinstance(posts, types.updates.ChannelDifferenceEmpty)
    assert posts.pts == pts
    assert (await listener.bot(functions.updates.GetStateRequest())).pts == 2
    sandbox.faults.empty_differences(False)
    assert texts(await listener.bot(difference())) == ["one"]


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        (Nonsense.PTS_AHEAD, "pts", 1_000_000),
        (Nonsense.PTS_BEHIND, "pts", 1 - 3),
        (Nonsense.PTS_NEGATIVE, "pts", -3 - 3),
        (Nonsense.QTS_AHEAD, "qts", 1_000_000),
        (Nonsense.QTS_NEGATIVE, "qts", -1 - 1),
        (Nonsense.SEQ_AHEAD, "seq", 1_000_000),
        (Nonsense.DATE_AHEAD, "date", 10 * 365 * 24 * 3600),
    ],
)
async def test_states_can_have_a_wrong_number(
    sandbox: Sandbox, listener: Listener, kind: Nonsense, name: str, change: int
) -> None:
    listener.write("one", "two")
    asked = (functions.updates.GetStateRequest(), difference())
    true_state = await listener.bot(asked[0])
    sandbox.faults.distort_states(kind, listener.bot_id)
    state, whole = [await listener.bot(request) for request in asked]
    assert texts(whole) == ["one", "two"]
    for told in (state, whole.state):
        for number in ("pts", "qts", "seq"):
            expected = getattr(true_state, number) + (change if number == name else 0)
            assert getattr(told, number) == expected
        ahead = (told.date - true_state.date).total_seconds()
        assert abs(ahead - (change if name == "date" else 0)) < 60
    sandbox.faults.distort_states(None, listener.bot_id)
    assert (await listener.bot(asked[0])).pts == true_state.pts


async def test_the_pts_of_a_channel_can_be_wrong(sandbox: Sandbox, listener: Listener, channel: Chat) -> None:
    pts = channel.log.pts
    sandbox.world.send_as(listener.ann, channel.marked, "post")
    sandbox.faults.distort_states(Nonsense.PTS_AHEAD)
    posts = await listener.bot(of(channel, pts))
    assert (texts(posts), posts.pts) == (["post"], pts + 1 + 1_000_000)
    with pytest.raises(ValueError, match="no pts_count"):
        sandbox.faults.distort_states(Nonsense.COUNT_ZERO)


async def test_a_difference_can_lag_behind_the_pushed_updates(
    sandbox: Sandbox, listener: Listener, channel: Chat
) -> None:
    pts = channel.log.pts
    listener.write("one")
    sandbox.faults.lag_differences(100)
    listener.write("two")
    sandbox.world.send_as(listener.ann, channel.marked, "post")
    await listener.until("one", "two", "post")
    late = await listener.bot(difference())
    assert (texts(late), late.state.pts) == (["one"], 2)
    empty = await listener.bot(difference(3))
    assert isinstance(empty, types.updates.DifferenceEmpty | types.updates.Difference)
    assert isinstance(await listener.bot(of(channel, pts)), types.updates.ChannelDifferenceEmpty)
    sandbox.faults.set_clock(101)
    async with raw(sandbox, listener.bot) as session:
        there = await session.result(session.send(layered(difference()), msg_id=_at(sandbox)))
        assert texts(there) == ["one", "two"]
        posts = await session.result(session.send(of(channel, pts), msg_id=_at(sandbox, 4)))
        assert texts(posts) == ["post"]
        sandbox.faults.clear()
        assert sandbox.world.horizon is None


def _at(sandbox: Sandbox, more: int = 0) -> int:
    """Return a msg_id of the server's clock."""
    return (int(sandbox.world.now()) << 32) + more


async def test_a_lag_can_be_ended_and_is_for_one_log(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.lag_differences(100, listener.ann)
    listener.write("one")
    assert texts(await listener.bot(difference())) == ["one"]
    sandbox.faults.lag_differences(100, listener.bot_id)
    listener.write("two")
    assert isinstance(await listener.bot(difference()), types.updates.DifferenceEmpty)
    sandbox.faults.lag_differences(0, listener.bot_id)
    assert texts(await listener.bot(difference())) == ["one", "two"]
    sandbox.faults.lag_differences(0, listener.ann)
    assert await listener.bot(functions.users.GetUsersRequest([SELF]))
