"""Holes that no difference fills: who wrote in them a moment ago is answered, once and in order."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from telethon import events

from tests.telegram.conftest import Stage, echo, until
from tgbot.telegram import BotClient
from tgbot.telegram.updates import missed, requests
from tgbot.telegram.updates.history import GREATEST_ID
from tgbot.telegram.updates.missed import Missed

GET = "messages.getMessages"
HOUR = 3600.0


class Bot:
    """A bot that reads holes, on a stage; `learned` are the ids of the messages that nobody answers."""

    def __init__(self, stage: Stage, seconds: float = HOUR) -> None:
        self.stage = stage
        self.seconds = seconds
        self.learned: list[tuple[int, int]] = []

    async def open(self, register: Callable[[BotClient], None] = echo) -> BotClient:
        def made(history: Any, taken: Any) -> Missed:
            now = self.stage.world.now
            learn = partial(self._learn)
            return Missed(history, taken, now=now, seconds=self.seconds, learn=learn)

        return await self.stage.open(register, missed=made)

    def _learn(self, first: int, last: int) -> None:
        self.learned.append((first, last))


def said(*texts: str) -> list[str]:
    return [f"you said {text}" for text in texts]


async def test_everybody_who_wrote_in_a_downtime_is_answered_in_order_though_the_box_is_smaller(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bot = Bot(stage)
    people = [stage.meet(f"P{number}") for number in range(7)]
    client = await bot.open()
    stage.write(people[0], "before")
    await until(lambda: stage.heard(people[0]) == said("before"))
    await stage.close(client)
    stage.world.limits.box = 20
    for number in range(700):
        stage.write(people[number % 7], f"{number}")
    client = await bot.open()
    await until(lambda: sum(len(stage.heard(person)) for person in people) >= 701)
    for place, person in enumerate(people):
        texts = [*(["before"] if not place else []), *(f"{n}" for n in range(place, 700, 7))]
        assert stage.heard(person) == said(*texts)
    await client.checkpoint()
    assert not stage.lost
    assert not client.losses
    assert not bot.learned
    assert "messages of a hole read by their ids" in caplog.text
    assert client.intake.log.mark().pts == stage.world.state(stage.account.id)[0]


async def test_what_is_older_is_learned_and_told_as_a_loss(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bot = Bot(stage)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    await stage.close(await bot.open())
    stage.world.limits.box = 5
    stage.faults.set_clock(-2 * HOUR)
    last = [stage.write(ann, f"old {number}") for number in range(300)][-1]
    stage.faults.set_clock(-HOUR / 2)
    for number in range(250):
        stage.write(ben, f"{number}")
    stage.faults.set_clock(0)
    await bot.open()
    await until(lambda: len(stage.heard(ben)) >= 250)
    assert stage.heard(ben) == said(*(f"{number}" for number in range(250)))
    assert not stage.heard(ann)
    # Without a message taken since the start, it begins at the first one.
    assert bot.learned == [(1, last)]
    await until(lambda: stage.lost_updates)
    # The pushes of the answers come again in the difference; only what is old is lost.
    assert stage.lost_updates == [("difference_too_long", 300)]
    assert "300 updates lost for good" in caplog.text


async def test_without_a_time_nothing_is_answered_and_all_is_learned(stage: Stage) -> None:
    bot = Bot(stage, 0)
    ann = stage.meet()
    client = await bot.open()
    stage.write(ann, "0")
    await until(lambda: stage.heard(ann) == said("0"))
    stage.world.limits.box = 0
    stage.faults.lose(30)
    ids = [stage.write(ann, f"{number}") for number in range(1, 31)]
    client.intake.begin_difference()
    await until(lambda: stage.lost_updates == [("difference_too_long", 30)])
    stage.world.limits.box = None
    stage.write(ann, "after")
    await until(lambda: stage.heard(ann) == said("0", "after"))
    assert bot.learned == [(ids[0] - 1, ids[-1])]  # the first is the answer to "0"


async def test_a_hole_in_the_middle_of_traffic_leaves_nobody_unanswered(stage: Stage) -> None:
    bot = Bot(stage)
    people = [stage.meet(f"P{number}") for number in range(10)]
    client = await bot.open()
    stage.world.limits.box = 30
    wrote: Counter[int] = Counter()

    def write(number: int) -> None:
        person = people[number % 10]
        wrote[person] += 1
        stage.write(person, f"{wrote[person]}")

    for number in range(50):
        write(number)
    await until(lambda: sum(len(stage.heard(person)) for person in people) == 50)
    stage.faults.lose(400)
    for number in range(400):
        write(number)
    client.intake.begin_difference()
    for number in range(60):  # live, while the hole is read
        write(number)
        await asyncio.sleep(0)
    await until(lambda: sum(len(stage.heard(person)) for person in people) >= 510)
    for person in people:
        heard = Counter(stage.heard(person))
        assert heard == Counter(said(*(f"{number}" for number in range(1, wrote[person] + 1))))
    assert not stage.lost


async def test_a_message_that_is_still_being_handled_is_not_handed_out_again(stage: Stage) -> None:
    bot = Bot(stage)
    handled: list[str] = []
    go_on = asyncio.Event()

    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def handle(event: Any) -> None:
            handled.append(event.raw_text)
            await go_on.wait()

    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    client = await bot.open(slow)
    stage.write(ann, "first")
    await until(lambda: handled == ["first"])
    stage.world.limits.box = 2
    stage.faults.lose(10)
    for number in range(10):
        stage.write(ben, f"{number}")
    client.intake.begin_difference()
    await until(lambda: "0" in handled)
    go_on.set()
    await until(lambda: client.intake.settled and not client.intake.batches.waiting)
    assert Counter(handled) == Counter(["first", *(f"{number}" for number in range(10))])


async def test_what_was_handed_out_behind_the_hole_is_not_handed_out_again(stage: Stage) -> None:
    bot = Bot(stage)
    handled: list[str] = []

    def note(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def handle(event: Any) -> None:
            handled.append(event.raw_text)

    ann = stage.meet()
    client = await bot.open(note)
    stage.faults.delay(3.0, "updates.getDifference")
    stage.world.limits.box = 2
    stage.faults.lose(5)
    for number in range(5):
        stage.write(ann, f"lost {number}")
    stage.write(ann, "pushed")
    await until(lambda: handled == ["pushed"])  # handed out ahead, before the difference is answered
    stage.faults.delay(0, "updates.getDifference")
    for number in range(5):
        stage.write(ann, f"more {number}")
    texts = ["pushed", *(f"lost {n}" for n in range(5)), *(f"more {n}" for n in range(5))]
    await until(lambda: set(handled) == set(texts))
    await until(lambda: client.intake.settled and not client.intake.batches.waiting)
    assert Counter(handled) == Counter(texts)


@pytest.mark.parametrize("killed", [True, False])
async def test_ended_while_it_reads_it_answers_the_rest_after_the_next_start(
    stage: Stage, killed: bool
) -> None:
    bot = Bot(stage)
    gate, waiting = asyncio.Event(), set[int]()

    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def handle(event: Any) -> None:
            if event.raw_text == "20":
                waiting.add(event.chat_id)
                await gate.wait()
            await event.respond(f"you said {event.raw_text}")

    people = [stage.meet(f"P{number}") for number in range(5)]
    await stage.close(await bot.open(slow))
    stage.world.limits.box = 10
    for number in range(900):
        stage.write(people[number % 5], f"{number // 5}")
    for _ in range(3):
        waiting.clear()
        stage.faults.delay(0.3, GET)
        client = await stage_opened(bot, slow)
        await until(lambda: len(waiting) == 5)
        await client.checkpoint()
        await (stage.kill(client) if killed else stage.close(client, 0))
    stage.faults.delay(0, GET)
    gate.set()
    await bot.open(slow)
    await until(lambda: sum(len(stage.heard(person)) for person in people) >= 900)
    for person in people:
        assert stage.heard(person) == said(*(f"{number}" for number in range(180)))
    assert not stage.lost


async def test_a_drain_while_it_reads_leaves_the_rest_at_telegram(stage: Stage) -> None:
    bot = Bot(stage)
    people = [stage.meet(f"P{number}") for number in range(5)]
    client = await bot.open()
    stage.world.limits.box = 10
    stage.faults.lose(900)
    stage.faults.delay(0.3, GET)
    for number in range(900):
        stage.write(people[number % 5], f"{number // 5}")
    client.intake.begin_difference()
    await until(lambda: any(map(stage.heard, people)))
    await client.drain.finish()
    read = stage.sandbox.calls[GET]
    await asyncio.sleep(0.5)  # the page that was on its way is not handed out
    assert stage.sandbox.calls[GET] <= read + 1
    await client.checkpoint()
    assert not stage.lost
    stage.faults.delay(0, GET)
    client.drain.resume()
    await until(lambda: sum(len(stage.heard(person)) for person in people) >= 900)
    for person in people:
        assert stage.heard(person) == said(*(f"{number}" for number in range(180)))
    assert not stage.lost


async def stage_opened(bot: Bot, register: Callable[[BotClient], None]) -> BotClient:
    """Open a bot without waiting until it has caught up."""
    opening = asyncio.create_task(bot.open(register))
    await until(lambda: bot.stage._open)
    client = bot.stage._open[-1]
    await until(lambda: client.intake.taking)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    return client


async def test_a_hole_that_cannot_be_read_stops_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.01,))
    bot = Bot(stage)
    ann = stage.meet()
    client = await bot.open()
    stage.faults.fail(GET, 400, "MSG_ID_INVALID", times=100)
    stage.world.limits.box = 0
    stage.faults.lose(10)
    for number in range(10):
        stage.write(ann, f"{number}")
    client.intake.begin_difference()
    await until(lambda: stage.lost_updates == [("difference_too_long", 10)])
    assert "the messages of a hole cannot be read (MSG_ID_INVALID)" in caplog.text
    assert bot.learned == [(1, GREATEST_ID)]
    stage.write(ann, "after")
    await until(lambda: stage.heard(ann) == said("after"))


async def test_a_reading_that_gets_no_answer_is_given_up_after_a_time(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed, "PATIENCE_SECONDS", 0.3)
    bot = Bot(stage)
    ann = stage.meet()
    client = await bot.open()
    stage.faults.silence(GET, seconds=float("inf"))
    stage.world.limits.box = 0
    stage.faults.lose(10)
    for number in range(10):
        stage.write(ann, f"{number}")
    client.intake.begin_difference()
    await until(lambda: stage.lost_updates == [("difference_too_long", 10)])
    assert [record.levelno for record in caplog.records if "hole cannot be read" in record.message] == [
        logging.ERROR
    ]
    stage.faults.lift(GET)
