from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.tl import types

from tests.telegram.conftest import PATIENCE, until
from tests.telegram.updates.updatelog import FIRST
from tgbot.telegram.updates import dispatch, workers
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.inflight import Batch
from tgbot.telegram.updates.job import Job, current_job, waiting
from tgbot.telegram.updates.marks import Marks


def job(dialog: int, number: int = 0) -> Job:
    return Job(types.UpdateConfig(), {}, Batch(FIRST, 1), dialog, f"m{dialog}:{number}", number, False)


def test_a_job_shows_nothing_of_what_people_wrote() -> None:
    message = types.Message(7, types.PeerUser(5), message="my secret", date=None)
    user = types.User(5, first_name="Anna", phone="49", access_hash=99)
    shown = repr(Job(types.UpdateNewMessage(message, 1, 1), {5: user}, None, 5, "m5:7", 7, False))
    assert shown == "Job(dialog=5, key='m5:7')"


class Counted(Dispatcher):
    """A dispatcher that knows when every job put so far is done."""

    def __init__(self, handle: Callable[[Job], Awaitable[None]], finished: list[Job], **options: Any) -> None:
        super().__init__(handle, finished.append, **options)
        self.finished = finished
        self.put_so_far = 0

    def put(self, job: Job) -> None:
        self.put_so_far += 1
        super().put(job)

    def done(self) -> bool:
        return len(self.finished) == self.put_so_far

    async def idle(self) -> None:
        await until(self.done)


@asynccontextmanager
async def running(
    handle: Callable[[Job], Awaitable[None]],
    *,
    workers: int = 3,
    limit: float = 60.0,
    clock: Any = time.monotonic,
    may_send: Callable[[], bool] | None = None,
) -> AsyncIterator[tuple[Counted, list[Job]]]:
    """A dispatcher at work, and the jobs that it finished, in order."""
    finished: list[Job] = []
    options = {"workers": workers, "limit": limit, "clock": clock, "may_send": may_send}
    dispatcher = Counted(handle, finished, marks=Marks(None), **options)
    dispatcher.start()
    try:
        async with asyncio.timeout(PATIENCE):
            yield dispatcher, finished
    finally:
        await dispatcher.stop()


async def test_one_dialog_is_handled_in_order_and_different_ones_side_by_side() -> None:
    at_once, most, order = 0, 0, list[int]()

    async def handle(one: Job) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.002 * (4 - one.message_id % 4))
        at_once -= 1
        if one.dialog == 1:
            order.append(one.message_id)

    async with running(handle, workers=3) as (dispatcher, finished):
        for number in range(1, 10):
            dispatcher.put(job(1, number))
        dispatcher.put(job(2))
        dispatcher.put(job(3))
        dispatcher.put(job(4))
        await dispatcher.idle()
    assert order == list(range(1, 10))
    assert most == 3
    assert len(finished) == 12


async def test_updates_of_no_dialog_do_not_wait_for_each_other() -> None:
    gate = asyncio.Event()

    async def handle(one: Job) -> None:
        if one.message_id == 1:
            await gate.wait()
        else:
            gate.set()

    async with running(handle) as (dispatcher, _):
        dispatcher.put(job(0, 1))
        dispatcher.put(job(0, 2))
        await dispatcher.idle()


async def test_a_dialog_with_10_000_updates_delays_nobody() -> None:
    done: list[int] = []

    async def handle(one: Job) -> None:
        done.append(one.dialog)
        await asyncio.sleep(0)

    async with running(handle, workers=2) as (dispatcher, _):
        for number in range(10_000):
            dispatcher.put(job(1, number))
        for other in range(2, 12):
            dispatcher.put(job(other))
        await dispatcher.idle()
    assert len(set(done[:30])) == 11
    assert done.count(1) == 10_000


async def test_a_defect_of_the_bot_is_logged_and_the_update_counts_as_finished(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(one: Job) -> None:
        raise LookupError("our words")

    async with running(handle, workers=1) as (dispatcher, finished):
        dispatcher.put(job(1))
        dispatcher.put(job(2))
        await dispatcher.idle()
    assert len(finished) == 2
    assert [one.failure and one.failure.error for one in finished] == ["LookupError"] * 2
    assert caplog.text.count("could not be handled: LookupError < ") == 2
    assert "our words" not in caplog.text


async def test_a_handler_whose_own_task_was_cancelled_ends_and_its_worker_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(one: Job) -> None:
        if one.dialog == 1:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    async with running(handle, workers=1) as (dispatcher, finished):
        dispatcher.put(job(1))
        dispatcher.put(job(2))
        await dispatcher.idle()
    assert len(finished) == 2
    assert "ended by being cancelled (update m1:0, dialog 1): CancelledError < " in caplog.text


async def test_a_handler_over_its_time_is_cut_off_and_counts_as_finished(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(one: Job) -> None:
        if one.dialog == 1:
            await asyncio.Event().wait()

    async with running(handle, workers=1, limit=0.05) as (dispatcher, finished):
        dispatcher.put(job(1, 1))
        dispatcher.put(job(1, 2))
        dispatcher.put(job(2, 3))
        await dispatcher.idle()
    assert caplog.text.count("was cut off") == 2
    assert [one.message_id for one in finished] == [1, 3, 2]
    assert "took longer than 0.05 s" in caplog.text


async def test_a_handler_that_suppresses_its_cancellation_is_cancelled_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shrugged = 0

    async def handle(one: Job) -> None:
        nonlocal shrugged
        while shrugged < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                shrugged += 1
        await asyncio.Event().wait()

    async with running(handle, workers=1, limit=0.02) as (dispatcher, finished):
        dispatcher.put(job(1))
        await dispatcher.idle()
    assert caplog.text.count("was cut off") == 1
    assert len(finished) == 1


async def test_what_cut_one_handler_off_does_not_end_the_worker_at_the_next_job() -> None:
    async def handle(one: Job) -> None:
        if one.dialog == 1:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with running(handle, workers=1, limit=0.02) as (dispatcher, finished):
        for dialog in (1, 2, 3):
            dispatcher.put(job(dialog))
        await dispatcher.idle()
        assert len(finished) == 3


class Looked:
    """A clock that goes on by a second each time it is read: at each look at what runs."""

    def __init__(self) -> None:
        self.now = 0
        self._awaited: list[tuple[int, asyncio.Event]] = []

    def __call__(self) -> float:
        self.now += 1
        for end, reached in self._awaited:
            if self.now >= end:
                reached.set()
        return self.now

    async def go_on(self, seconds: int) -> None:
        reached = asyncio.Event()
        self._awaited.append((self.now + seconds, reached))
        await reached.wait()


async def test_time_that_a_handler_waits_for_telegram_is_not_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "_LOOK_SECONDS", 0.001)
    clock, own = Looked(), list[str]()

    async def handle(one: Job) -> None:
        await clock.go_on(2)
        async with waiting(), waiting():
            await clock.go_on(20)
        own.append("after the wait")
        await clock.go_on(20)
        own.append("after its time")

    async with running(handle, limit=6, clock=clock) as (dispatcher, finished):
        dispatcher.put(job(1))
        await dispatcher.idle()
        assert [one.cuts for one in finished] == [1]
    assert own == ["after the wait"]


async def test_time_in_which_nothing_may_be_sent_is_not_a_handlers_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "_LOOK_SECONDS", 0.001)
    clock, held, own = Looked(), True, list[str]()

    async def handle(one: Job) -> None:
        nonlocal held
        await clock.go_on(60)
        own.append("after a lease that was over")
        held = False
        await clock.go_on(20)
        own.append("after its time")

    async with running(handle, limit=6, clock=clock, may_send=lambda: not held) as (dispatcher, finished):
        dispatcher.put(job(1))
        await dispatcher.idle()
        assert [one.cuts for one in finished] == [1]
    assert own == ["after a lease that was over"]


async def test_a_job_that_waits_lends_its_worker_and_runs_on_before_those_that_have_not_begun() -> None:
    over, order = asyncio.Event(), list[str]()

    async def handle(one: Job) -> None:
        order.append(f"{one.dialog} begins")
        if one.dialog == 1:
            async with waiting():
                await over.wait()
            order.append("1 runs on")
        elif one.dialog == 2:
            over.set()
            for _ in range(5):
                await asyncio.sleep(0)
            order.append("2 ends")

    async with running(handle, workers=1) as (dispatcher, _):
        for dialog in (1, 2, 3):
            dispatcher.put(job(dialog))
        await dispatcher.idle()
        assert dispatcher.free == 1
    assert order == ["1 begins", "2 begins", "2 ends", "1 runs on", "3 begins"]


async def test_a_request_that_is_long_under_way_lends_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_LOOK_SECONDS", 0.001)
    over = asyncio.Event()

    async def handle(one: Job) -> None:
        if one.dialog == 2:
            over.set()
            return
        one.pause()
        await over.wait()
        await one.go_on()

    async with running(handle, workers=1, clock=Looked()) as (dispatcher, finished):
        dispatcher.put(job(1))
        dispatcher.put(job(2))
        await dispatcher.idle()
        assert [one.dialog for one in finished] == [2, 1]
        assert dispatcher.free == 1


async def test_short_requests_one_after_another_do_not_lend_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(dispatch, "LEND_AFTER", 5.0)
    clock, lent = Looked(), list[bool]()

    async def handle(one: Job) -> None:
        for _ in range(6):
            one.pause()
            await clock.go_on(2)
            lent.append(one.lent)
            await one.go_on()
            await clock.go_on(1)

    async with running(handle, workers=1, clock=clock) as (dispatcher, _):
        dispatcher.put(job(1))
        await dispatcher.idle()
    assert lent == [False] * 6


async def test_at_most_so_many_jobs_lend_their_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LENT_LIMIT", 2)
    over, begun = asyncio.Event(), list[int]()

    async def handle(one: Job) -> None:
        begun.append(one.dialog)
        async with waiting():
            await over.wait()

    async with running(handle, workers=1) as (dispatcher, _):
        for dialog in range(1, 6):
            dispatcher.put(job(dialog))
        await until(lambda: len(begun) == 3)  # two have lent the worker, one keeps it
        over.set()
        await dispatcher.idle()
        assert dispatcher.free == 1


async def test_a_task_of_a_handler_that_outlives_it_takes_no_worker() -> None:
    over, tasks = asyncio.Event(), list[asyncio.Task[None]]()

    async def wait() -> None:
        async with waiting():
            await over.wait()

    async def handle(one: Job) -> None:
        if one.dialog == 1:
            tasks.append(asyncio.create_task(wait()))
            await asyncio.sleep(0)  # it has lent the worker

    async with running(handle, workers=1) as (dispatcher, finished):
        dispatcher.put(job(1))
        dispatcher.put(job(2))
        await dispatcher.idle()
        over.set()
        await tasks[0]
        assert dispatcher.free == 1
        assert len(finished) == 2


async def test_waiting_outside_of_any_update_changes_nothing() -> None:
    async with waiting():
        assert current_job.get() is None


async def test_what_a_stop_cuts_off_is_not_finished() -> None:
    started = asyncio.Event()

    async def handle(one: Job) -> None:
        started.set()
        await asyncio.Event().wait()

    async with running(handle) as (dispatcher, finished):
        dispatcher.put(job(1, 1))
        dispatcher.put(job(1, 2))
        await started.wait()
        await dispatcher.stop()
        assert finished == []


async def test_a_stop_ends_even_if_a_handler_that_was_cut_off_is_still_cleaning_up() -> None:
    cleaning = asyncio.Event()

    async def handle(one: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.Event().wait()

    async with running(handle, limit=0.4) as (dispatcher, _):
        dispatcher.put(job(1))
        await cleaning.wait()
        await dispatcher.stop()


async def test_a_stop_does_not_wait_for_ever_for_a_handler_that_will_not_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "_STUBBORN_SECONDS", 0.05)
    started, enough = asyncio.Event(), asyncio.Event()

    async def handle(one: Job) -> None:
        while not enough.is_set():
            started.set()
            with suppress(asyncio.CancelledError):
                await enough.wait()

    async with running(handle) as (dispatcher, finished):
        dispatcher.put(job(1))
        await started.wait()
        await dispatcher.stop()
        assert "cancellation suppressed by 1 handler" in caplog.text
        enough.set()
        await dispatcher.stop()
        assert finished == []


async def test_a_released_job_lets_its_dialog_go_on_and_is_finished_once() -> None:
    gate = asyncio.Event()

    async with running(lambda one: handle(one), workers=1) as (dispatcher, finished):

        async def handle(one: Job) -> None:
            if one.message_id == 1:
                dispatcher.release(one)
                dispatcher.release(one)
                await gate.wait()
            else:
                gate.set()

        dispatcher.put(job(1, 1))
        dispatcher.put(job(1, 2))
        await dispatcher.idle()
        await gate.wait()
        assert [one.message_id for one in finished] == [1, 2]
        await until(lambda: dispatcher.free == 1 and len(dispatcher._tasks) <= 1 + 1)  # one watches the time


async def test_many_released_jobs_do_not_use_the_workers_up() -> None:
    gate = asyncio.Event()

    async with running(lambda one: handle(one), workers=2) as (dispatcher, finished):

        async def handle(one: Job) -> None:
            if one.dialog < 100:
                dispatcher.release(one)
                await gate.wait()
            else:
                gate.set()

        for dialog in range(1, 51):
            dispatcher.put(job(dialog))
        dispatcher.put(job(100))
        await dispatcher.idle()
        await until(lambda: dispatcher.free == 2 and len(dispatcher._tasks) <= 2 + 1)
        assert len(finished) == 51


async def test_a_task_started_by_a_handler_knows_its_job_and_a_task_from_elsewhere_none() -> None:
    seen: list[Job | None] = []

    async def look() -> None:
        seen.append(current_job.get())

    async def handle(one: Job) -> None:
        await asyncio.create_task(look())

    mine = job(1)
    async with running(handle) as (dispatcher, _):
        dispatcher.put(mine)
        await dispatcher.idle()
    await look()
    assert seen == [mine, None]


async def test_a_worker_that_begins_because_of_a_handler_knows_nothing_of_it() -> None:
    said: ContextVar[str] = ContextVar("said", default="")
    seen: list[str] = []

    async def handle(one: Job) -> None:
        seen.append(said.get())
        if one.dialog == 1:
            said.set("of the first")
            dispatcher.put(job(2))
            await until(lambda: len(seen) == 2)

    async with running(handle) as (dispatcher, _):
        dispatcher.put(job(1))
        await dispatcher.idle()
    assert seen == ["", ""]


@settings(max_examples=40)
@given(dialogs=st.lists(st.integers(0, 4), max_size=40), count=st.integers(1, 4))
def test_whatever_comes_everything_is_finished_once_and_each_dialog_in_order(
    dialogs: list[int], count: int
) -> None:
    async def run() -> list[Job]:
        async def handle(one: Job) -> None:
            for _ in range(one.message_id % 3):
                await asyncio.sleep(0)
            if one.message_id % 4 == 3:
                async with waiting():
                    await asyncio.sleep(0)

        async with running(handle, workers=count) as (dispatcher, finished):
            for number, dialog in enumerate(dialogs):
                dispatcher.put(job(dialog, number))
            await dispatcher.idle()
            assert dispatcher._dialogs == {}
            assert dispatcher.free == count
            return finished

    logging.getLogger("asyncio").setLevel(logging.WARNING)
    finished = asyncio.run(run())
    assert sorted(one.message_id for one in finished) == list(range(len(dialogs)))
    for dialog in {1, 2, 3, 4}:
        order = [one.message_id for one in finished if one.dialog == dialog]
        assert order == sorted(order)
