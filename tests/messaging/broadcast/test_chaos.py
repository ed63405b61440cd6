"""Kills, cuts, floods, faults and lost answers at once: nobody is left out, and nobody gets it twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.messaging.broadcast.conftest import SEND, Office
from tests.messaging.broadcast.test_deleting import DELETE
from tests.messaging.broadcast.test_editing import EDIT
from tgbot.messaging.broadcast import attempts, deleting
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.telegram.calls import retries


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for long before it is tried again."""
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.05,))
    monkeypatch.setattr(attempts, "PAUSES", (0.05,) * 4)


async def troubled(office: Office, method: str, chance: random.Random) -> None:
    """Have the calls of a method meet troubles of all kinds, and kill the bot now and then."""
    faults = office.faults
    troubles: list[Callable[[], object]] = [
        lambda: faults.fail(method, 420, "FLOOD_WAIT_1"),
        lambda: faults.fail(method, 500, "INTERNAL", times=chance.randrange(1, 8)),
        lambda: faults.fail(method, 500, "INTERNAL", times=2, after=True),
        lambda: faults.lose_answer(method),
        office.stage.sandbox.drop,
        lambda: faults.garble_answers(method),
    ]
    for _ in range(6):
        for trouble in chance.sample(troubles, 2):
            trouble()
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        if chance.random() < 0.4:
            await office.kill()
            await office.open()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_everybody_gets_the_message_exactly_once(office: Office, seed: int) -> None:
    chance = random.Random(seed)
    people = await office.meet(150)
    refusing = set(chance.sample(people[75:], 5))  # they do it before their turn
    number = await office.begin(rate=150.0)
    for person in refusing:
        office.world.block(person, office.bot_id)
    await troubled(office, SEND, chance)
    status = await office.ends(number)
    heard = {person: office.heard(person) for person in people}
    assert heard == {person: [] if person in refusing else ["news"] for person in people}
    assert (status["sent"], status["blocked"], status["waiting"]) == (145, 5, 0)


@pytest.mark.parametrize("seed", [4, 5, 6])
async def test_everybodys_message_is_edited_and_deleted(
    office: Office, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "MESSAGES", 3)
    monkeypatch.setattr(deleting, "AT_ONCE", 2)
    chance = random.Random(seed)
    people = await office.meet(100)
    number = await office.begin(rate=100.0)
    await office.ends(number)
    await office.broadcasts.edit(number, {"": text_content("better news")})
    await troubled(office, EDIT, chance)
    status = await office.ends(number)
    assert (status["corrected"], status["refused"], status["left"]) == (100, 0, 0)
    assert [office.heard(person) for person in people] == [["better news"]] * 100
    office.faults.clear()
    office.faults.delay(0.02, DELETE)
    await office.broadcasts.delete(number)
    await troubled(office, DELETE, chance)
    status = await office.ends(number)
    assert (status["corrected"], status["refused"], status["left"]) == (100, 0, 0)
    assert [office.heard(person) for person in people] == [[]] * 100
