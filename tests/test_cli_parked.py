"""`tgbot parked …` as it is typed: through the running bot, and on its files."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.store.contracts import parked
from tgbot import cli
from tgbot.app import open_bot
from tgbot.store.base import Parked, Reason
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite.userfile import SqliteRegistry, open_parked
from tgbot.store.transfer.sessions import make_session

#: A time at which nothing is too old, whatever the clock says.
AT = 2**31
TEXT = "the planted text"


def written(number: int, text: str = TEXT) -> bytes:
    """Return a private message as it is kept when it is parked."""
    message = types.Message(
        id=number, peer_id=types.PeerUser(7), message=text, date=datetime.fromtimestamp(AT, UTC)
    )
    update = types.UpdateNewMessage(message, number, 1)
    return bytes(types.Updates([update], [], [], datetime.fromtimestamp(AT, UTC), 0))


ENTRIES = [
    replace(parked("m7:1", parked_at=AT, trace="a.py:5 in hears\n  ValueError: 12"), update=written(1)),
    parked("m7:2", Reason.LATER, parked_at=AT + 1, retry_at=AT + 60, dialog=-100, user=7),
    parked("m7:3", Reason.POISON, parked_at=AT + 2, attempts=2, update=b"\1\2\3\4 no TL object"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TGBOT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "users.sqlite"


@pytest.fixture
async def lot(registry: Path) -> None:
    """Park the entries while no bot runs."""
    registry.parent.mkdir()
    with closing(SqliteRegistry(registry, clock=lambda: AT)) as users:
        for entry in ENTRIES:
            users.parked.park(entry)
        await users.flush()


def kept(registry: Path) -> list[Parked]:
    with open_parked(registry) as entries:
        return list(entries.entries())


@pytest.fixture
def tgbot(configure: Configure, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a function that runs a command in a thread, and returns its status and what it printed."""
    configure()

    async def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = await asyncio.to_thread(cli.status, ["--config", "config.toml", "parked", *arguments])
        return (status, *capsys.readouterr())

    return run


@pytest.fixture(params=["the bot runs", "no bot runs"])
async def wherever(request: pytest.FixtureRequest, lot: None, configure: Configure) -> Any:
    """Run a test with a running bot, and again on its files."""
    if request.param == "no bot runs":
        yield False
        return
    async with open_bot(configure(), serve=True):
        yield True


async def test_all_are_listed_the_oldest_first_without_texts(wherever: bool, tgbot: Any) -> None:
    status, out, err = await tgbot("list")
    assert (status, err) == (0, "")
    first, second, third = out.splitlines()
    for part in ("m7:1", "failed", "2038-01-19 03:14:08 UTC", "by hand", "plugin.handler", "ValueError"):
        assert part in first
    for part in ("m7:2", "later", "2038-01-19 03:15:08 UTC", "-100"):
        assert part in second
    assert "poison" in third
    assert TEXT not in out


async def test_the_list_can_be_json_and_of_one_reason(wherever: bool, tgbot: Any) -> None:
    status, out, _ = await tgbot("list", "--json", "--reason", "later")
    assert status == 0
    assert json.loads(out) == {
        "key": "m7:2",
        "reason": "later",
        "handler": "plugin.handler",
        "error": "ValueError",
        "dialog": -100,
        "user": 7,
        "parked_at": AT + 1,
        "attempts": 1,
        "retry_at": AT + 60,
    }


async def test_one_is_shown_with_where_it_failed_and_with_its_text_only_if_asked_for(
    wherever: bool, tgbot: Any
) -> None:
    status, out, _ = await tgbot("show", "m7:1")
    assert status == 0
    assert "a.py:5 in hears" in out
    assert "ValueError: 12" in out
    assert "by hand" in out
    assert TEXT not in out
    assert TEXT in (await tgbot("show", "m7:1", "--text"))[1]
    assert json.loads((await tgbot("show", "m7:1", "--text", "--json"))[1])["text"] == TEXT
    assert "(it cannot be read)" in (await tgbot("show", "m7:3", "--text"))[1]


async def test_an_unknown_key_is_status_3(wherever: bool, tgbot: Any) -> None:
    for command in ("show", "retry", "drop"):
        status, _, err = await tgbot(command, "m7:9")
        assert status == 3
        assert err == 'tgbot: No parked update has the key m7:9: "tgbot parked list" shows all keys.\n'


async def test_dropped_ones_are_gone_from_the_disk(wherever: bool, tgbot: Any, registry: Path) -> None:
    assert (await tgbot("drop", "m7:1", "m7:3"))[:2] == (0, "2 deleted\n")
    assert [entry.key for entry in kept(registry)] == ["m7:2"]
    status, out, err = await tgbot("drop", "m7:2", "m7:1", "--json")
    assert status == 3
    assert json.loads(out) == {"done": ["m7:2"], "unknown": ["m7:1"], "running": wherever}
    assert "m7:1" in err
    assert kept(registry) == []


async def test_all_are_dropped(wherever: bool, tgbot: Any, registry: Path) -> None:
    assert (await tgbot("drop", "--all", "--reason", "poison"))[:2] == (0, "1 deleted\n")
    assert (await tgbot("drop", "--all"))[:2] == (0, "2 deleted\n")
    assert kept(registry) == []


async def test_without_a_bot_a_retry_is_for_the_next_start(lot: None, tgbot: Any, registry: Path) -> None:
    status, out, _ = await tgbot("retry", "m7:1", "m7:3")
    assert (status, out) == (0, "2 handled again at the next start of the bot\n")
    first, later, third = kept(registry)
    assert first == replace(ENTRIES[0], retry_at=AT)
    assert later == ENTRIES[1]
    assert third.retry_at == AT + 2


async def test_a_retry_of_all_leaves_out_what_ended_the_process(
    lot: None, tgbot: Any, registry: Path
) -> None:
    status, out, _ = await tgbot("retry", "--all", "--json")
    assert status == 0
    assert json.loads(out) == {"done": ["m7:1", "m7:2"], "unknown": [], "running": False}
    assert kept(registry)[2] == ENTRIES[2]
    assert json.loads((await tgbot("retry", "--all", "--reason", "poison", "--json"))[1])["done"] == ["m7:3"]


@pytest.mark.parametrize("arguments", [("retry",), ("drop",), ("retry", "m7:1", "--all"), ("list", "m7:1")])
async def test_wrong_usage_is_status_2_and_changes_nothing(
    lot: None, tgbot: Any, registry: Path, arguments: tuple[str, ...]
) -> None:
    assert (await tgbot(*arguments))[0] == 2
    assert kept(registry) == ENTRIES


async def test_a_bot_that_runs_and_does_not_listen_is_told_of(lot: None, tgbot: Any, tmp_path: Path) -> None:
    with instance_lock(tmp_path / "sessions" / "bot.session"):
        status, _, err = await tgbot("drop", "--all")
        assert status == 1
        assert "bot.control" in err
        assert (await tgbot("list"))[0] == 0  # which needs no bot


async def test_a_bot_that_never_ran_has_no_parked_updates(tgbot: Any) -> None:
    for command in (["list"], ["drop", "--all"]):
        status, _, err = await tgbot(*command)
        assert status == 1
        assert "it has not run with this configuration yet" in err


async def test_a_long_list_comes_whole(registry: Path, configure: Configure, tgbot: Any) -> None:
    registry.parent.mkdir()
    with closing(SqliteRegistry(registry, clock=lambda: AT)) as users:
        for number in range(1_700):
            users.parked.park(parked(f"m1:{number}", parked_at=AT + number))
        await users.flush()
    async with open_bot(configure(), serve=True):
        _, out, _ = await tgbot("list")
        assert [line.split()[0] for line in out.splitlines()] == [f"m1:{number}" for number in range(1_700)]


async def test_an_export_leaves_parked_updates_out_and_a_backup_has_them(
    lot: None, tgbot: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(tmp_path / "sessions" / "bot.session", 42, ())
    for arguments in (["users", "export", "out.json"], ["backup", "copies"]):
        assert await asyncio.to_thread(cli.status, ["--config", "config.toml", *arguments]) == 0
    assert TEXT not in (tmp_path / "out.json").read_text()
    assert kept(tmp_path / "copies" / "users.sqlite") == ENTRIES
