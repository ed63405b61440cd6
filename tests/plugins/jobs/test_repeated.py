from __future__ import annotations

import asyncio
import logging

import pytest
from telethon import errors

from tests.plugins.jobs.conftest import DAY, EIGHT, HOUR, MINUTE, Shop
from tgbot.core.errors import JobRunsError, JobUnknownError

NAME = "tests.plugins.jobs.conftest.work"


async def test_a_job_runs_once_for_each_planned_time(shop: Shop) -> None:
    shop.jobs.every("09:00")(shop.work)
    await shop.start()
    for time in (HOUR - 1, HOUR, HOUR + 1, DAY, DAY + HOUR, DAY + HOUR):
        await shop.pass_to(EIGHT + time)
    assert shop.times == [HOUR, DAY + HOUR]
    assert [(run.name, run.late, run.user_id, run.data) for run in shop.ran] == [(NAME, 0, 0, None)] * 2


async def test_a_first_start_counts_from_then(shop: Shop) -> None:
    shop.jobs.every("07:00")(shop.work)
    await shop.start()
    await shop.idle()
    assert not shop.ran
    await shop.pass_to(EIGHT + 23 * HOUR)
    assert shop.times == [23 * HOUR]


async def test_times_that_passed_in_one_go_make_one_run_for_the_latest(shop: Shop) -> None:
    shop.jobs.every(minutes=5)(shop.work)
    await shop.start()
    await shop.pass_to(EIGHT + 2 * HOUR + 17)
    assert [(run.planned - EIGHT, run.late) for run in shop.ran] == [(2 * HOUR, 17)]


async def test_a_clock_that_is_set_back_runs_nothing_again(shop: Shop) -> None:
    shop.jobs.every(minutes=5)(shop.work)
    await shop.start()
    await shop.pass_to(EIGHT + 30 * MINUTE)
    await shop.pass_to(EIGHT + 10 * MINUTE)
    await shop.pass_to(EIGHT + 30 * MINUTE)
    assert shop.times == [30 * MINUTE]
    await shop.stop()
    shop.open()
    shop.jobs.every(minutes=5)(shop.work)
    shop.time = EIGHT + 12 * MINUTE
    await shop.start()
    await shop.idle()
    await shop.pass_to(EIGHT + 20 * MINUTE)
    assert shop.times == [30 * MINUTE]
    await shop.pass_to(EIGHT + 35 * MINUTE)
    assert shop.times == [30 * MINUTE, 35 * MINUTE]


async def test_a_clock_that_was_days_ahead_does_not_silence_a_job_after_a_restart(shop: Shop) -> None:
    shop.jobs.every("09:00")(shop.work)
    await shop.start()
    await shop.pass_to(EIGHT + 40 * DAY)
    await shop.stop()
    shop.open()
    shop.jobs.every("09:00")(shop.work)
    shop.time = float(EIGHT)
    await shop.start()
    await shop.pass_to(EIGHT + HOUR)
    assert shop.times == [39 * DAY + HOUR, HOUR]


@pytest.mark.parametrize(
    ("missed", "times"), [("run", [2 * DAY + HOUR, 3 * DAY + HOUR]), ("skip", [3 * DAY + HOUR])]
)
async def test_what_passed_while_the_bot_was_off_is_made_up_for_once_or_left_out(
    shop: Shop, missed: str, times: list[int]
) -> None:
    shop.jobs.every("09:00", missed=missed)(shop.work)
    await shop.start()
    await shop.stop()
    shop.open()
    shop.jobs.every("09:00", missed=missed)(shop.work)
    shop.time = EIGHT + 2 * DAY + 5 * HOUR
    await shop.start()
    await shop.idle()
    await shop.pass_to(EIGHT + 3 * DAY + HOUR)
    assert shop.times == times
    if missed == "run":
        assert shop.ran[0].late == 4 * HOUR


@pytest.mark.parametrize("missed", ["run", "skip"])
async def test_a_run_that_a_kill_cut_off_comes_again_with_its_time(shop: Shop, missed: str) -> None:
    shop.jobs.every("09:00", missed=missed)(shop.work)
    await shop.start()
    await shop.idle()
    shop.gate.clear()
    await shop.pass_to(EIGHT + HOUR)
    await shop.until(lambda: bool(shop.ran))
    await shop.kill()
    shop.gate.set()
    shop.open()
    shop.jobs.every("09:00", missed=missed)(shop.work)
    shop.time = EIGHT + 3 * HOUR
    await shop.start()
    await shop.idle()
    assert shop.times == [HOUR, HOUR]
    assert shop.ran[1].late == 2 * HOUR
    assert (await shop.kept(NAME)).last == EIGHT + HOUR


@pytest.mark.parametrize(("missed", "times"), [("run", [5, 5, 15]), ("skip", [5, 5])])
async def test_what_was_cut_off_comes_before_what_passed_meanwhile(
    shop: Shop, missed: str, times: list[int]
) -> None:
    shop.jobs.every(minutes=5, missed=missed)(shop.work)
    await shop.start()
    await shop.idle()
    shop.gate.clear()
    await shop.pass_to(EIGHT + 5 * MINUTE)
    await shop.until(lambda: bool(shop.ran))
    await shop.kill()
    shop.gate.set()
    shop.open()
    shop.jobs.every(minutes=5, missed=missed)(shop.work)
    shop.time = EIGHT + 17 * MINUTE
    await shop.start()
    await shop.idle()
    assert shop.times == [minutes * MINUTE for minutes in times]


async def test_that_a_run_has_begun_is_on_disk_before_its_code_runs(shop: Shop) -> None:
    seen: list[int] = []

    @shop.jobs.every("09:00", name="look")
    async def look(run: object) -> None:
        shop.open()  # what is on disk
        seen.append((await shop.kept("look")).begun)

    await shop.start()
    await shop.pass_to(EIGHT + HOUR)
    assert seen == [EIGHT + HOUR]


async def test_one_run_of_a_job_is_under_way_at_a_time_and_the_next_is_for_the_latest_time(
    shop: Shop,
) -> None:
    shop.jobs.every(minutes=5)(shop.work)
    await shop.start()
    shop.gate.clear()
    for minutes in (5, 10, 15, 16):
        await shop.pass_to(EIGHT + minutes * MINUTE)
    await shop.until(lambda: bool(shop.ran))
    assert shop.times == [5 * MINUTE]
    shop.gate.set()
    await shop.until(lambda: len(shop.ran) == 2)
    await shop.idle()
    assert shop.times == [5 * MINUTE, 15 * MINUTE]


async def test_a_job_that_hangs_keeps_no_other_waiting(shop: Shop) -> None:
    others: list[int] = []

    async def other(run: object) -> None:
        others.append(1)

    shop.jobs.every("09:00")(shop.work)
    shop.jobs.every("09:00", name="other")(other)
    await shop.start()
    shop.gate.clear()
    await shop.pass_to(EIGHT + HOUR)
    await shop.until(lambda: bool(shop.ran and others))


async def test_another_schedule_counts_from_the_start_that_brings_it(shop: Shop) -> None:
    shop.jobs.every("07:00")(shop.work)
    await shop.start()
    await shop.stop()
    shop.open()
    shop.jobs.every("12:00")(shop.work)
    shop.time = EIGHT + DAY - HOUR
    await shop.start()
    await shop.idle()
    assert not shop.ran
    await shop.pass_to(EIGHT + DAY + 4 * HOUR)
    assert shop.times == [DAY + 4 * HOUR]


async def test_a_failure_that_stays_is_tried_three_times_and_the_next_time_is_run(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.errors = [ValueError("a secret")] * 3
    shop.jobs.every("09:00")(shop.work)
    await shop.start()
    for seconds in (0, 4, 5, 19, 20, 60, 3600):
        await shop.pass_to(EIGHT + HOUR + seconds)
    assert shop.times == [HOUR] * 3
    assert [run.late for run in shop.ran] == [0, 5, 20]
    kept = await shop.kept(NAME)
    assert (kept.error, kept.begun, kept.last) == ("ValueError", 0, EIGHT + HOUR)
    await shop.pass_to(EIGHT + DAY + HOUR)
    assert shop.times == [HOUR] * 3 + [DAY + HOUR]
    assert (await shop.kept(NAME)).error == ""
    assert f"unhandled exception in the job {NAME}" in caplog.text
    assert "secret" not in caplog.text
    assert shop.tries.failed[NAME] == 3


async def test_a_failure_does_not_keep_the_next_time_waiting(shop: Shop) -> None:
    flood = errors.FloodWaitError(None, capture=10_000)
    shop.errors = [flood]
    shop.jobs.every(minutes=5)(shop.work)
    await shop.start()
    await shop.pass_to(EIGHT + 5 * MINUTE)
    await shop.pass_to(EIGHT + 10 * MINUTE)
    assert shop.times == [5 * MINUTE, 10 * MINUTE]


async def test_what_telegram_puts_off_is_tried_when_it_says(shop: Shop) -> None:
    shop.errors = [errors.FloodWaitError(None, capture=700), ConnectionError()]
    shop.jobs.every("09:00")(shop.work)
    await shop.start()
    for seconds in (0, 699, 700, 714, 715):
        await shop.pass_to(EIGHT + HOUR + seconds)
    assert [run.late for run in shop.ran] == [0, 700, 715]


async def test_a_failed_run_comes_again_after_a_restart(shop: Shop) -> None:
    shop.errors = [ValueError()]
    shop.jobs.every("09:00", missed="skip")(shop.work)
    await shop.start()
    await shop.pass_to(EIGHT + HOUR)
    await shop.stop()
    shop.open()
    shop.jobs.every("09:00", missed="skip")(shop.work)
    await shop.start()
    await shop.idle()
    assert shop.times == [HOUR, HOUR]


async def test_that_somebody_may_not_be_written_to_is_no_failure(shop: Shop) -> None:
    shop.errors = [errors.UserIsBlockedError(None)]
    shop.jobs.every("09:00")(shop.work)
    await shop.start()
    await shop.pass_to(EIGHT + HOUR)
    await shop.pass_to(EIGHT + 2 * HOUR)
    assert shop.times == [HOUR]
    assert not shop.tries.failed


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(1)])
async def test_an_error_of_a_job_ends_nothing_else(shop: Shop, error: BaseException) -> None:
    shop.errors = [error]
    shop.jobs.every(minutes=5)(shop.work)
    await shop.start()
    await shop.pass_to(EIGHT + 5 * MINUTE)
    await shop.pass_to(EIGHT + 10 * MINUTE)
    assert shop.times == [5 * MINUTE, 10 * MINUTE]


async def test_a_job_can_be_run_now_and_its_next_time_stays(shop: Shop) -> None:
    shop.jobs.every("09:00", name="digest")(shop.work)
    await shop.start()
    shop.time = EIGHT + 600
    assert await shop.jobs.run_now("digest") == ""
    assert shop.times == [600]
    shop.errors = [ValueError("a secret")]
    again = asyncio.create_task(shop.jobs.run_now("digest"))
    await shop.idle()
    await shop.pass_to(EIGHT + 601)  # messages are named after the time, so two runs have two
    assert await again == "ValueError"
    await shop.pass_to(EIGHT + 606)
    await shop.pass_to(EIGHT + HOUR)
    assert shop.times == [600, 601, 601, HOUR]


async def test_a_job_that_runs_or_that_there_is_not_cannot_be_run_now(shop: Shop) -> None:
    shop.jobs.every("09:00", name="digest")(shop.work)
    await shop.start()
    with pytest.raises(JobUnknownError, match=r"No plugin has a job digets \(did you mean digest\?\)"):
        await shop.jobs.run_now("digets")
    shop.gate.clear()
    await shop.pass_to(EIGHT + HOUR)
    await shop.until(lambda: bool(shop.ran))
    with pytest.raises(JobRunsError, match="The job digest is running now"):
        await shop.jobs.run_now("digest")


async def test_the_status_tells_how_each_job_stands(shop: Shop) -> None:
    shop.jobs.every("09:00", name="digest")(shop.work)
    shop.jobs.every(days=1, name="another")(shop.work)
    await shop.start()
    shop.errors = [ValueError()] * 3
    for seconds in (0, 5, 20):
        await shop.pass_to(EIGHT + HOUR + seconds)
    assert await shop.jobs.status() == [
        {
            "name": "another",
            "schedule": "every 86400 s",
            "next": EIGHT + 16 * HOUR,
            "last": None,
            "error": "",
            "running": False,
        },
        {
            "name": "digest",
            "schedule": "0 9 * * * UTC",
            "next": EIGHT + DAY + HOUR,
            "last": EIGHT + HOUR,
            "error": "ValueError",
            "running": False,
        },
    ]


async def test_a_job_that_no_plugin_has_any_more_is_kept_for_a_while(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.jobs.every("09:00", name="digest")(shop.work)
    await shop.start()
    await shop.stop()
    shop.open()
    shop.time = EIGHT + 2 * HOUR
    with caplog.at_level(logging.WARNING):
        await shop.start()
        await shop.idle()
        await shop.pass_to(EIGHT + 5 * HOUR)
    assert [record.getMessage() for record in caplog.records] == [
        "no plugin has a job digest; what is planned as it is kept for 30 days"
    ]
    await shop.stop()
    shop.open()
    shop.jobs.every("09:00", name="digest")(shop.work)
    await shop.start()
    await shop.idle()
    assert shop.times == [HOUR]
