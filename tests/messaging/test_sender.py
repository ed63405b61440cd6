"""What Telegram's answers say of access, and answers in chats that take none."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from tests.messaging.telegram import ANNA, BERT, NOW, Telegram, sender_on
from tests.store.memory import MemoryRegistry
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.users import Keep, Profile, Way
from tgbot.messaging.outcomes import record_outcome
from tgbot.messaging.sender import Sender


@pytest.fixture
def telegram() -> Telegram:
    return Telegram()


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def sender(telegram: Telegram, users: MemoryRegistry) -> Sender:
    return sender_on(telegram, users)


def refusal(name: str) -> errors.RPCError:
    error: errors.RPCError = errors.rpc_message_to_error(
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
    record_outcome(
        users, Keep.ALL, functions.messages.SendMessageRequest(None, "", random_id=1), ANNA, None, NOW
    )
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
    record_outcome(users, Keep.ALL, functions.users.GetUsersRequest([]), ANNA, "PEER_ID_INVALID", NOW)
    assert users.get(ANNA) is None
    record_outcome(
        users, Keep.ALL, functions.messages.SetTypingRequest(None, None), ANNA, "PEER_ID_INVALID", NOW
    )
    assert users.get(ANNA) is not None


async def test_the_success_of_a_call_that_does_not_write_is_no_evidence(
    sender: Sender, users: MemoryRegistry
) -> None:
    record_outcome(users, Keep.ALL, functions.users.GetUsersRequest([]), ANNA, None, NOW)
    assert users.get(ANNA) is None


class Event:
    """A message's event, as far as the sender uses it."""

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


def test_a_profile_is_not_needed_for_evidence(sender: Sender, users: MemoryRegistry) -> None:
    record_outcome(users, Keep.ALL, functions.messages.SetTypingRequest(None, None), BERT, None, NOW)
    users.seen(Profile(BERT, "Bert"), NOW, Way.MESSAGE)
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
    record_outcome(users, Keep.ALL, typing, ANNA, "USER_IS_BLOCKED", NOW)
    assert access(users) is Access.BLOCKED
    users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=7))
    users.record(ANNA, Evidence(Kind.BOT_UNBLOCKED, NOW, qts=8))
    assert access(users) is Access.REACHABLE


def test_an_accepted_call_does_not_outweigh_a_block_of_the_same_second(
    sender: Sender, users: MemoryRegistry
) -> None:
    typing = functions.messages.SetTypingRequest(None, None)
    record_outcome(users, Keep.ALL, typing, ANNA, "PEER_ID_INVALID", NOW)
    record_outcome(users, Keep.ALL, typing, ANNA, None, NOW)
    assert access(users) is Access.REACHABLE
    for qts in (5, 7, 9):
        users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=qts))
        assert access(users) is Access.BLOCKED
        record_outcome(users, Keep.ALL, typing, ANNA, "USER_IS_BLOCKED", NOW)
        assert access(users) is Access.BLOCKED
        users.record(ANNA, Evidence(Kind.BOT_UNBLOCKED, NOW, qts=qts + 1))
        record_outcome(users, Keep.ALL, typing, ANNA, None, NOW)
        assert access(users) is Access.REACHABLE
    users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW, qts=11))
    record_outcome(users, Keep.ALL, typing, ANNA, "USER_IS_BLOCKED", NOW)
    assert access(users) is Access.BLOCKED


def access(users: MemoryRegistry) -> Access:
    user = users.get(ANNA)
    assert user is not None
    return user.verdict(NOW).access
