"""A sweep: whom it probes, what it counts, and that no restart makes it begin anew."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon import errors
from telethon.tl import functions, types

from tests.messaging.timeline import Clock, settle
from tests.store.memory import MemoryRows
from tgbot.core.access import Access, Evidence, Kind, Verdict
from tgbot.core.errors import NoSweepError, SweepOpenError
from tgbot.core.sweeps import State, pack, unpack
from tgbot.core.users import Profile, Way
from tgbot.messaging.leftover import Leftover, Stream
from tgbot.messaging.sweep import NOTE, PAUSES, Sweep, kept
from tgbot.store.registry import Registry

NOW = 1_000_000
REFUSED = {Access.BLOCKED: Kind.USER_IS_BLOCKED, Access.DEACTIVATED: Kind.INPUT_USER_DEACTIVATED}


def rpc_error(name: str, code: int = 400) -> errors.RPCError:
    error: errors.RPCError = errors.rpc_message_to_error(
        types.RpcError(error_code=code, error_message=name), functions.messages.SetTypingRequest(None, None)
    )
    return error


class Bot:
    """A bot's process with a registry on some rows; `answers` is Telegram. A kill ends its tasks."""

    def __init__(self, clock: Clock, rows: MemoryRows | None = None, *, at_once: int = 5) -> None:
        self.clock = clock
        self.rows = MemoryRows() if rows is None else rows
        self.users = Registry(self.rows, lambda: NOW)
        #: User id → what the next probes of them end with; at the end, and for everybody else, accepted.
        self.answers: dict[int, list[Access | Exception]] = {}
        #: Probes of these users wait until the event is set.
        self.held: dict[int, asyncio.Event] = {}
        self.probed: list[int] = []
        self.slept: list[float] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.turns = Leftover(1000.0, timeline=clock)
        self.sweep = Sweep(
            self.users,
            self.probe,
            self.turns,
            load=self.users.load,
            save=self.users.flush,
            spawn=self.spawn,
            clock=lambda: NOW,
            sleep=self.sleep,
            at_once=at_once,
        )

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def probe(self, user: int, /, *, turns: Stream) -> Verdict:
        await turns.turn()
        self.probed.append(user)
        if user in self.held:
            await self.held[user].wait()
        said = self.answers.get(user)
        answer = said.pop(0) if said else Access.REACHABLE
        if isinstance(answer, Exception):
            raise answer
        kind = REFUSED.get(answer, Kind.ACTION_ACCEPTED)
        self.users.record(user, Evidence(kind, NOW))
        known = self.users.get(user)
        assert known is not None
        return known.verdict(NOW)

    async def meet(self, *ids: int, kind: Kind = Kind.MESSAGE, at: int = 1, bot: bool = False) -> None:
        for user_id in ids:
            self.users.seen(Profile(user_id, "Ann", bot=bot), at, Way.MESSAGE)
            self.users.record(user_id, Evidence(kind, at))
        await self.users.flush()

    async def go(self) -> None:
        """Let time pass until nothing moves any more."""
        for _ in range(20):
            await self.clock.advance(1.0)

    async def kill(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bot(clock: Clock) -> Bot:
    return Bot(clock)


def numbers(bot: Bot) -> tuple[int, int, int, int]:
    found = bot.sweep.status()
    assert found is not None
    return found.total, found.looked_at, found.probed, found.skipped


async def test_everybody_is_probed_once_and_changes_are_counted(bot: Bot) -> None:
    await bot.meet(*range(1, 101))
    await bot.meet(101, 102, kind=Kind.USER_IS_BLOCKED)
    bot.answers = {7: [Access.BLOCKED], 9: [Access.BLOCKED], 50: [Access.DEACTIVATED]}
    running = asyncio.create_task(bot.sweep.run())
    await bot.go()
    found = await running
    assert sorted(bot.probed) == list(range(1, 103))
    assert found.state is State.FINISHED
    assert found.ended_at == NOW
    assert numbers(bot) == (102, 102, 102, 0)
    assert found.found() == [
        (Access.BLOCKED, Access.REACHABLE, 2),
        (Access.REACHABLE, Access.BLOCKED, 2),
        (Access.REACHABLE, Access.DEACTIVATED, 1),
    ]
    assert bot.users.count().by[Access.BLOCKED] == 2
    assert found == kept(Registry(bot.rows, lambda: NOW)), "the numbers at the end are on disk"


async def test_bots_are_never_probed_and_those_who_are_gone_only_if_asked_for(bot: Bot) -> None:
    await bot.meet(1)
    await bot.meet(2, kind=Kind.USER_IS_BOT)
    await bot.meet(3, bot=True)
    await bot.meet(4, kind=Kind.INPUT_USER_DEACTIVATED)
    await bot.sweep.start()
    await bot.go()
    assert bot.probed == [1]
    assert numbers(bot) == (1, 1, 1, 0)
    await bot.sweep.start(access=[Access.DEACTIVATED, Access.BOT])
    await bot.go()
    assert bot.probed == [1, 4]


async def test_who_was_judged_by_young_evidence_is_skipped(bot: Bot) -> None:
    await bot.meet(1, 3, at=NOW - 100)
    await bot.meet(2, at=NOW - 99)
    await bot.sweep.start(older_than=100)
    await bot.go()
    assert bot.probed == [1, 3]
    assert numbers(bot) == (3, 3, 2, 1)


@pytest.mark.parametrize("access", [[Access.BLOCKED], [Access.BLOCKED, Access.UNKNOWN]])
async def test_only_those_with_an_access_are_looked_at(bot: Bot, access: list[Access]) -> None:
    await bot.meet(1, 4)
    await bot.meet(2, 3, kind=Kind.USER_IS_BLOCKED)
    await bot.sweep.start(access=access)
    await bot.go()
    assert bot.probed == [2, 3]
    assert numbers(bot) == (2, 2, 2, 0)


async def test_no_more_are_probed_a_second_than_the_rate_allows(bot: Bot, clock: Clock) -> None:
    await bot.meet(*range(1, 201))
    await bot.sweep.start(rate=10)
    counts = []
    for _ in range(5):
        before = len(bot.probed)
        await clock.advance(1.0)
        counts.append(len(bot.probed) - before)
    assert counts[1:] == [10, 10, 10, 10]
    await bot.kill()


async def test_a_user_whose_probe_takes_long_holds_up_nobody_but_the_place_to_go_on_from(bot: Bot) -> None:
    await bot.meet(*range(1, 41))
    bot.held[3] = asyncio.Event()
    await bot.sweep.start()
    await bot.go()
    assert sorted(bot.probed) == list(range(1, 41))
    found = bot.sweep.status()
    assert found is not None
    assert (found.state, found.cursor, found.looked_at) == (State.RUNNING, 2, 2)
    bot.held[3].set()
    await bot.go()
    assert numbers(bot) == (40, 40, 40, 0)
    assert found.state is State.FINISHED


async def test_after_a_kill_it_goes_on_behind_the_last_checkpoint(bot: Bot, clock: Clock) -> None:
    await bot.meet(*range(1, 101))
    bot.answers = {2: [Access.BLOCKED], 99: [Access.BLOCKED]}
    bot.held = {user: asyncio.Event() for user in range(51, 101)}
    await bot.sweep.start()
    await bot.go()
    await bot.users.flush()
    await bot.kill()
    assert sorted(bot.probed) == list(range(1, 56)), "five are under way"
    again = Bot(clock, bot.rows)
    again.answers = {99: [Access.BLOCKED]}
    again.sweep.go_on()
    await again.go()
    assert sorted(again.probed) == list(range(51, 101))
    assert numbers(again) == (100, 100, 100, 0)
    found = again.sweep.status()
    assert found is not None
    assert found.found() == [(Access.REACHABLE, Access.BLOCKED, 2)]


@given(kills=st.lists(st.integers(0, 12), max_size=6), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_whenever_it_is_killed_everybody_is_probed_and_counted_once(kills: list[int], seed: int) -> None:
    async def through() -> None:
        clock = Clock()
        bot = Bot(clock)
        everybody = list(range(1, 31))
        await bot.meet(*everybody)
        await bot.sweep.start(rate=20)
        probed: list[int] = []
        for number, tenths in enumerate(kills):
            await clock.advance(tenths / 10)
            if (number + seed) % 2:
                await bot.users.flush()
            await bot.kill()
            probed += bot.probed
            bot = Bot(clock, bot.rows)
            bot.sweep.go_on()
        await bot.go()
        assert set(probed + bot.probed) == set(everybody)
        assert numbers(bot) == (30, 30, 30, 0)
        await bot.kill()

    asyncio.run(through())


async def test_it_waits_while_it_is_paused_also_through_a_restart(bot: Bot, clock: Clock) -> None:
    await bot.meet(*range(1, 101))
    bot.held[10] = asyncio.Event()
    await bot.sweep.start()
    await settle()
    assert (await bot.sweep.pause()).state is State.PAUSED
    bot.held[10].set()
    await bot.go()
    before = len(bot.probed)
    assert before < 100
    await bot.go()
    assert len(bot.probed) == before
    await bot.users.flush()
    again = Bot(clock, bot.rows)
    again.sweep.go_on()
    await again.go()
    assert not again.probed
    await again.sweep.resume()
    await again.go()
    assert sorted(bot.probed + again.probed) == list(range(1, 101))
    assert numbers(again) == (100, 100, 100, 0)


async def test_a_paused_sweep_goes_on_although_the_last_probes_before_are_under_way(bot: Bot) -> None:
    await bot.meet(*range(1, 51))
    bot.held[10] = asyncio.Event()
    await bot.sweep.start()
    await bot.go()
    await bot.sweep.pause()
    await bot.sweep.resume()
    bot.held[10].set()
    await bot.go()
    assert numbers(bot) == (50, 50, 50, 0)
    assert sorted(bot.probed) == list(range(1, 51))


async def test_a_cancelled_sweep_probes_nobody_any_more_and_another_one_may_begin(bot: Bot) -> None:
    await bot.meet(*range(1, 101))
    bot.held[10] = asyncio.Event()
    await bot.sweep.start()
    await settle()
    ended = asyncio.create_task(bot.sweep.ended())
    cancelled = await bot.sweep.cancel()
    await ended
    assert (cancelled.state, cancelled.ended_at) == (State.CANCELLED, NOW)
    first = await bot.sweep.start()
    assert first is not cancelled
    bot.held[10].set()
    await bot.go()
    assert numbers(bot) == (100, 100, 100, 0)
    assert cancelled.looked_at < 100


async def test_orders_that_do_not_fit_are_refused(bot: Bot) -> None:
    await bot.meet(*range(1, 11))
    for order in (bot.sweep.pause, bot.sweep.resume, bot.sweep.cancel):
        with pytest.raises(NoSweepError):
            await order()
    bot.held[1] = asyncio.Event()
    await bot.sweep.start()
    with pytest.raises(NoSweepError):
        await bot.sweep.resume()
    with pytest.raises(SweepOpenError, match="running"):
        await bot.sweep.start()
    await bot.sweep.pause()
    with pytest.raises(SweepOpenError, match="paused"):
        await bot.sweep.start()
    await bot.sweep.cancel()
    await bot.kill()


async def test_a_flood_wait_slows_all_probes_down_and_loses_none(bot: Bot, clock: Clock) -> None:
    await bot.meet(*range(1, 31))
    bot.answers[5] = [rpc_error("FLOOD_WAIT_40", 420)]
    await bot.sweep.start()
    await clock.advance(1.0)
    before = len(bot.probed)
    assert bot.turns.paused() > 30
    await clock.advance(30.0)
    assert len(bot.probed) == before
    await clock.advance(60.0)
    assert bot.probed.count(5) == 2
    assert bot.turns.rate() < 1000
    found = bot.sweep.status()
    assert found is not None
    assert found.floods == 1
    assert numbers(bot) == (30, 30, 30, 0)


async def test_a_pause_during_a_flood_wait_ends_in_no_further_probe(bot: Bot, clock: Clock) -> None:
    await bot.meet(1)
    bot.answers[1] = [rpc_error("FLOOD_WAIT_40", 420), ConnectionResetError()]
    await bot.sweep.start()
    await clock.advance(1.0)
    await bot.sweep.pause()
    await clock.advance(100.0)
    assert bot.probed == [1, 1], "the one that waited for its turn"
    assert numbers(bot) == (1, 0, 0, 0)


async def test_a_link_that_fails_is_given_time_and_then_the_error_counts(bot: Bot) -> None:
    await bot.meet(1, 2, 3)
    bot.answers[1] = [ConnectionResetError(), rpc_error("INTERNAL", 500)]
    bot.answers[2] = [TimeoutError() for _ in range(len(PAUSES) + 1)]
    bot.answers[3] = [rpc_error("BOT_METHOD_INVALID")]
    await bot.sweep.start()
    await bot.go()
    assert sorted(bot.slept) == sorted([*PAUSES, *PAUSES[:2]])
    found = bot.sweep.status()
    assert found is not None
    assert found.errors == {"LATER": 1, "BOT_METHOD_INVALID": 1}
    assert numbers(bot) == (3, 3, 1, 0)


async def test_an_error_of_the_bot_itself_leaves_the_sweep_paused(bot: Bot) -> None:
    await bot.meet(1, 2)
    bot.answers[2] = [ZeroDivisionError()]
    await bot.sweep.start()
    await bot.go()
    assert isinstance(bot.tasks[0].exception(), ExceptionGroup)
    found = bot.sweep.status()
    assert found is not None
    assert found.state is State.PAUSED
    await bot.sweep.resume()
    await bot.go()
    assert numbers(bot) == (2, 2, 2, 0)


async def test_who_is_forgotten_meanwhile_is_passed_over(bot: Bot) -> None:
    await bot.meet(1, 2)
    bot.held[1] = asyncio.Event()
    bot.sweep._at_once = 1
    await bot.sweep.start()
    await bot.go()
    bot.users.forget(2)
    bot.held[1].set()
    await bot.go()
    assert numbers(bot) == (2, 2, 1, 1)


async def test_a_note_that_cannot_be_read_is_no_sweep(
    bot: Bot, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bot.users.keep_note(NOTE, '{"state": "asleep"}')
    again = Bot(clock, bot.rows)
    assert again.sweep.status() is None
    await bot.users.flush()
    again = Bot(clock, bot.rows)
    assert again.sweep.status() is None
    assert "cannot be read" in caplog.text
    await again.sweep.run()


async def test_the_message_that_shows_it_is_kept(bot: Bot, clock: Clock) -> None:
    await bot.meet(1)
    bot.held[1] = asyncio.Event()
    bot.sweep.show_in(5, 6)  # none is open
    await bot.sweep.start()
    bot.sweep.show_in(5, 6)
    await bot.users.flush()
    await bot.kill()
    found = Bot(clock, bot.rows).sweep.status()
    assert found is not None
    assert found.shown == (5, 6)
    assert unpack(pack(found)) == found
