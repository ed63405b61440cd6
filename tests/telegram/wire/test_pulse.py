"""The pulse: pings that are not answered, and a clock of this machine that was set, cost the link at once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from telethon.tl import functions

from tests.telegram.conftest import Stage, echo, until
from tgbot.telegram.wire import pulse as pulses
from tgbot.telegram.wire.link import LinkState
from tgbot.telegram.wire.pulse import PING_SECONDS, PONG_SECONDS, Pulse


class Hands:
    """Two clocks set by hand: this machine's time, and one that only goes forward."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 50.0

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


class Sender:
    def __init__(self) -> None:
        self.link_state = LinkState()
        self.pings: list[Any] = []
        self.pong: asyncio.Future[Any] | None = None

    def send(self, request: Any) -> asyncio.Future[Any]:
        assert isinstance(request, functions.PingRequest)
        self.pings.append(request)
        self.pong = asyncio.get_running_loop().create_future()
        return self.pong


class Bench:
    """A pulse of a link that is up."""

    def __init__(self) -> None:
        self.hands, self.sender, self.state = Hands(), Sender(), LinkState()
        self.ended = 0
        self.state.end_link = self._end
        self.pulse = Pulse(
            self.sender,
            self.state,
            wall=lambda: self.hands.wall,
            monotonic=lambda: self.hands.monotonic,
        )
        self.connect()

    def connect(self) -> None:
        self.state.links += 1
        self.state.up.start()

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.hands.wait(1)
            self.pulse.look()

    def _end(self) -> None:
        self.ended += 1
        self.state.up.stop()


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_ping_goes_out_every_30_seconds_and_its_answer_is_enough(bench: Bench) -> None:
    for _ in range(4):
        bench.wait(PING_SECONDS + 1)
        if bench.sender.pong is not None and not bench.sender.pong.done():
            bench.sender.pong.set_result(None)
    assert len(bench.sender.pings) == 4
    assert bench.ended == 0


async def test_an_answer_that_is_missing_for_15_seconds_ends_the_link_once(bench: Bench) -> None:
    bench.wait(PING_SECONDS + 1)
    bench.wait(PONG_SECONDS - 2)
    assert bench.ended == 0
    bench.wait(3)
    assert bench.ended == 1
    bench.wait(3600)
    assert (bench.ended, len(bench.sender.pings)) == (1, 1)
    bench.connect()  # the ping of the link before says nothing of this one
    bench.wait(PONG_SECONDS + 5)
    assert bench.ended == 1


@pytest.mark.parametrize("step", [-3 * 3600, 3 * 3600, 8, -8])
async def test_a_step_of_this_machines_clock_ends_the_link_at_once_and_once(bench: Bench, step: int) -> None:
    bench.wait(3)
    bench.hands.wall += step
    bench.wait(1)
    assert bench.ended == 1
    bench.connect()
    bench.wait(10)
    assert bench.ended == 1


async def test_a_clock_that_drifts_is_no_step(bench: Bench) -> None:
    for _ in range(int(PING_SECONDS)):
        bench.hands.wall += 1
        bench.wait(1)
    assert bench.ended == 0


async def test_after_this_machines_clock_was_set_the_bot_hears_again_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    original = Pulse.__init__

    def with_hands(self: Pulse, sender: Any, state: LinkState) -> None:
        original(self, sender, state, wall=lambda: hands.wall, monotonic=lambda: hands.monotonic)

    monkeypatch.setattr(Pulse, "__init__", with_hands)
    monkeypatch.setattr(pulses, "LOOK_SECONDS", 0.01)
    client = await stage.open(echo)
    links = client._link_state.links
    stage.faults.deafen()
    for number, step in enumerate((3 * 3600, -3 * 3600), 1):
        hands.wall += step
        await until(lambda n=number: client._link_state.links == links + n)  # type: ignore[misc] # of this round
        ann = stage.meet()
        stage.write(ann, "hello")
        await until(lambda who=ann: stage.heard(who) == ["you said hello"])  # type: ignore[misc] # of this round
    assert not client.failed.done()


async def test_an_error_while_looking_does_not_end_the_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pulses, "LOOK_SECONDS", 0.0)
    looks = 0

    async def tidy() -> None:
        nonlocal looks
        looks += 1
        raise LookupError("nothing for a log")

    keeping = asyncio.create_task(bench.pulse.keep(tidy))
    await until(lambda: looks >= 8)
    assert not keeping.done()
    keeping.cancel()
    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == looks.bit_length()
    assert "nothing for a log" not in caplog.text


async def test_who_has_to_know_soon_pings_more_often_and_sees_for_how_long_there_was_no_answer(
    bench: Bench,
) -> None:
    bench.state.ping_seconds = 2.0
    bench.wait(3)
    assert len(bench.sender.pings) == 1
    bench.wait(3)
    assert bench.state.unanswered == 3
    assert not bench.ended
    assert bench.sender.pong is not None
    bench.sender.pong.set_result(None)
    bench.wait(1)
    assert bench.state.unanswered == 0
    assert len(bench.sender.pings) == 2
    bench.wait(1)
    assert bench.state.unanswered == 1
    bench.state.up.stop()
    bench.wait(1)
    assert bench.state.unanswered == 0
