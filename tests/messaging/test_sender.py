"""The gate: pace, what Telegram's answers say of access, and answers in chats that take none."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.users import Profile
from tgbot.messaging.sender import Pace, Sender, error_name
from tgbot.store.registry import MemoryRegistry

ANNA, BERT = 1001, 1002
NOW = 1_700_000_000


class Clock:
    """Time that passes only when told; counts the timers that are set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.cancelled: set[int] = set()
        self._count = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Any:
        self._count += 1
        number = self._count
        heapq.heappush(self.timers, (when, number, callback))
        return SimpleNamespace(cancel=lambda: self.cancelled.add(number))

    def live(self) -> int:
        return sum(number not in self.cancelled for _, number, _ in self.timers)

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        await settle()
        while self.timers and self.timers[0][0] <= end:
            self.now, number, callback = heapq.heappop(self.timers)
            if number not in self.cancelled:
                callback()
                await settle()
        self.now = end


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Turns:
    """Who got a turn, in order and when."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self.pace, self.clock = pace, clock
        self.got: list[tuple[int, float]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def ask(self, chat: int) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._ask(chat))
        self.tasks.append(task)
        return task

    async def _ask(self, chat: int) -> None:
        await self.pace.turn(chat)
        self.got.append((chat, self.clock.now))

    def by(self, second: float) -> int:
        return sum(at <= second for _, at in self.got)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_burst_passes_at_once_and_the_rest_at_the_overall_rate(clock: Clock) -> None:
    turns = Turns(Pace(overall=30, overall_burst=30, timeline=clock), clock)
    for chat in range(90):
        turns.ask(chat)
    await clock.advance(0)
    assert turns.by(clock.now) == 30
    await clock.advance(1.0)
    assert 59 <= turns.by(clock.now) <= 61
    await clock.advance(1.01)
    assert len(turns.got) == 90
    assert [chat for chat, _ in turns.got] == list(range(90))


async def test_one_chat_gets_a_short_burst_and_then_one_a_second(clock: Clock) -> None:
    turns = Turns(Pace(chat_burst=3, timeline=clock), clock)
    for _ in range(6):
        turns.ask(ANNA)
    await clock.advance(0)
    assert len(turns.got) == 3
    await clock.advance(1.01)
    assert len(turns.got) == 4
    await clock.advance(2)
    assert len(turns.got) == 6


async def test_a_chat_that_waits_takes_no_turn_from_the_others(clock: Clock) -> None:
    turns = Turns(Pace(overall=10, overall_burst=10, chat_burst=1, timeline=clock), clock)
    for _ in range(200):
        turns.ask(ANNA)
    await clock.advance(2)
    for chat in range(2000, 2009):
        turns.ask(chat)
    before = clock.now
    await clock.advance(0.2)
    others = [at for chat, at in turns.got if chat != ANNA]
    assert len(others) == 9
    assert max(others) - before < 0.2
    for task in turns.tasks:
        task.cancel()
    await settle()


async def test_chats_whose_turns_come_together_keep_the_overall_rate(clock: Clock) -> None:
    turns = Turns(Pace(overall=5, overall_burst=10, chat_burst=1, timeline=clock), clock)
    for chat in range(20):
        turns.ask(chat % 10)  # Ten at once, and the second ones all a second later.
    await clock.advance(1.001)
    assert turns.by(clock.now) == 15
    await clock.advance(1.001)
    assert turns.by(clock.now) == 20


async def test_however_many_wait_one_timer_runs(clock: Clock) -> None:
    turns = Turns(Pace(timeline=clock), clock)
    for chat in range(500):
        turns.ask(chat % 50)
    await clock.advance(0)
    assert clock.live() == 1
    assert len(clock.timers) < 20  # Set once, not anew for everybody who asks.
    await clock.advance(0.5)
    assert clock.live() == 1
    for task in turns.tasks:
        task.cancel()
    await settle()


async def test_who_gives_up_waiting_costs_the_others_nothing(clock: Clock) -> None:
    turns = Turns(Pace(chat_burst=1, overall=2, overall_burst=1, timeline=clock), clock)
    turns.ask(ANNA)
    impatient = [turns.ask(ANNA) for _ in range(20)]
    await clock.advance(0)
    for task in impatient:
        task.cancel()
    await clock.advance(30)
    turns.ask(BERT)
    await clock.advance(0)
    assert [chat for chat, _ in turns.got] == [ANNA, BERT]


async def test_chats_long_silent_are_not_remembered(clock: Clock) -> None:
    pace = Pace(overall=1e9, overall_burst=10**9, timeline=clock)
    for chat in range(5000):
        clock.now += 2
        await pace.turn(chat)
    assert len(pace._chats) <= 1025


async def test_the_pace_keeps_real_time_too() -> None:
    pace = Pace(overall=200, overall_burst=1)
    loop = asyncio.get_running_loop()
    start = loop.time()
    await asyncio.gather(*(pace.turn(chat) for chat in range(21)))
    assert loop.time() - start >= 0.09


class Telegram:
    """A Telegram that answers by user id, and tells the gate of each call as the client does."""

    def __init__(self) -> None:
        self.refusals: dict[int, Exception] = {}
        self.calls: list[Any] = []
        self.observe: Callable[[Any, int, str | None], None] = lambda request, user_id, error: None
        self.session = SimpleNamespace(access_hash={ANNA: 77}.get)

    async def __call__(self, request: Any) -> Any:
        self.calls.append(request)
        user_id = request.peer.user_id
        refusal = self.refusals.get(user_id)
        self.observe(request, user_id, None if refusal is None else error_name(refusal))
        if refusal is not None:
            raise refusal
        return True

    async def send_message(self, peer: Any, text: str, **options: Any) -> Any:
        return await self(functions.messages.SendMessageRequest(peer, text, random_id=1))


@pytest.fixture
def telegram() -> Telegram:
    return Telegram()


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def sender(telegram: Telegram, users: MemoryRegistry) -> Sender:
    sender = Sender(telegram, users, clock=lambda: NOW)
    telegram.observe = sender.observe
    return sender


def refusal(name: str) -> Exception:
    error: Exception = errors.rpc_message_to_error(
        types.RpcError(error_code=403, error_message=name), functions.messages.SetTypingRequest(None, None)
    )
    return error


async def test_a_probe_is_one_chat_action_and_its_acceptance_is_evidence(
    sender: Sender, telegram: Telegram, users: MemoryRegistry
) -> None:
    verdict = await sender.probe(ANNA)
    assert verdict.access is Access.REACHABLE
    assert verdict.evidence is not None
    assert verdict.evidence.kind is Kind.ACTION_ACCEPTED
    (request,) = telegram.calls
    assert isinstance(request, functions.messages.SetTypingRequest)
    assert request.peer == types.InputPeerUser(ANNA, 77)


async def test_a_user_without_access_hash_is_tried_with_none(sender: Sender, telegram: Telegram) -> None:
    await sender.probe(BERT)
    assert telegram.calls[0].peer == types.InputPeerUser(BERT, 0)


@pytest.mark.parametrize(
    ("name", "access"),
    [
        ("USER_IS_BLOCKED", Access.BLOCKED),
        ("INPUT_USER_DEACTIVATED", Access.DEACTIVATED),
        ("USER_IS_BOT", Access.BOT),
        ("USER_BOT_TO_BOT_DISABLED", Access.BOT),
        ("PEER_ID_INVALID", Access.NOT_ALLOWED),
        ("PRIVACY_PREMIUM_REQUIRED", Access.NOT_ALLOWED),
        ("ALLOW_PAYMENT_REQUIRED_42", Access.NOT_ALLOWED),
    ],
)
async def test_a_refused_probe_says_why(
    sender: Sender, telegram: Telegram, users: MemoryRegistry, name: str, access: Access
) -> None:
    telegram.refusals[ANNA] = refusal(name)
    assert (await sender.probe(ANNA)).access is access
    user = users.get(ANNA)
    assert user is not None
    assert user.verdict(NOW).access is access


async def test_an_error_that_says_nothing_of_access_is_raised(
    sender: Sender, telegram: Telegram, users: MemoryRegistry
) -> None:
    telegram.refusals[ANNA] = refusal("FLOOD_WAIT_300")
    with pytest.raises(errors.FloodWaitError):
        await sender.probe(ANNA)
    assert users.get(ANNA) is None


async def test_refused_and_then_accepted_within_one_second_is_reachable(
    sender: Sender, telegram: Telegram
) -> None:
    telegram.refusals[ANNA] = refusal("USER_IS_BLOCKED")
    assert (await sender.probe(ANNA)).access is Access.BLOCKED
    del telegram.refusals[ANNA]
    assert (await sender.probe(ANNA)).access is Access.REACHABLE


async def test_a_block_that_telegram_tells_of_outweighs_an_acceptance_in_its_second(
    sender: Sender, users: MemoryRegistry
) -> None:
    users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=5))
    sender.observe(functions.messages.SendMessageRequest(None, "", random_id=1), ANNA, None, NOW)
    assert (await sender.can_write(ANNA)).access is Access.BLOCKED


async def test_can_write_answers_from_evidence_and_asks_only_on_demand(
    sender: Sender, telegram: Telegram
) -> None:
    assert (await sender.can_write(ANNA)).access is Access.UNKNOWN
    assert telegram.calls == []
    assert (await sender.can_write(ANNA, probe=True)).access is Access.REACHABLE
    assert len(telegram.calls) == 1
    assert (await sender.can_write(ANNA)).access is Access.REACHABLE
    assert len(telegram.calls) == 1


async def test_a_send_that_is_refused_raises_and_leaves_evidence(
    sender: Sender, telegram: Telegram, users: MemoryRegistry
) -> None:
    telegram.refusals[ANNA] = refusal("USER_IS_BLOCKED")
    with pytest.raises(errors.UserIsBlockedError):
        await sender.send(ANNA, "hello")
    assert (await sender.can_write(ANNA)).access is Access.BLOCKED


async def test_a_send_takes_whatever_names_a_user(sender: Sender, telegram: Telegram) -> None:
    await sender.send(ANNA, "by id")
    await sender.send(types.InputPeerUser(BERT, 5), "by peer")
    await sender.send(types.User(id=1003, access_hash=6, first_name="C"), "by entity")
    assert [(call.peer.user_id, call.peer.access_hash) for call in telegram.calls] == [
        (ANNA, 77),
        (BERT, 5),
        (1003, 6),
    ]


async def test_an_invalid_peer_in_a_call_that_does_not_write_is_no_evidence(
    sender: Sender, users: MemoryRegistry
) -> None:
    sender.observe(functions.users.GetUsersRequest([]), ANNA, "PEER_ID_INVALID")
    assert users.get(ANNA) is None
    sender.observe(functions.messages.SetTypingRequest(None, None), ANNA, "PEER_ID_INVALID")
    assert users.get(ANNA) is not None


async def test_the_success_of_a_call_that_does_not_write_is_no_evidence(
    sender: Sender, users: MemoryRegistry
) -> None:
    sender.observe(functions.users.GetUsersRequest([]), ANNA, None)
    assert users.get(ANNA) is None


class Event:
    """What the gate uses of a message's event."""

    def __init__(self, client: Telegram, chat: Any, private: bool = True) -> None:
        self.client, self.input_chat, self.is_private = client, chat, private
        self.chat_id = ANNA if private else -5

    async def respond(self, text: str, **options: Any) -> Any:
        return await self.client.send_message(self.input_chat, text, **options)


async def test_an_answer_to_somebody_who_has_just_blocked_the_bot_is_no_failure(
    sender: Sender, telegram: Telegram
) -> None:
    telegram.refusals[ANNA] = refusal("USER_IS_BLOCKED")
    assert await sender.answer(Event(telegram, types.InputPeerUser(ANNA, 77)), "hello") is None
    assert (await sender.can_write(ANNA)).access is Access.BLOCKED


async def test_an_answer_where_no_full_user_came_along_goes_without_access_hash(
    sender: Sender, telegram: Telegram
) -> None:
    assert await sender.answer(Event(telegram, None), "hello") is True
    assert telegram.calls[0].peer == types.InputPeerUser(ANNA, 0)


async def test_an_answer_in_a_group_that_cannot_be_reached_is_left_out(
    sender: Sender, telegram: Telegram
) -> None:
    assert await sender.answer(Event(telegram, None, private=False), "hello") is None
    assert telegram.calls == []


async def test_any_other_error_of_an_answer_is_raised(sender: Sender, telegram: Telegram) -> None:
    telegram.refusals[ANNA] = refusal("MESSAGE_TOO_LONG")
    with pytest.raises(errors.MessageTooLongError):
        await sender.answer(Event(telegram, types.InputPeerUser(ANNA, 77)), "hello")


@pytest.mark.parametrize(
    "name", ["USER_IS_BLOCKED", "PRIVACY_PREMIUM_REQUIRED", "ALLOW_PAYMENT_REQUIRED_5", "PEER_ID_INVALID"]
)
def test_an_errors_name_is_had_back_from_telethons_class(name: str) -> None:
    assert error_name(refusal(name)) == name


def test_a_profile_is_not_needed_for_evidence(sender: Sender, users: MemoryRegistry) -> None:
    sender.observe(functions.messages.SetTypingRequest(None, None), BERT, None)
    users.seen(Profile(BERT, "Bert"), NOW, "message")
    user = users.get(BERT)
    assert user is not None
    assert user.verdict(NOW).access is Access.REACHABLE


def test_a_refusal_counts_before_the_update_that_tells_of_the_block(
    sender: Sender, users: MemoryRegistry
) -> None:
    typing = functions.messages.SetTypingRequest(None, None)
    users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=5))
    users.record(ANNA, Evidence(Kind.BOT_UNBLOCKED, NOW, qts=6))
    assert access(users) is Access.REACHABLE
    sender.observe(typing, ANNA, "USER_IS_BLOCKED", NOW)
    assert access(users) is Access.BLOCKED
    users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=7))
    users.record(ANNA, Evidence(Kind.BOT_UNBLOCKED, NOW, qts=8))
    assert access(users) is Access.REACHABLE


def test_an_accepted_call_does_not_outweigh_a_block_of_the_same_second(
    sender: Sender, users: MemoryRegistry
) -> None:
    typing = functions.messages.SetTypingRequest(None, None)
    sender.observe(typing, ANNA, "PEER_ID_INVALID", NOW)
    sender.observe(typing, ANNA, None, NOW)
    assert access(users) is Access.REACHABLE
    for qts in (5, 7, 9):
        users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=qts))
        assert access(users) is Access.BLOCKED
        sender.observe(typing, ANNA, "USER_IS_BLOCKED", NOW)
        assert access(users) is Access.BLOCKED
        users.record(ANNA, Evidence(Kind.BOT_UNBLOCKED, NOW, qts=qts + 1))
        sender.observe(typing, ANNA, None, NOW)
        assert access(users) is Access.REACHABLE
    users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=11))
    sender.observe(typing, ANNA, "USER_IS_BLOCKED", NOW)
    assert access(users) is Access.BLOCKED


def access(users: MemoryRegistry) -> Access:
    user = users.get(ANNA)
    assert user is not None
    return user.verdict(NOW).access
