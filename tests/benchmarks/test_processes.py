"""The clients as processes: what is done when a client has settled, and what a process uses."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.load import Load
from benchmarks.processes import CLIENTS, Memory, chosen, cpu_seconds, started
from tests.sandbox.npm import installation
from tgbot.sandbox.server import Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as on Linux")


@pytest.mark.bench
@pytest.mark.parametrize("kind", CLIENTS)
async def test_each_client_answers_everybody_once(kind: str, tmp_path: Path) -> None:
    if not chosen(kind):
        pytest.skip("make npm has not installed it")
    key = installation.server_key()
    async with Sandbox(key=key) as sandbox, started(sandbox, kind, str(tmp_path)) as client:
        load = Load(sandbox.world, client.bot_id)
        await client.settle()
        await load.saturate(load.meet(20), 10)
        await client.settle()
        load.close()
    assert (len(load.times), load.unasked) == (20, 0)


@pytest.mark.bench
async def test_a_bot_that_has_settled_has_everything_on_disk(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, started(sandbox, "tgbot", str(tmp_path)) as client:
        load = Load(sandbox.world, client.bot_id)
        people = load.meet(30)
        await load.saturate(people, 10)
        load.close()
        await client.settle()
        os.kill(client.pid, signal.SIGKILL)
    assert load.unasked == 0
    with closing(sqlite3.connect(tmp_path / "users.sqlite")) as users:
        assert sorted(int(key) for (key,) in users.execute("SELECT key FROM users")) == sorted(people)


async def test_a_client_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[telegramm]\n")
    with pytest.raises(RuntimeError, match="telegramm"):
        async with Sandbox() as sandbox, started(sandbox, "tgbot", str(tmp_path)):
            pass


def test_only_clients_that_exist_can_be_chosen() -> None:
    assert chosen("telethon,tgbot") == ["telethon", "tgbot"]
    with pytest.raises(SystemExit, match="no client pyrogram"):
        chosen("tgbot,pyrogram")


def test_a_client_that_is_not_installed_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chosen(",".join(CLIENTS)) == [kind for kind in CLIENTS if kind != "mtcute"]
    assert capsys.readouterr().err == "mtcute is left out: node is not installed; after that: make npm\n"


def test_the_cpu_of_a_process_is_what_it_counts_itself() -> None:
    before = time.process_time()
    seen = cpu_seconds(os.getpid())
    assert before <= seen <= time.process_time()


def test_memory_is_read_in_mebibytes() -> None:
    memory = Memory.of(os.getpid())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    assert memory.rss == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, rel=0.1)


def test_the_middle_of_several_memories_does_without_what_is_unknown() -> None:
    assert Memory.middle([Memory(1, None), Memory(5, 4), Memory(3, 2)]) == Memory(3, 3)
    assert str(Memory.middle([Memory(90.4, None)])) == "90 / -"
