"""Kills, cuts, floods, faults and lost answers at once: everybody gets the message exactly once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.messaging.broadcast.conftest import SEND, Office
from tgbot.messaging.broadcast import attempts
from tgbot.telegram.calls import retries


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_everybody_gets_the_message_exactly_once(
    office: Office, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.05,))
    monkeypatch.setattr(attempts, "PAUSES", (0.05,) * 4)
    chance = random.Random(seed)
    people = await office.meet(150)
    refusing = set(chance.sample(people[75:], 5))  # they do it before their turn
    number = await office.begin(rate=150.0)
    for person in refusing:
        office.world.block(person, office.bot_id)
    faults = office.faults
    troubles: list[Callable[[], object]] = [
        lambda: faults.fail(SEND, 420, "FLOOD_WAIT_1"),
        lambda: faults.fail(SEND, 500, "INTERNAL", times=chance.randrange(1, 8)),
        lambda: faults.fail(SEND, 500, "INTERNAL", times=2, after=True),
        lambda: faults.lose_answer(SEND),
        office.stage.sandbox.drop,
        lambda: faults.garble_answers(SEND),
    ]
    for _ in range(6):
        for trouble in chance.sample(troubles, 2):
            trouble()
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        if chance.random() < 0.4:
            await office.kill()
            await office.open()
    status = await office.ends(number)
    heard = {person: office.heard(person) for person in people}
    assert heard == {person: [] if person in refusing else ["news"] for person in people}
    assert (status["sent"], status["blocked"], status["waiting"]) == (145, 5, 0)
