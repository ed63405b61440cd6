from __future__ import annotations

from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions

from tests.telegram.calls.conftest import SEND, NoSender, Script, message, typing
from tests.telegram.conftest import Stage
from tgbot.telegram import BotClient
from tgbot.telegram.calls import retries
from tgbot.telegram.calls.call import call_of
from tgbot.telegram.calls.retries import DUPLICATE_PAUSES, FAULT_PAUSES, UNREADABLE_PAUSES, Retries
from tgbot.telegram.wire.reading import UnreadableError


class Map:
    """Data centers that are moved between."""

    def __init__(self) -> None:
        self.moves: list[int] = []

    async def switch_dc(self, dc_id: int) -> None:
        self.moves.append(dc_id)


class Pauses:
    """Stand in for asyncio.sleep; `slept` has the seconds."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    made = Pauses()
    monkeypatch.setattr(retries, "asyncio", made)
    return made


def fault() -> errors.ServerError:
    return errors.ServerError(None, "INTERNAL", 500)


def duplicate() -> errors.RandomIdDuplicateError:
    return errors.RandomIdDuplicateError(None)


async def test_a_fault_is_asked_again_with_growing_pauses(pauses: Pauses) -> None:
    script = Script(fault(), errors.TimedOutError(None, "TIMEOUT", 503), fault())
    assert await Retries(script, Map().switch_dc).call(typing()) is True
    assert pauses.slept == list(FAULT_PAUSES[:3])


async def test_a_fault_that_does_not_end_is_raised(pauses: Pauses) -> None:
    script = Script(*(fault() for _ in range(100)))
    with pytest.raises(errors.ServerError):
        await Retries(script, Map().switch_dc).call(typing())
    assert pauses.slept == list(FAULT_PAUSES)


async def test_a_duplicate_is_asked_again_for_ten_seconds_then_raised(pauses: Pauses) -> None:
    script = Script(*(duplicate() for _ in range(100)))
    with pytest.raises(errors.RandomIdDuplicateError):
        await Retries(script, Map().switch_dc).call(message())
    assert sum(pauses.slept) == pytest.approx(10, abs=0.5)
    assert pauses.slept == sorted(pauses.slept)


async def test_a_duplicate_whose_earlier_copy_is_done_returns_its_messages(pauses: Pauses) -> None:
    script = Script(duplicate(), duplicate(), "the messages")
    call = message()
    assert await Retries(script, Map().switch_dc).call(call) == "the messages"
    assert pauses.slept == list(DUPLICATE_PAUSES[:2])
    assert script.requests == [call.request] * 3


@pytest.mark.parametrize(
    "request_",
    [
        functions.updates.GetDifferenceRequest(pts=1, date=None, qts=1),
        functions.updates.GetChannelDifferenceRequest(None, None, pts=1, limit=1),
        functions.updates.GetStateRequest(),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_states_and_differences_are_left_to_whoever_wants_them(pauses: Pauses, request_: Any) -> None:
    with pytest.raises(errors.ServerError):
        await Retries(Script(fault()), Map().switch_dc).call(call_of(NoSender(), request_, 60))
    assert pauses.slept == []


async def test_a_request_follows_its_data_center(pauses: Pauses) -> None:
    script, dcs = Script(errors.UserMigrateError(None, 4)), Map()
    assert await Retries(script, dcs.switch_dc).call(typing()) is True
    assert dcs.moves == [4]


async def test_a_request_that_is_sent_from_one_data_center_to_the_next_ends(pauses: Pauses) -> None:
    script, dcs = Script(*(errors.UserMigrateError(None, 4 + number % 2) for number in range(99))), Map()
    with pytest.raises(errors.UserMigrateError):
        await Retries(script, dcs.switch_dc).call(typing())
    assert dcs.moves == [4, 5, 4]


async def test_an_answer_that_cannot_be_read_is_asked_for_again_only_where_it_is_that_of_a_send(
    pauses: Pauses,
) -> None:
    script = Script(UnreadableError("X"), "the messages")
    assert await Retries(script, Map().switch_dc).call(message()) == "the messages"
    with pytest.raises(UnreadableError):
        await Retries(Script(UnreadableError("X")), Map().switch_dc).call(typing())
    assert pauses.slept == list(UNREADABLE_PAUSES[:1])


async def test_a_refusal_is_raised_at_once(pauses: Pauses) -> None:
    script = Script(errors.UserIsBlockedError(None))
    with pytest.raises(errors.UserIsBlockedError):
        await Retries(script, Map().switch_dc).call(typing())
    assert len(script.requests) == 1


# ---- on the wire --------------------------------------------------------------------------------


async def test_a_500_after_the_message_was_sent_sends_it_once(
    stage: Stage, client: BotClient, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.001, 0.001, 0.001))
    stage.faults.fail(SEND, 500, "INTERNAL", times=2, after=True)
    sent = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    assert sent.id == stage.world.accounts[stage.account.id].box.dialogs[ann].ids[-1]
