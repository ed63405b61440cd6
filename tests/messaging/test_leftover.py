"""What all other sends leave of the pace goes to those to many people."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from tests.messaging.timeline import Clock, settle
from tgbot.messaging.leftover import Leftover, Stream
from tgbot.messaging.pace import Pace


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Bot:
    """A bot that sends answers, and asks for turns as if there were no end of recipients."""

    def __init__(self, clock: Clock, overall: float = 30.0) -> None:
        self.clock = clock
        self.answers = 0
        self.leftover = Leftover(overall, sends=lambda: self.answers, timeline=clock)
        #: Moment and stream of each turn.
        self.got: list[tuple[float, Stream]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def broadcast(self, rate: float | None = None, *, at_once: int = 5, messages: int = 1) -> Stream:
        stream = self.leftover.stream(rate)
        loop = asyncio.get_running_loop()
        self.tasks += [loop.create_task(self._send(stream, messages)) for _ in range(at_once)]
        return stream

    async def _send(self, stream: Stream, messages: int) -> None:
        while True:
            await stream.turn(messages)
            self.got.append((self.clock.now, stream))

    async def pass_by(self, seconds: int, answers: int = 0) -> int:
        """Let time pass, with answers spread over each second; return how many turns were given."""
        before = len(self.got)
        for _ in range(seconds * 10 if answers else seconds):
            if answers:
                self.answers += answers // 10
            await self.clock.advance(0.1 if answers else 1)
        return len(self.got) - before

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await settle()
        self.tasks.clear()


async def test_a_broadcast_alone_has_the_whole_pace_and_a_small_burst(clock: Clock) -> None:
    bot = Bot(clock)
    bot.broadcast()
    await clock.advance(0)
    assert len(bot.got) == 3
    assert await bot.pass_by(10) == pytest.approx(300, abs=2)
    await bot.stop()


@pytest.mark.parametrize(("answers", "left"), [(10, 20), (20, 10), (30, 1), (40, 1), (400, 1)])
async def test_a_broadcast_gets_what_answers_leave_and_never_less_than_a_trickle(
    clock: Clock, answers: int, left: int
) -> None:
    bot = Bot(clock)
    bot.broadcast()
    await bot.pass_by(5, answers)
    assert await bot.pass_by(30, answers) == pytest.approx(30 * left, rel=0.07)
    await bot.stop()


async def test_after_a_rush_of_answers_a_broadcast_goes_on_within_a_second(clock: Clock) -> None:
    bot = Bot(clock)
    bot.broadcast()
    await bot.pass_by(60, 300)
    assert await bot.pass_by(3) >= 55  # the first second may still belong to the answers
    await bot.stop()


async def test_answers_spread_over_a_quiet_time_take_nothing_from_what_comes_later(clock: Clock) -> None:
    bot = Bot(clock)
    await bot.pass_by(60, 20)
    bot.broadcast()
    await clock.advance(0)
    assert len(bot.got) >= 1
    await clock.advance(1)
    assert len(bot.got) >= 10
    await bot.stop()


async def test_a_lower_rate_of_its_own_is_kept(clock: Clock) -> None:
    bot = Bot(clock)
    bot.broadcast(5)
    assert await bot.pass_by(20) == pytest.approx(100, abs=2)
    await bot.stop()


async def test_two_broadcasts_share_what_is_left_and_a_slow_one_takes_nothing_it_cannot_use(
    clock: Clock,
) -> None:
    bot = Bot(clock)
    fast, slow, other = bot.broadcast(), bot.broadcast(2), bot.broadcast(at_once=50)
    assert await bot.pass_by(20) == pytest.approx(600, abs=4)
    counts = {stream: sum(one is stream for _, one in bot.got) for stream in (fast, slow, other)}
    assert counts[slow] == pytest.approx(40, abs=2)
    assert counts[fast] == pytest.approx(280, abs=4)
    assert counts[other] == pytest.approx(280, abs=4)
    await bot.stop()


async def test_an_album_takes_as_many_turns_as_it_has_messages(clock: Clock) -> None:
    bot = Bot(clock)
    bot.broadcast(messages=10)
    await bot.pass_by(1)
    assert await bot.pass_by(10) == pytest.approx(30, abs=1)
    await bot.stop()


async def test_a_flood_wait_pauses_turns_then_halves_the_rate_and_the_rate_grows_again(clock: Clock) -> None:
    bot = Bot(clock)
    bot.broadcast()
    await bot.pass_by(5)
    for _ in range(100):  # all calls under way are refused together
        bot.leftover.slow_down(7)
    assert bot.leftover.paused() == 7
    before = len(bot.got)
    await clock.advance(6.99)
    assert len(bot.got) == before
    await clock.advance(0.01)
    assert bot.leftover.rate() == pytest.approx(15, abs=0.1)
    assert await bot.pass_by(10) == pytest.approx(153, abs=6)
    await bot.pass_by(230)
    assert bot.leftover.rate() < 30
    await bot.pass_by(20)
    assert bot.leftover.rate() == 30
    assert await bot.pass_by(10) == pytest.approx(300, abs=2)
    await bot.stop()


async def test_one_flood_wait_after_another_never_takes_the_rate_below_the_trickle(clock: Clock) -> None:
    bot = Bot(clock)
    for _ in range(30):
        bot.leftover.slow_down(1)
        await clock.advance(1.5)
    assert bot.leftover.rate() >= 1
    bot.broadcast()
    assert await bot.pass_by(10) >= 9
    await bot.stop()


async def test_a_broadcast_that_is_stopped_leaves_its_turns_to_the_others(clock: Clock) -> None:
    bot = Bot(clock)
    bot.broadcast(at_once=100)
    await bot.pass_by(2)
    await bot.stop()
    other = bot.broadcast()
    assert await bot.pass_by(10) == pytest.approx(300, abs=4)
    assert all(stream is other for _, stream in bot.got[-290:])
    await bot.stop()


async def test_a_turn_that_comes_together_with_a_cancellation_is_not_lost(clock: Clock) -> None:
    leftover = Leftover(2, timeline=clock)
    stream = leftover.stream(2)
    await stream.turn()
    given = asyncio.ensure_future(stream.turn())
    await settle()
    waiting = asyncio.ensure_future(stream.turn())
    await settle()
    when, _, callback = clock.timers[0]
    clock.now = when
    callback()  # the first one has its turn, but its task has not run yet
    given.cancel()
    await settle()
    await clock.advance(0.01)
    assert given.cancelled()
    assert waiting.done()


async def test_many_wait_with_one_timer(clock: Clock) -> None:
    bot = Bot(clock)
    bot.broadcast(at_once=500)
    await clock.advance(0)
    assert clock.live() == 1
    await bot.pass_by(5, 20)
    assert clock.live() == 1
    await bot.stop()


async def test_messages_of_the_bots_own_accord_wait_for_no_broadcast_and_probes_for_no_message(
    clock: Clock,
) -> None:
    sent = 0
    pace = Pace(sends=lambda: sent, timeline=clock)
    stream, probes = pace.leftover.stream(), pace.probes.stream()
    broadcast = [asyncio.ensure_future(stream.turn()) for _ in range(50)]
    await settle()
    own = [asyncio.ensure_future(pace.turn(chat)) for chat in range(20)]
    asked = [asyncio.ensure_future(probes.turn()) for _ in range(3)]
    await settle()
    assert all(turn.done() for turn in own + asked)
    assert sum(turn.done() for turn in broadcast) == 3
    sent += 20
    await clock.advance(0.6)
    assert sum(turn.done() for turn in broadcast) == 3  # the messages above took these turns
    await clock.advance(3)
    assert all(turn.done() for turn in broadcast)


def test_every_turn_comes_on_the_loop_that_the_bot_runs_on() -> None:
    async def take_all() -> int:
        stream = Leftover(2000).stream()
        turns = [asyncio.ensure_future(stream.turn()) for _ in range(1000)]
        async with asyncio.timeout(60):
            await asyncio.gather(*turns)
        return len(turns)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(take_all()) == 1000
