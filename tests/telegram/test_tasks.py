"""Tasks beside the handlers: what fails or is cut off has a name, and no words of anybody are logged."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.telegram.conftest import until
from tgbot.core.errors import PartEndedError
from tgbot.telegram import tasks
from tgbot.telegram.tasks import Background, log_escaped


async def work(seconds: float = 3600.0) -> None:
    await asyncio.sleep(seconds)


async def failing() -> None:
    int("a message text")


async def test_an_error_is_logged_with_the_name_and_the_place_of_its_task(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background = Background()
    background.spawn(failing(), "the mailing")
    background.spawn(failing())
    await until(lambda: len(caplog.messages) == 2)
    assert caplog.messages[0].startswith(
        f"the task the mailing ({__name__}) failed: ValueError < test_tasks.py:"
    )
    assert caplog.messages[1].startswith(f"the task failing ({__name__}) failed: ValueError")
    assert "message text" not in caplog.text


async def test_a_stop_says_what_it_cut_off_but_not_what_ended_by_itself() -> None:
    background = Background()
    saved: list[str] = []

    async def careful() -> None:
        try:
            await work()
        except asyncio.CancelledError:
            saved.append("half of it")

    background.spawn(work(), "the mailing")
    background.spawn(careful(), "the report")
    ended = background.spawn(work(0))
    await asyncio.wait([ended])
    background.spawn_essential(work)  # the bot's own
    await asyncio.sleep(0)
    await background.stop()
    assert background.cut == [f"the mailing ({__name__})"]
    assert saved == ["half of it"]


async def test_a_part_that_is_cancelled_by_others_ends_the_bot_and_is_named() -> None:
    background = Background()
    background.spawn_essential(work, "the watch")
    background.spawn(work())
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    error = await background.failed
    assert isinstance(error, PartEndedError)
    assert "the watch" in str(error)


async def test_a_stop_is_no_end_of_a_part() -> None:
    background = Background()
    background.spawn_essential(work)
    await asyncio.sleep(0)
    await background.stop()
    assert not background.failed.done()


async def test_a_task_that_suppresses_its_cancellation_does_not_hold_a_stop_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "ENDING_SECONDS", 0.01)
    enough = asyncio.Event()

    async def stubborn() -> None:
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue

    background = Background()
    task = background.spawn(stubborn(), "the miner")
    await asyncio.sleep(0)
    await background.stop()
    assert background.cut == [f"the miner ({__name__})"]
    assert f"cancellation suppressed by 1 task: the miner ({__name__})" in caplog.text
    enough.set()
    await task


async def test_an_error_that_nobody_awaits_is_logged_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_escaped)
    try:
        task = loop.create_task(failing())
        await asyncio.wait([task])
        del task
        gc.collect()
        loop.call_soon(int, "a message text")
        await until(lambda: len(caplog.messages) == 2)
    finally:
        loop.set_exception_handler(None)
    first, second = caplog.messages
    assert first.startswith("the task failing (test_tasks.py) failed: ValueError < test_tasks.py:")
    assert second.startswith("a callback failed: ValueError")
    assert "message text" not in caplog.text
