from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from telethon import errors

from tests.plugins.jobs.conftest import DAY, EIGHT, HOUR, Shop
from tgbot.core.users import Profile, Way
from tgbot.plugins.jobs import Run, Upcoming
from tgbot.plugins.jobs import tries as tries_module
from tgbot.telegram import named_sends


@pytest.fixture
async def open_shop(shop: Shop) -> Shop:
    """Return a shop that runs, with `work` registered as "remind"."""
    shop.jobs.on("remind")(shop.work)
    await shop.start()
    return shop


async def restart(shop: Shop) -> None:
    shop.open()
    shop.jobs.on("remind")(shop.work)
    await shop.start()


async def test_what_is_planned_once_runs_once_when_its_time_has_come(open_shop: Shop) -> None:
    shop = open_shop
    await shop.jobs.once(EIGHT + 10, "remind", {"what": ["tea", None, 2**70]}, user_id=7)
    await shop.pass_to(EIGHT + 9)
    assert not shop.ran
    await shop.pass_to(EIGHT + 12)
    await shop.pass_to(EIGHT + 12 * HOUR)
    assert shop.ran == [Run("remind", EIGHT + 10, 2, 7, {"what": ["tea", None, 2**70]})]
    assert await shop.store.planned.next_due() is None


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (EIGHT + 60, 60),
        (EIGHT + 59.2, 60),
        (timedelta(hours=1), HOUR),
        (datetime(2026, 1, 1, 9, tzinfo=UTC), HOUR),
        (datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=1))), 0),
        (timedelta(days=-1), -DAY),
    ],
)
async def test_a_moment_is_a_datetime_unix_seconds_or_a_timedelta_from_now(
    open_shop: Shop, at: Any, seconds: int
) -> None:
    await open_shop.jobs.once(at, "remind")
    if seconds > 0:  # what has passed is due at once
        await open_shop.pass_to(EIGHT + seconds - 1)
        assert not open_shop.ran
    await open_shop.pass_to(EIGHT + max(seconds, 0))
    assert open_shop.times == [seconds]


@pytest.mark.parametrize(
    ("at", "name", "data", "told"),
    [
        (datetime(2026, 1, 1), "remind", None, "2026-01-01 00:00:00 has no time zone"),
        ("tomorrow", "remind", None, "'tomorrow': expected a datetime with a time zone, unix seconds, or"),
        (True, "remind", None, "True: expected"),
        (-1, "remind", None, "-1 is no moment between 1970 and 9999"),
        (float("nan"), "remind", None, "nan is no moment"),
        (timedelta(days=4_000_000), "remind", None, "is no moment"),
        (EIGHT, "remnid", None, r"no plugin has @jobs.on\('remnid'\) \(did you mean remind\?\)"),
        (EIGHT, "remind", {1: 2}, "data has to be JSON: it has keys that are no texts, or tuples"),
        (EIGHT, "remind", datetime(2026, 1, 1), r"data has to be JSON \(TypeError\)"),
        (EIGHT, "remind", float("inf"), r"data has to be JSON \(ValueError\)"),
        (EIGHT, "remind", "x" * 20_000, "bytes of data"),
    ],
)
async def test_a_wrong_value_is_refused_at_once(
    open_shop: Shop, at: Any, name: str, data: Any, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        await open_shop.jobs.once(at, name, data)
    await open_shop.pass_to(EIGHT + DAY)
    assert not open_shop.ran


async def test_the_same_key_is_planned_once_and_the_last_time_counts(open_shop: Shop) -> None:
    assert await open_shop.jobs.once(EIGHT + 10, "remind", 1, key="tea") == "tea"
    await open_shop.jobs.once(EIGHT + 20, "remind", 2, key="tea")
    await open_shop.pass_to(EIGHT + 30)
    assert [(run.planned - EIGHT, run.data) for run in open_shop.ran] == [(20, 2)]


async def test_without_a_key_the_same_is_planned_once(open_shop: Shop) -> None:
    for data in (1, 1, 2):
        await open_shop.jobs.once(EIGHT + 10, "remind", data)
    await open_shop.pass_to(EIGHT + 30)
    assert sorted(run.data for run in open_shop.ran) == [1, 2]


async def test_work_that_is_done_again_plans_under_the_same_keys(open_shop: Shop) -> None:
    for later in (0, 5):
        with named_sends("a work"):
            keys = [await open_shop.jobs.once(EIGHT + 10 + later, "remind", n) for n in range(2)]
    assert keys == ["a work 0", "a work 1"]
    with named_sends("another work"):
        await open_shop.jobs.once(EIGHT + 10, "remind", 9)
    await open_shop.pass_to(EIGHT + 30)
    assert sorted((run.planned - EIGHT, run.data) for run in open_shop.ran) == [(10, 9), (15, 0), (15, 1)]


async def test_what_is_dropped_does_not_run(open_shop: Shop) -> None:
    key = await open_shop.jobs.once(EIGHT + 10, "remind")
    open_shop.jobs.drop(key)
    open_shop.jobs.drop("unknown")
    await open_shop.pass_to(EIGHT + 30)
    assert not open_shop.ran


async def test_what_is_planned_about_a_user_is_told_and_goes_with_them(open_shop: Shop) -> None:
    shop = open_shop
    await shop.jobs.once(EIGHT + 20, "remind", "later", user_id=7, key="b")
    await shop.jobs.once(EIGHT + 10, "remind", {"a": 1}, user_id=7, key="a")
    await shop.jobs.once(EIGHT + 10, "remind", user_id=8)
    assert await shop.jobs.planned(7) == [
        Upcoming("a", "remind", EIGHT + 10, {"a": 1}),
        Upcoming("b", "remind", EIGHT + 20, "later"),
    ]
    await shop.store.forget(7)
    assert await shop.jobs.planned(7) == []
    await shop.pass_to(EIGHT + 30)
    assert [run.user_id for run in shop.ran] == [8]


async def test_what_is_on_disk_runs_after_a_restart_and_also_what_passed_meanwhile(open_shop: Shop) -> None:
    shop = open_shop
    await shop.jobs.once(EIGHT + 10, "remind", 1)
    await shop.jobs.once(EIGHT + HOUR, "remind", 2)
    await shop.stop()
    shop.time = EIGHT + 600
    await restart(shop)
    await shop.idle()
    await shop.pass_to(EIGHT + HOUR)
    assert [(run.data, run.late) for run in shop.ran] == [(1, 590), (2, 0)]


async def test_a_run_that_a_kill_cut_off_comes_again(open_shop: Shop) -> None:
    shop = open_shop
    await shop.jobs.once(EIGHT + 10, "remind")
    await shop.save()
    shop.gate.clear()
    await shop.pass_to(EIGHT + 10)
    await shop.until(lambda: bool(shop.ran))
    await shop.kill()
    shop.gate.set()
    await restart(shop)
    await shop.idle()
    assert shop.times == [10, 10]
    assert await shop.store.planned.next_due() is None


async def test_a_user_is_in_memory_when_it_is_their_turn(open_shop: Shop) -> None:
    shop = open_shop
    shop.store.users.seen(Profile(7, "Ann"), EIGHT, Way.MESSAGE)
    await shop.jobs.once(EIGHT + 10, "remind", user_id=7)
    await shop.stop()
    await restart(shop)
    assert not shop.store.loaded({7})
    await shop.pass_to(EIGHT + 10)
    assert shop.ran
    assert shop.store.loaded({7})


async def test_what_passes_is_tried_again_for_long_with_growing_pauses(
    open_shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tries_module.TRIED_SECONDS == 7 * DAY
    monkeypatch.setattr(tries_module, "TRIED_SECONDS", DAY)
    shop = open_shop
    shop.errors = [ConnectionError()] * 100
    await shop.jobs.once(EIGHT, "remind", key="tea")
    tries = 0
    while (due := await shop.store.planned.next_due()) is not None:
        await shop.pass_to(due)
        tries += 1
    lates = [run.late for run in shop.ran]
    assert tries == len(lates)
    assert lates[:7] == [0, 5, 20, 80, 380, 1280, 4880]
    assert lates[7] - lates[6] == HOUR
    assert DAY <= lates[-1] < DAY + HOUR
    assert (
        f"remind is dropped after {tries} tries (key tea, planned at {EIGHT}): ConnectionError" in caplog.text
    )


async def test_what_does_not_pass_is_tried_three_times_in_all(
    open_shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop = open_shop
    shop.errors = [
        ValueError("secret"),
        errors.FloodWaitError(None, capture=30),
        KeyError("secret"),
        ValueError(),
    ]
    await shop.jobs.once(EIGHT, "remind", "secret", key="tea")
    for _ in range(4):
        due = await shop.store.planned.next_due()
        assert due is not None
        await shop.pass_to(due)
    assert [run.late for run in shop.ran] == [0, 5, 35, 50]
    assert await shop.store.planned.next_due() is None
    assert shop.tries.dropped == {"remind": 1}
    assert "remind is dropped after 4 tries (key tea" in caplog.text
    assert "secret" not in caplog.text


async def test_that_the_user_may_not_be_written_to_is_no_failure(open_shop: Shop) -> None:
    open_shop.errors = [errors.UserIsBlockedError(None)]
    await open_shop.jobs.once(EIGHT, "remind", user_id=7)
    await open_shop.idle()
    assert len(open_shop.ran) == 1
    assert await open_shop.store.planned.next_due() is None


async def test_what_no_plugin_knows_is_kept_for_thirty_days_and_told_once(
    open_shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop = open_shop
    await shop.jobs.once(EIGHT + 10, "remind", 1)
    await shop.jobs.once(EIGHT + 29 * DAY, "remind", 2)
    await shop.stop()
    shop.open()
    with caplog.at_level(logging.WARNING):
        await shop.start()
        for hours in range(5 * 24):
            await shop.pass_to(EIGHT + hours * HOUR)
        assert [record.getMessage() for record in caplog.records] == [
            "no plugin has a job remind; what is planned as it is kept for 30 days"
        ]
        await shop.pass_to(EIGHT + 30 * DAY + 10)
    assert "what was planned as remind is dropped: no plugin had such a job for 30 days" in caplog.text
    await shop.stop()
    await restart(shop)
    await shop.pass_to(EIGHT + 30 * DAY + 2 * HOUR)
    assert [run.data for run in shop.ran] == [2]


async def test_a_run_may_plan_itself_again(shop: Shop) -> None:
    @shop.jobs.on("again")
    async def again(run: Run) -> None:
        shop.ran.append(run)
        await shop.jobs.once(run.planned + 60, "again", key="again")

    await shop.start()
    await shop.jobs.once(EIGHT, "again", key="again")
    for minute in range(3):
        await shop.pass_to(EIGHT + 60 * minute)
    assert shop.times == [0, 60, 120]
