"""The people who write: how many wait at a time, and what counts as an answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.load import Load
from tgbot.sandbox.accounts import Bot
from tgbot.sandbox.world import World


class Answerer:
    """A bot in the world itself, which answers one message in each turn of the loop."""

    def __init__(self, world: World, bot: Bot, answers: int) -> None:
        self.world, self.bot, self.answers = world, bot, answers
        self.waiting: deque[int] = deque()
        #: The largest number of messages that waited at one time.
        self.most = 0

    def heard(self, account: int) -> None:
        message = self.world.accounts[account].log.above(0, 0)[-1].message
        if account == self.bot.id and message is not None and message.post.sender != self.bot.id:
            self.waiting.append(message.post.sender)
            self.most = max(self.most, len(self.waiting))

    async def answer(self) -> None:
        while True:
            if self.waiting:
                user = self.waiting.popleft()
                for _ in range(self.answers):
                    self.world.send_as(self.bot.id, user, "Hello")
            await asyncio.sleep(0)


@pytest.fixture
def world() -> World:
    return World(seed=1)


@pytest.fixture
def bot(world: World) -> Bot:
    return world.new_bot()


@pytest.fixture
def load(world: World, bot: Bot) -> Iterator[Load]:
    load = Load(world, bot.id)
    yield load
    load.close()


@contextmanager
def answering(world: World, bot: Bot, answers: int = 1) -> Iterator[Answerer]:
    """Answer each message so many times."""
    answerer = Answerer(world, bot, answers)
    end, task = world.subscribe(answerer.heard), asyncio.create_task(answerer.answer())
    yield answerer
    end()
    task.cancel()


async def test_a_saturated_bot_has_a_window_of_messages_to_answer(world: World, bot: Bot, load: Load) -> None:
    with answering(world, bot) as answerer:
        await load.saturate(load.meet(95), 20)
    assert answerer.most == 20
    assert (len(load.times), load.unasked) == (95, 0)
    assert min(load.times) >= 0


async def test_people_can_write_once_more(world: World, bot: Bot, load: Load) -> None:
    people = load.meet(10)
    with answering(world, bot):
        await load.saturate(people, 5)
        await load.pace(people, rate=10_000)
    assert (len(load.times), load.unasked) == (20, 0)


async def test_a_second_answer_is_counted_as_unasked_for(world: World, bot: Bot, load: Load) -> None:
    with answering(world, bot, answers=2):
        await load.saturate(load.meet(3), 1)
    assert (len(load.times), load.unasked) == (3, 3)


async def test_a_message_that_is_not_answered_ends_the_wait(world: World, bot: Bot) -> None:
    load = Load(world, bot.id, patience=0.01)
    with pytest.raises(TimeoutError):
        await load.pace(load.meet(1), rate=100)
    assert load.times == []
    load.close()
