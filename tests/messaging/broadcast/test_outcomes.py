"""What comes of each delivery."""

from __future__ import annotations

import pytest

from tests.messaging.broadcast.conftest import SEND, Office
from tests.telegram.conftest import until
from tgbot.core.access import Access
from tgbot.core.broadcasts import NEWS, NO_NEWS
from tgbot.core.deliveries import Outcome
from tgbot.messaging.broadcast import attempts
from tgbot.telegram.calls import retries


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for long before it is tried again."""
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.01,))
    monkeypatch.setattr(attempts, "PAUSES", (0.01,) * 4)


async def test_everybody_gets_the_message_once(office: Office) -> None:
    people = await office.meet(25)
    number = await office.begin("the news")
    status = await office.ends(number)
    assert [office.heard(person) for person in people] == [["the news"]] * 25
    assert (status["audience"], status["sent"], status["waiting"]) == (25, 25, 0)
    chunk = await office.store.broadcasts.chunk(number, 0)
    assert list(chunk.ids) == people
    assert all(office.world.accounts[office.bot_id].box.get(message) for message in chunk.messages)


@pytest.mark.parametrize(
    ("error", "outcome", "access"),
    [
        ("USER_IS_BLOCKED", Outcome.BLOCKED, Access.BLOCKED),
        ("INPUT_USER_DEACTIVATED", Outcome.DEACTIVATED, Access.DEACTIVATED),
        ("PEER_ID_INVALID", Outcome.NOT_ALLOWED, Access.NOT_ALLOWED),
        ("PRIVACY_PREMIUM_REQUIRED", Outcome.NOT_ALLOWED, Access.NOT_ALLOWED),
        ("ALLOW_PAYMENT_REQUIRED_42", Outcome.NOT_ALLOWED, Access.NOT_ALLOWED),
        ("USER_IS_BOT", Outcome.NOT_ALLOWED, Access.BOT),
        ("VOICE_MESSAGES_FORBIDDEN", Outcome.FAILED, Access.REACHABLE),
        ("USER_CHANNELS_TOO_MUCH", Outcome.FAILED, Access.REACHABLE),
    ],
)
async def test_a_refusal_about_the_recipient_is_their_outcome_and_evidence(
    office: Office, error: str, outcome: Outcome, access: Access
) -> None:
    first, refused, last = await office.meet(3)
    office.faults.fail(SEND, 403, error, peer=refused)
    number = await office.begin()
    status = await office.ends(number)
    assert await office.outcomes(number) == {first: Outcome.SENT, refused: outcome, last: Outcome.SENT}
    assert status["errors"] == ({error: 1} if outcome is Outcome.FAILED else {})
    assert office.store.users.get(refused).verdict(office.clock()).access is access


async def test_who_cannot_be_written_to_any_more_does_not_get_it(office: Office) -> None:
    asked, blocking, declining = await office.meet(3)
    draft = await office.draft()
    await office.broadcasts.close(1.0)
    await office.broadcasts.start(draft.id)
    office.world.block(blocking, office.bot_id)
    await until(lambda: office.store.users.get(blocking).verdict(0).access is Access.BLOCKED)
    office.store.users.prefer(declining, NEWS, NO_NEWS)
    office.stage.outcomes.clear()
    await office.stop()
    await office.open()
    await office.ends(draft.id)
    assert await office.outcomes(draft.id) == {
        asked: Outcome.SENT,
        blocking: Outcome.BLOCKED,
        declining: Outcome.NO_NEWS,
    }
    assert [office.heard(person) for person in (asked, blocking, declining)] == [["news"], [], []]


async def test_a_flood_wait_slows_the_broadcast_and_holds_up_no_answer(office: Office) -> None:
    people = await office.meet(3)
    office.faults.fail(SEND, 420, "FLOOD_WAIT_2", peer=people[0])
    number = await office.begin()
    await until(lambda: office.leftover.paused() > 1)
    # What Telegram asked of the broadcast holds for no answer to the same person.
    await office.client.send_message(people[0], "an answer")
    assert office.heard(people[0]) == ["an answer"]
    assert office.status(number)["state"] == "running"
    assert office.status(number)["flood_wait"] in (1, 2)
    assert (await office.outcomes(number))[people[0]] is Outcome.WAITING
    await office.ends(number)
    assert office.heard(people[0]) == ["an answer", "news"]
    assert office.status(number)["sent"] == 3


@pytest.mark.usefixtures("hasty")
async def test_a_fault_of_telegrams_is_tried_again_and_given_up_in_the_end(office: Office) -> None:
    first, broken, recovering = await office.meet(3)
    office.faults.fail(SEND, 500, "INTERNAL", times=1000, peer=broken)
    office.faults.fail(SEND, 500, "INTERNAL", times=5, peer=recovering)
    number = await office.begin()
    status = await office.ends(number)
    assert await office.outcomes(number) == {
        first: Outcome.SENT,
        broken: Outcome.FAILED,
        recovering: Outcome.SENT,
    }
    assert status["errors"] == {"INTERNAL": 1}
    assert office.heard(recovering) == ["news"]


@pytest.mark.usefixtures("hasty")
async def test_while_telegram_is_out_of_order_nobody_is_given_up(office: Office) -> None:
    people = await office.meet(30)
    office.faults.fail(SEND, 500, "INTERNAL", times=400)
    number = await office.begin()
    await office.ends(number)
    assert set((await office.outcomes(number)).values()) == {Outcome.SENT}
    assert [office.heard(person) for person in people] == [["news"]] * 30


async def test_a_content_that_is_refused_again_and_again_pauses_the_broadcast(office: Office) -> None:
    people = await office.meet(20)
    for person in people[5:]:
        office.faults.fail(SEND, 400, "BUTTON_URL_INVALID", peer=person)
    number = await office.begin()
    status = await office.ends(number, "paused")
    assert "BUTTON_URL_INVALID" in status["reason"]
    assert (status["sent"], status["waiting"], status["failed"]) == (5, 15, 0)
    office.faults.clear()
    await office.broadcasts.resume(number)
    assert (await office.ends(number))["sent"] == 20
    assert office.status(number)["reason"] == ""
    assert [office.heard(person) for person in people] == [["news"]] * 20


async def test_a_content_that_few_are_refused_has_failed_for_them(office: Office) -> None:
    people = await office.meet(40)
    for person in people[::4]:
        office.faults.fail(SEND, 400, "ENTITY_BOUNDS_INVALID", peer=person)
    number = await office.begin()
    status = await office.ends(number)
    assert (status["sent"], status["failed"], status["errors"]) == (30, 10, {"ENTITY_BOUNDS_INVALID": 10})


async def test_a_content_that_everybody_of_a_few_is_refused_pauses_the_broadcast(office: Office) -> None:
    await office.meet(2)
    office.faults.fail(SEND, 400, "MESSAGE_EMPTY", times=2)
    number = await office.begin()
    assert (await office.ends(number, "paused"))["waiting"] == 2
    await office.broadcasts.resume(number)
    assert (await office.ends(number))["sent"] == 2


async def test_an_answer_that_is_lost_costs_nobody_a_second_message(office: Office) -> None:
    people = await office.meet(10)
    office.faults.lose_answer(SEND, times=1)
    number = await office.begin()
    assert (await office.ends(number))["sent"] == 10
    assert [office.heard(person) for person in people] == [["news"]] * 10


async def test_who_is_forgotten_meanwhile_gets_nothing(office: Office) -> None:
    first, forgotten = await office.meet(2)
    draft = await office.draft()
    await office.broadcasts.close(1.0)
    await office.broadcasts.start(draft.id)
    await office.store.forget(forgotten)
    await office.stop()
    await office.open()
    status = await office.ends(draft.id)
    assert (status["sent"], status["forgotten"]) == (1, 1)
    assert (office.heard(first), office.heard(forgotten)) == (["news"], [])
