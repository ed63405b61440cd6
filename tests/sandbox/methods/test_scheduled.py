"""Messages that people send at a later moment of the world's clock."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import contacts, messages, updates

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.world import World

NOON = 1_700_000_000


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(NOON + seconds, UTC)


def queue(client: Client, peer: Any) -> list[tuple[int, str]]:
    found = client(messages.GetScheduledHistoryRequest(peer, 0)).messages
    return [(message.id, message.message) for message in found]


@pytest.fixture
def told(world: World, ann: Client) -> list[Any]:
    """What Ann's devices are told beside her log."""
    found: list[Any] = []

    def note(account: int, entry: Any) -> None:
        if account == ann.id:
            found.append(entry.update)

    world.subscribe(lambda _: None, note)
    return found


def test_a_message_waits_and_is_sent_when_its_moment_comes(
    ann: Client, bot: Client, clock: Clock, world: World, told: list[Any]
) -> None:
    answer = ann.send(bot, "later", random_id=5, schedule_date=at(60))
    named, new = answer.updates
    assert (named.random_id, named.id, new.message.id) == (5, 1, 1)
    assert isinstance(new, types.UpdateNewScheduledMessage)
    assert (new.message.date, new.message.out) == (NOON + 60, True)
    assert ann.send(bot, "later", random_id=5, schedule_date=at(60)).updates[1].message.id == 1
    clock.time += 59
    assert queue(ann, ann.peer(bot)) == [(1, "later")]
    copy = pickle.loads(pickle.dumps(world))
    clock.time += 1
    assert queue(ann, ann.peer(bot)) == []
    [message] = bot.difference().new_messages
    assert (message.message, message.date, message.from_scheduled) == ("later", NOON + 60, None)
    [own] = ann.difference().new_messages
    assert own.from_scheduled
    gone = told[-1]
    assert (gone.messages, gone.sent_messages) == ([1], [own.id])
    ann(messages.EditMessageRequest(ann.peer(bot), own.id, message="later."))
    edits = [one.message.id for one in ann.difference().other_updates if hasattr(one, "message")]
    assert edits == [own.id]  # the one that waited is gone
    again = ann.send(bot, "later", random_id=5, schedule_date=at(600)).updates
    assert [update.message.id for update in again if hasattr(update, "message")] == [own.id]
    copy._true_time = clock
    copy.agenda.run()
    assert [each.post.text for each in copy.accounts[bot.id].box] == ["later"]


def test_a_moment_has_its_limits(ann: Client, bot: Client, clock: Clock) -> None:
    ann.send(bot, "now", schedule_date=at(10))
    assert [each.message for each in bot.difference().new_messages] == ["now"]
    for moment, error in (
        (-NOON - 5, "SCHEDULE_DATE_INVALID"),
        (400 * 86400, "SCHEDULE_DATE_TOO_LATE"),
        (0x7FFFFFFE - NOON, "SCHEDULE_STATUS_PRIVATE"),
    ):
        with refused(error):
            ann.send(bot, "x", schedule_date=at(moment))
    with refused("SCHEDULE_BOT_NOT_ALLOWED"):
        bot.send(ann, "x", schedule_date=at(60))
    for number in range(100):
        ann.send(bot, "x", random_id=100 + number, schedule_date=at(60 + number))
    with refused("SCHEDULE_TOO_MUCH"):
        ann.send(bot, "x", random_id=999, schedule_date=at(60))


def test_what_waits_is_sent_at_once_changed_and_deleted(ann: Client, bot: Client, clock: Clock) -> None:
    peer = ann.peer(bot)
    for number, text in enumerate(("one", "two", "three"), start=1):
        ann.send(bot, text, random_id=number, schedule_date=at(60 * number))
    assert queue(ann, peer) == [(3, "three"), (2, "two"), (1, "one")]
    edit = messages.EditMessageRequest(peer, 1, message="last", schedule_date=at(600))
    assert ann(edit).updates[-1].message.message == "last"
    assert queue(ann, peer)[0] == (1, "last")
    sent = ann(messages.SendScheduledMessagesRequest(peer, [2]))
    gone, new = sent.updates
    assert (gone.messages, gone.sent_messages, new.message.message) == ([2], [new.message.id], "two")
    [update] = ann(messages.DeleteScheduledMessagesRequest(peer, [3])).updates
    assert (update.messages, update.sent_messages) == ([3], None)
    with refused("MESSAGE_ID_INVALID"):
        ann(messages.DeleteScheduledMessagesRequest(peer, [3]))
    with refused("MESSAGE_IDS_EMPTY"):
        ann(messages.SendScheduledMessagesRequest(peer, []))
    [found] = ann(messages.GetScheduledMessagesRequest(peer, [1, 2, 3, -4])).messages
    assert found.id == 1
    clock.time += 599
    assert [each.message for each in bot.difference().new_messages] == ["two"]
    clock.time += 1
    assert [each.message for each in bot.difference().new_messages] == ["two", "last"]


def test_what_cannot_be_sent_any_more_is_dropped(
    ann: Client, bot: Client, clock: Clock, told: list[Any]
) -> None:
    ann.send(bot, "later", schedule_date=at(60))
    ann(contacts.BlockRequest(ann.peer(bot)))
    told.clear()
    clock.time += 60
    assert queue(ann, ann.peer(bot)) == []
    assert [(one.messages, one.sent_messages) for one in told] == [([1], None)]
    assert bot.difference() is not None


def test_albums_forwards_and_posts_of_channels_wait_too(ann: Client, world: World, clock: Clock) -> None:
    channel = world.new_channel("News", creator=ann.id)
    access = world.accounts.access_hash(ann.id, channel.id, kind=b"channel")
    peer = types.InputPeerChannel(channel.id, access)
    contact = types.InputMediaContact("+1555", "Max", "", "")
    album = [types.InputSingleMedia(contact, "", random_id=number) for number in (1, 2)]
    ann(messages.SendMultiMediaRequest(peer, album, schedule_date=at(60)))
    ann(messages.SendMessageRequest(types.InputPeerSelf(), "note"))
    ann(
        messages.ForwardMessagesRequest(
            types.InputPeerSelf(), [1], to_peer=peer, random_id=[3], schedule_date=at(60)
        )
    )
    assert [number for number, _ in queue(ann, peer)] == [3, 2, 1]
    since = channel.log.pts
    clock.time += 60
    ask = updates.GetChannelDifferenceRequest(peer, types.ChannelMessagesFilterEmpty(), since, 100)
    found = ann(ask).new_messages
    assert [bool(message.fwd_from) for message in found] == [False, False, True]
    assert found[0].grouped_id == found[1].grouped_id
    ann(messages.SendMessageRequest(peer, "soon", schedule_date=at(600)))
    new = ann(messages.SendScheduledMessagesRequest(peer, [4])).updates[-1]
    assert (type(new), new.pts) == (types.UpdateNewChannelMessage, channel.log.pts)
