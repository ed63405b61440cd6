from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tgbot.workshop.sources import Sources


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """The sources of a bot with settings, a plugin of two modules, and a directory of texts.

    Of their changes only the system tells.
    """
    monkeypatch.setattr("tgbot.workshop.sources.LOOK_SECONDS", 3600)
    (tmp_path / "config.toml").write_text("[bot]\n")
    for name in ("shop/__init__.py", "shop/prices.py", "shop/tests/test_shop.py", "texts/en.ftl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    made = Sources([tmp_path / "config.toml", tmp_path / "secrets.toml"])
    made.add([tmp_path / "shop", tmp_path / "texts"])
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda home: (home / "config.toml").write_text("[log]\n"),
        lambda home: (home / "secrets.toml").write_text("[telegram]\n"),
        lambda home: (home / "shop/prices.py").write_text("2"),
        lambda home: (home / "shop/sizes.py").write_text(""),
        lambda home: (home / "shop/prices.py").unlink(),
        lambda home: (home / "shop/prices.py").rename(home / "shop/sizes.py"),
        lambda home: (home / "texts/en.ftl").replace(home / "shop/prices.py"),
        lambda home: (home / "texts/ru.ftl").write_text(""),
    ],
)
async def test_a_change_of_settings_code_or_texts_is_told(
    sources: Sources, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    before = sources.contents()
    waiting = asyncio.create_task(sources.changed(before))
    await asyncio.sleep(0)  # it has begun to wait
    change(tmp_path)
    async with asyncio.timeout(PATIENCE):
        changed = await waiting
    now = sources.contents()
    assert changed == sorted(file for file in {*before, *now} if before.get(file) != now.get(file))
    assert changed


async def test_a_change_from_before_the_wait_is_told_at_once(sources: Sources, tmp_path: Path) -> None:
    before = sources.contents()
    (tmp_path / "shop/prices.py").write_text("2")
    async with asyncio.timeout(PATIENCE):
        assert await sources.changed(before) == [tmp_path / "shop/prices.py"]


async def test_a_change_is_found_where_the_system_does_not_tell_of_it(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgbot.workshop.sources.LOOK_SECONDS", 1)
    (tmp_path / "unseen").mkdir()
    sources.add([tmp_path / "unseen/later"])  # nobody watches what is not there
    before = sources.contents()
    waiting = asyncio.create_task(sources.changed(before))
    await asyncio.sleep(0)  # it has begun to wait
    (tmp_path / "unseen/later").mkdir()
    (tmp_path / "unseen/later/shop.py").touch()
    async with asyncio.timeout(PATIENCE):
        assert await waiting == [tmp_path / "unseen/later/shop.py"]


def test_a_file_that_was_written_again_as_it_was_has_not_changed(sources: Sources, tmp_path: Path) -> None:
    before = sources.contents()
    (tmp_path / "shop/prices.py").write_text("1")
    os.utime(tmp_path / "shop/prices.py", (1, 1))
    assert sources.contents() == before


def test_other_files_and_what_lies_deeper_are_no_sources(sources: Sources, tmp_path: Path) -> None:
    before = sources.contents()
    for name in ("shop/tests/test_shop.py", "shop/prices.json", "README.md", "notes.py"):
        (tmp_path / name).write_text("2")
    assert sources.contents() == before
    assert len(before) == 4
