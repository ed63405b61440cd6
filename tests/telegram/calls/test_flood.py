from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import errors, events
from telethon.tl import functions, types

from tests.telegram.calls.conftest import SEND, NoSender, Script, message, typing
from tests.telegram.conftest import PATIENCE, Stage, until
from tgbot.telegram import BotClient
from tgbot.telegram.calls import limits
from tgbot.telegram.calls.call import Call, call_of
from tgbot.telegram.calls.limits import FloodWaits, slow_mode_raises


class Hands:
    """The monotonic clock; sleeping moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(limits, "time", made)
    monkeypatch.setattr(limits, "asyncio", made)
    return made


def media(user_id: int) -> Call:
    contact = types.InputMediaContact("+1", "A", "B", "")
    request = functions.messages.SendMediaRequest(types.InputPeerUser(user_id, 1), contact, "")
    return call_of(NoSender(), request, 60)


def wait(seconds: int) -> errors.FloodWaitError:
    return errors.FloodWaitError(None, seconds)


async def test_a_short_wait_is_waited_for_and_the_request_made_again(hands: Hands) -> None:
    script = Script(wait(30), wait(2))
    assert await FloodWaits(script).call(typing()) is True
    assert hands.slept == [30, 2]
    assert len(script.requests) == 3


async def test_a_wait_of_0_seconds_is_one_of_1(hands: Hands) -> None:
    await FloodWaits(Script(wait(0))).call(typing())
    assert hands.slept == [1]


async def test_a_long_wait_is_raised_and_the_same_request_not_made_until_it_is_over(hands: Hands) -> None:
    script = Script(wait(300))
    chain = FloodWaits(script)
    with pytest.raises(errors.FloodWaitError):
        await chain.call(typing())
    hands.now += 100
    with pytest.raises(errors.FloodWaitError) as raised:
        await chain.call(typing())
    assert raised.value.seconds == 200
    assert len(script.requests) == 1
    hands.now += 150
    await chain.call(typing())  # what is left of it is short enough
    assert hands.slept == [50]


async def test_a_wait_holds_neither_another_chat_nor_another_method(hands: Hands) -> None:
    chain = FloodWaits(Script(wait(300)))
    with pytest.raises(errors.FloodWaitError):
        await chain.call(typing(5))
    await chain.call(typing(6))
    await chain.call(message(5))
    assert hands.slept == []


async def test_the_threshold_says_which_wait_is_too_long(hands: Hands) -> None:
    chain = FloodWaits(Script(wait(2)))
    with pytest.raises(errors.FloodWaitError):
        await chain.call(typing(flood_threshold=1))


async def test_a_call_waits_no_longer_than_the_threshold_in_all(hands: Hands) -> None:
    script = Script(*(wait(25) for _ in range(9)))
    with pytest.raises(errors.FloodWaitError) as raised:
        await FloodWaits(script).call(typing())
    assert hands.slept == [25, 25]
    assert raised.value.seconds == 25
    assert len(script.requests) == 3


async def test_a_flood_that_telethon_has_no_class_for_is_waited_for(hands: Hands) -> None:
    new = errors.FloodError(None, "FLOOD_NEW_WAIT_30", 420)
    assert await FloodWaits(Script(new)).call(typing()) is True
    assert hands.slept == [30]


async def test_a_channels_wait_holds_no_other_channel(hands: Hands) -> None:
    def difference(number: int) -> Call:
        channel = types.InputChannel(number, 1)
        request = functions.updates.GetChannelDifferenceRequest(channel, None, pts=1, limit=1)
        return call_of(NoSender(), request, 60)

    chain = FloodWaits(Script(wait(300)))
    with pytest.raises(errors.FloodWaitError):
        await chain.call(difference(5))
    assert await chain.call(difference(6)) is True
    with pytest.raises(errors.FloodWaitError):
        await chain.call(difference(5))


async def test_states_and_differences_wait_only_for_the_rest_of_a_wait(hands: Hands) -> None:
    chain = FloodWaits(Script(wait(30)))
    state = call_of(NoSender(), functions.updates.GetStateRequest(), 60)
    for seconds in (0.0, 28.5):
        hands.now += seconds
        with pytest.raises(errors.FloodWaitError):
            await chain.call(state)
    hands.now += 1
    assert await chain.call(state) is True
    assert hands.slept == [0.5]


async def test_slow_mode_holds_every_send_to_its_chat_and_nothing_else(hands: Hands) -> None:
    script = Script(errors.SlowModeWaitError(None, 20))
    chain = FloodWaits(script)
    assert await chain.call(message(5)) is True
    assert hands.slept == [20]
    script.answers = [errors.SlowModeWaitError(None, 300)]
    with pytest.raises(errors.SlowModeWaitError):
        await chain.call(message(5))
    with pytest.raises(errors.SlowModeWaitError):
        await chain.call(media(5))
    assert await chain.call(typing(5)) is True
    assert await chain.call(message(6)) is True
    assert hands.slept == [20]


async def test_slow_mode_is_raised_at_once_where_that_is_asked_for(hands: Hands) -> None:
    script = Script(errors.SlowModeWaitError(None, 20))
    chain = FloodWaits(script)
    for _ in range(2):
        with slow_mode_raises(), pytest.raises(errors.SlowModeWaitError):
            await chain.call(message(5))
    assert len(script.requests) == 1
    assert hands.slept == []
    assert await chain.call(message(5)) is True
    assert hands.slept == [20]


async def test_waits_that_are_over_do_not_pile_up(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FLOOD_WAITS", 3)
    chain = FloodWaits(Script(*(wait(300 + number) for number in range(50))))
    for number in range(50):
        with pytest.raises(errors.FloodWaitError):
            await chain.call(typing(number))
        hands.now += 299
    assert len(chain.due) <= 5


# ---- on the wire --------------------------------------------------------------------------------


async def test_a_long_flood_wait_of_one_person_does_not_hold_up_another(
    stage: Stage, client: BotClient, ann: int
) -> None:
    bob = stage.meet("Bob")
    stage.write(bob, "hello")
    await until(lambda: client.session.access_hash(bob))
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_300")
    with pytest.raises(errors.FloodWaitError):
        await client.send_message(ann, "hi")
    await client.send_message(bob, "hi")
    assert stage.heard(bob) == ["hi"]
    with pytest.raises(errors.FloodWaitError):
        await client.send_message(ann, "hi")
    assert stage.sandbox.calls[SEND] == 2


async def test_telethons_threshold_is_the_one_that_counts(stage: Stage, client: BotClient) -> None:
    client.flood_sleep_threshold = 1
    stage.faults.fail("users.getUsers", 420, "FLOOD_WAIT_2")
    with pytest.raises(errors.FloodWaitError):
        await client(functions.users.GetUsersRequest([types.InputUserSelf()]))


async def test_time_spent_waiting_for_a_flood_is_not_a_handlers_own(
    stage: Stage, ann: int, caplog: pytest.LogCaptureFixture
) -> None:
    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond("answer")
            await asyncio.sleep(0)

    stage.faults.fail(SEND, 420, "FLOOD_WAIT_1")
    await stage.open(slow, handler_seconds=0.9)
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["answer"])
    await until(lambda: stage.finished)
    assert "was cut off" not in caplog.text


async def test_a_flood_wait_that_comes_again_and_again_is_raised_in_the_end(
    stage: Stage, client: BotClient, ann: int
) -> None:
    client.flood_sleep_threshold = 2
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_1", times=99)
    with pytest.raises(errors.FloodWaitError):
        async with asyncio.timeout(PATIENCE):
            await client.send_message(ann, "hi")
    assert stage.sandbox.calls[SEND] <= 3


async def test_who_has_a_rule_of_their_own_meets_each_wait_and_keeps_nobody_waiting(hands: Hands) -> None:
    floods = FloodWaits(Script(wait(1), wait(1), wait(30), True))
    own = typing(flood_threshold=-1)
    for _ in range(2):
        with pytest.raises(errors.FloodWaitError):
            await floods.call(own)
    assert (hands.slept, floods.due) == ([], {})
    assert floods.asked.total() == 2
    # What Telegram asked others for is theirs: this one is sent all the same.
    with pytest.raises(errors.FloodWaitError):
        await floods.call(typing(flood_threshold=5))
    assert await floods.call(own) is True
    assert hands.slept == []
