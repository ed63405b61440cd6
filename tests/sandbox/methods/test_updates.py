"""Differences: all updates above a state, in order."""

from __future__ import annotations

from telethon.tl import types
from telethon.tl.functions import contacts, updates

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.world import World


def test_a_difference_has_ones_own_messages_in_order(ann: Client, bot: Client) -> None:
    ann.send(bot, "question")
    bot.send(ann, "answer", 9)
    ann(contacts.BlockRequest(ann.peer(bot)))
    told = bot.difference()
    assert isinstance(told, types.updates.Difference)
    assert [(message.message, message.out) for message in told.new_messages] == [
        ("question", False),
        ("answer", True),
    ]
    assert [type(update).__name__ for update in told.other_updates] == ["UpdateMessageID", "UpdateBotStopped"]
    assert (told.state.pts, told.state.qts) == (3, 2)
    assert isinstance(bot.difference(3, 2), types.updates.DifferenceEmpty)
    assert bytes(told)


def test_a_difference_comes_in_slices_that_lose_nothing(world: World, ann: Client, bot: Client) -> None:
    for number in range(7):
        ann.send(bot, f"{number}")
        ann(contacts.BlockRequest(ann.peer(bot)))
        ann(contacts.UnblockRequest(ann.peer(bot)))
    world.difference_limit = 4
    pts = qts = 1
    texts, stops = [], []
    for _ in range(6):
        told = bot.difference(pts, qts)
        texts += [message.message for message in told.new_messages]
        stops += [update.qts for update in told.other_updates]
        if isinstance(told, types.updates.Difference):
            break
        assert isinstance(told, types.updates.DifferenceSlice)
        assert len(told.new_messages) + len(told.other_updates) == 4
        pts, qts = told.intermediate_state.pts, told.intermediate_state.qts
    assert isinstance(told, types.updates.Difference)
    assert texts == [f"{number}" for number in range(7)]
    assert stops == list(range(2, 16))


def test_a_difference_may_be_too_long(world: World, ann: Client, bot: Client) -> None:
    for number in range(5):
        ann.send(bot, f"{number}")
    answer = bot.difference(pts_total_limit=4)
    assert isinstance(answer, types.updates.DifferenceTooLong)
    assert answer.pts == 6
    assert isinstance(bot.difference(pts_total_limit=5), types.updates.Difference)
    world.difference_too_long = True
    assert isinstance(bot.difference(), types.updates.DifferenceTooLong)
    assert isinstance(bot.difference(6), types.updates.DifferenceEmpty)


def test_a_difference_from_nowhere_is_refused(ann: Client) -> None:
    with refused("PERSISTENT_TIMESTAMP_EMPTY"):
        ann.difference(0)
    with refused("PERSISTENT_TIMESTAMP_INVALID"):
        ann.difference(2)
    with refused("DATE_EMPTY"):
        ann(updates.GetDifferenceRequest(1, 0, 1))


def test_odd_updates_come_in_a_difference_too(world: World, bot: Client) -> None:
    pinned = types.UpdatePinnedMessages(types.PeerUser(1), [1], 0, 1)
    world.push_update(bot.id, pinned)
    world.push_update(bot.id, types.UpdateBotStopped(1, 5, True, 0))
    told = bot.difference()
    assert [(type(update).__name__, getattr(update, "qts", 0)) for update in told.other_updates] == [
        ("UpdatePinnedMessages", 0),
        ("UpdateBotStopped", 2),
    ]
    assert told.state.pts == 2
