"""Telegram's limits: how fast a bot sends, how late it deletes, how much one call and one log hold."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from telethon.tl import types
from telethon.tl.functions import contacts, messages

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.methods import RpcError
from tgbot.sandbox.world import World


@pytest.fixture
def people(world: World, bot: Client) -> list[int]:
    return [person.id for person in world.crowd(bot.id, 200)]


class Rush:
    """A bot that sends one message after another."""

    def __init__(self, bot: Client) -> None:
        self.bot = bot
        self.sent = 0
        #: The number of the next random_id.
        self.next = 1

    def to(self, people: list[int], *, paid: bool = False) -> int:
        """Send to people until Telegram says to wait; return for how many seconds, 0 if it does not."""
        for person in people:
            self.next += 1
            request = messages.SendMessageRequest(
                self.bot.peer(person), "news", random_id=self.next, allow_paid_floodskip=paid or None
            )
            try:
                self.bot(request)
            except RpcError as error:
                if error.code != 420:
                    raise
                return int(error.name.removeprefix("FLOOD_WAIT_"))
            self.sent += 1
        return 0


def test_without_limits_a_bot_sends_as_fast_as_it_can(bot: Client, people: list[int]) -> None:
    rush = Rush(bot)
    assert rush.to(people * 5) == 0
    assert rush.sent == 1000


def test_a_bot_sends_30_messages_a_second_after_a_short_burst(
    world: World, clock: Clock, bot: Client, people: list[int]
) -> None:
    world.limits.real = True
    rush = Rush(bot)
    assert rush.to(people) == 1
    assert rush.sent == 30
    clock.time += 1.05
    assert rush.to(people[30:]) == 1
    assert rush.sent == 60
    assert world.limits.waits[bot.id] == 2


def test_who_does_not_wait_has_to_wait_longer(world: World, bot: Client, people: list[int]) -> None:
    world.limits.real = True
    rush = Rush(bot)
    waits = [rush.to(people[30:]) for _ in range(3000)]
    assert waits == sorted(waits)
    assert waits[-1] == 60
    assert rush.sent == 30


def test_what_is_paid_for_passes_above_the_free_pace_and_is_counted(
    world: World, clock: Clock, bot: Client, people: list[int]
) -> None:
    world.limits.real = True
    rush = Rush(bot)
    for _ in range(10):
        assert rush.to(people[:100], paid=True) == 0
        clock.time += 1
    assert rush.sent == 1000
    assert world.limits.offered[bot.id] == 1000
    assert world.limits.paid[bot.id] == pytest.approx(700, abs=2)
    assert world.limits.waits[bot.id] == 0


def waited(call: Callable[[], object]) -> int:
    """Return for how many seconds a call has to wait, 0 if it was carried out."""
    try:
        call()
    except RpcError as error:
        if error.code != 420:
            raise
        return int(error.name.removeprefix("FLOOD_WAIT_"))
    return 0


def test_a_bot_types_20_times_in_5_seconds_and_40_times_in_30_in_one_chat(
    world: World, clock: Clock, bot: Client, people: list[int]
) -> None:
    def types_to(person: int) -> Callable[[], object]:
        action = types.SendMessageTypingAction()
        return lambda: bot(messages.SetTypingRequest(bot.peer(person), action))

    assert [waited(types_to(people[0])) for _ in range(100)] == [0] * 100
    world.limits.real = True
    assert [waited(types_to(people[0])) for _ in range(22)] == [0] * 20 + [5, 5]
    assert waited(types_to(people[1])) == 0  # it holds for the chat alone
    clock.time += 5
    assert [waited(types_to(people[0])) for _ in range(21)] == [0] * 20 + [25]
    clock.time += 25
    assert waited(types_to(people[0])) == 0


def test_a_bot_resolves_200_usernames_a_day_and_after_one_more_none_for_a_day(
    world: World, clock: Clock, bot: Client, ann: Client
) -> None:
    request = contacts.ResolveUsernameRequest("the_bot")
    world.limits.real = True
    for hour in range(200):
        clock.time += 60
        assert waited(lambda: bot(request)) == 0, hour
    clock.time += 24 * 3600 - 200 * 60 + 1
    assert waited(lambda: bot(request)) == 24 * 3600
    clock.time += 12 * 3600
    assert waited(lambda: bot(request)) == 12 * 3600
    assert waited(lambda: ann(request)) == 0
    clock.time += 12 * 3600
    assert waited(lambda: bot(request)) == 0


def test_one_chat_takes_one_message_a_second_and_a_few_at_once(
    world: World, clock: Clock, bot: Client, people: list[int]
) -> None:
    world.limits.real = True
    rush = Rush(bot)
    assert rush.to(people[:1] * 9) == 1
    assert rush.sent == 5
    assert rush.to(people[1:2]) == 0  # it holds for the chat alone
    clock.time += 2.01
    assert rush.to(people[:1] * 9) == 1
    assert rush.sent == 7


def test_a_group_takes_20_messages_a_minute(
    world: World, clock: Clock, bot: Client, people: list[int]
) -> None:
    to = types.InputPeerChat(world.new_group("Club", people[0], bot.id).id)
    world.limits.real = True
    for first in (1, 101):
        for number in range(20):
            bot(messages.SendMessageRequest(to, "hi", random_id=first + number))
        with refused("FLOOD_WAIT_3", 420):
            bot(messages.SendMessageRequest(to, "hi", random_id=99))
        clock.time += 65


def test_a_user_and_a_repeated_send_have_no_limit(
    world: World, ann: Client, bot: Client, people: list[int]
) -> None:
    world.limits.real = True
    for _ in range(50):
        ann.send(bot)
    for _ in range(50):
        bot.send(ann, random_id=7)
    assert world.limits.waits.total() == 0


def test_a_bot_deletes_in_many_chats_at_once_for_both_sides(
    world: World, bot: Client, people: list[int]
) -> None:
    Rush(bot).to(people[:150])
    sent = [copy for copy in world.accounts[bot.id].box if copy.out]
    answer = bot(messages.DeleteMessagesRequest([copy.id for copy in sent], revoke=True))
    assert (answer.pts, answer.pts_count) == (world.accounts[bot.id].log.pts, 100)
    delivered = list(world.delivered(bot.id))
    assert [one.deleted for one in delivered] == [True] * 100 + [False] * 50
    assert [one.there for one in delivered] == [False] * 100 + [True] * 50
    last = world.accounts[people[0]].log.above(1, 1)[-1].update
    assert isinstance(last, types.UpdateDeleteMessages)


def test_a_bot_cannot_delete_what_is_older_than_48_hours(
    world: World, clock: Clock, bot: Client, people: list[int]
) -> None:
    world.limits.real = True
    rush = Rush(bot)
    rush.to(people[:1])
    clock.time += 10
    rush.to(people[1:2])
    old, young = (copy.id for copy in world.accounts[bot.id].box if copy.out)
    clock.time += 48 * 3600 - 5
    with refused("MESSAGE_DELETE_FORBIDDEN", 403):
        bot(messages.DeleteMessagesRequest([young, old], revoke=True))
    assert bot(messages.DeleteMessagesRequest([young], revoke=True)).pts_count == 1
    world.limits.real = False
    assert bot(messages.DeleteMessagesRequest([old], revoke=True)).pts_count == 1


def test_one_call_reads_200_messages_and_what_is_not_there_is_empty(
    world: World, bot: Client, people: list[int]
) -> None:
    wanted = [types.InputMessageID(number) for number in range(1, 302)]
    answer = bot(messages.GetMessagesRequest(wanted))
    assert [message.id for message in answer.messages] == list(range(1, 201))
    assert len(answer.users) == 200
    assert all(isinstance(message, types.Message) for message in answer.messages)
    world.limits.messages = 50
    assert len(bot(messages.GetMessagesRequest(wanted[180:])).messages) == 50
    beyond = bot(messages.GetMessagesRequest(wanted[-2:])).messages
    assert [type(message) for message in beyond] == [types.MessageEmpty] * 2


def test_a_log_that_holds_little_names_the_oldest_state_that_it_goes_on_from(
    world: World, bot: Client, people: list[int]
) -> None:
    pts = world.accounts[bot.id].log.pts
    assert pts == 201
    world.limits.box = 20
    answer = bot.difference(pts=50)
    assert isinstance(answer, types.updates.DifferenceTooLong)
    assert answer.pts == pts - 20
    rest = bot.difference(pts=answer.pts)
    assert [message.id for message in rest.new_messages] == list(range(181, 201))
    limited = bot.difference(pts=1, pts_limit=5)
    assert isinstance(limited, types.updates.DifferenceTooLong)


def test_limits_outlive_a_restart(world: World, bot: Client, people: list[int]) -> None:
    world.limits.real = True
    Rush(bot).to(people)
    copy = pickle.loads(pickle.dumps(world))
    assert copy.limits.real
    assert copy.limits.waits[bot.id] == 1


def test_what_was_delivered_is_told_for_each_message(world: World, bot: Client, people: list[int]) -> None:
    for number, person in enumerate(people[:3]):
        bot(messages.SendMessageRequest(bot.peer(person), "news", random_id=number + 1))
    world.block(people[3], bot.id)
    with refused("USER_IS_BLOCKED", 403):
        bot(messages.SendMessageRequest(bot.peer(people[3]), "news", random_id=9))
    first, second, _ = (copy.id for copy in world.accounts[bot.id].box if copy.out)
    bot(messages.EditMessageRequest(bot.peer(people[0]), first, message="other news"))
    bot(messages.DeleteMessagesRequest([second], revoke=True))
    assert list(world.delivered(bot.id)) == [
        (people[0], 1, "other news", True, True, False),
        (people[1], 2, "news", False, False, True),
        (people[2], 3, "news", True, False, False),
    ]


def test_people_of_long_ago_can_be_written_to_and_are_in_no_log(world: World, bot: Client) -> None:
    people = [person.id for person in world.crowd(bot.id, 5, None)]
    assert world.accounts[bot.id].log.pts == 1
    rush = Rush(bot)
    assert rush.to(people) == 0
    assert rush.sent == 5
