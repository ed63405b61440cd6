from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.jobs.conftest import Shop
from tgbot.core.errors import PluginError
from tgbot.plugins import loading
from tgbot.plugins.jobs import Run


async def first(run: Run) -> None:
    """Do nothing."""


async def second(run: Run) -> None:
    """Do nothing."""


def test_a_job_is_called_after_its_module_and_function(shop: Shop) -> None:
    assert shop.jobs.every(minutes=5)(first) is first
    shop.jobs.every(minutes=5, name="mine")(first)
    assert list(shop.jobs._registered.jobs) == [f"{__name__}.first", "mine"]


def test_two_jobs_of_one_name_are_refused(shop: Shop) -> None:
    shop.jobs.every(minutes=5, name="x")(first)
    told = f"there is a job x already, {__name__}.first: give one of them another name"
    with pytest.raises(ValueError, match=told):
        shop.jobs.every(minutes=5, name="x")(second)
    with pytest.raises(ValueError, match=told):
        shop.jobs.on("x")(second)


@pytest.mark.parametrize("function", [lambda run: None, partial(print), None])
def test_a_job_is_an_async_function(shop: Shop, function: Any) -> None:
    for decorator in (shop.jobs.every(minutes=5, name="x"), shop.jobs.on("x")):
        with pytest.raises(ValueError, match="the job x has to be an async function, which takes one arg"):
            decorator(function)


def test_a_decorator_without_its_name_is_explained(shop: Shop) -> None:
    with pytest.raises(ValueError, match=r"expected a name, as in @jobs.on\(\"remind\"\)"):
        shop.jobs.on(first)  # type: ignore[arg-type] # the mistake


def test_what_becomes_of_missed_times_is_one_of_two(shop: Shop) -> None:
    with pytest.raises(ValueError, match='missed=\'twice\': expected "run" or "skip"'):
        shop.jobs.every(minutes=5, missed="twice")


async def test_jobs_are_registered_before_the_bot_serves(shop: Shop) -> None:
    await shop.start()
    with pytest.raises(ValueError, match="the job x comes too late"):
        shop.jobs.every(minutes=5, name="x")(first)


async def test_a_plugin_with_a_wrong_schedule_is_named_with_file_and_line(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def register(client, *, jobs):\n    @jobs.every('9 Uhr')\n    async def digest(run): ...\n"
    (tmp_path / "wrong_schedule.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    plugin = loading.load("wrong_schedule")
    with pytest.raises(PluginError, match=r"'9 Uhr': expected a time such as .*wrong_schedule.py line 2"):
        await plugin.register(parts(shop))


def parts(shop: Shop) -> Any:
    """Return parts of which there are only jobs."""

    class Some:
        client = None
        jobs = shop.jobs

    return Some()
