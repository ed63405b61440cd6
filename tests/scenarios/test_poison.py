"""Poison and the real command: what ends the process twice is put aside, and everybody else is served."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.crash import Site, ask_parked, heard, open_site, until

#: Plain Telethon; a text that is a way to die is one.
PLUGIN = """
import asyncio, ctypes, os, signal, sys
from pathlib import Path
from telethon import events

def deep():
    sys.setrecursionlimit(10**9)
    nested = []
    for _ in range(10**6):
        nested = [nested]
    repr(nested)

async def twice(way):
    await asyncio.gather(asyncio.sleep(0), way())

async def leave():
    os._exit(7)

def register(client):
    @client.on(events.NewMessage(incoming=True))
    async def answer(event):
        await event.respond(f"you said {event.raw_text}")
        match event.raw_text:
            case "exit":
                raise SystemExit(3)
            case "leave":
                os._exit(7)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "crash":
                ctypes.string_at(0)
            case "deep":
                deep()
            case "later":
                await asyncio.sleep(0.05)
                os._exit(7)
            case "task":
                await twice(leave)
            case "spin":
                Path(__file__).with_name("spins").touch()
                while True:
                    pass
            case "thread":
                await asyncio.to_thread(os._exit, 7)
        raise events.StopPropagation
"""


def parked(site: Site) -> list[Any]:
    return ask_parked(site, "list")


def marks(site: Site) -> Path:
    return site.session.with_suffix(".running")


async def end_by_itself(site: Site) -> int:
    assert site.process is not None
    status = await site.process.ended()
    await site.unplugged()
    return status


@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("exit", 3),
        ("leave", 7),
        ("kill", -signal.SIGKILL),
        ("crash", -signal.SIGSEGV),
        ("deep", -signal.SIGSEGV),
        ("later", 7),
        ("task", 7),
        ("thread", 7),
    ],
)
async def test_what_ends_the_process_twice_is_put_aside_and_everybody_else_is_served(
    tmp_path: Path, way: str, status: int
) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        ann, bob = (site.world.new_user(name).id for name in ("Ann", "Bob"))
        await (await site.spawn()).up()
        copy = site.said(ann, way).twin(site.bot.id)
        assert copy is not None
        assert await end_by_itself(site) == status
        for text in ("one", "two"):
            site.said(bob, text)
            site.said(ann, text)
        await site.spawn()
        assert await end_by_itself(site) == status
        process = await site.spawn()
        answers = ["you said one", "you said two"]
        await until(lambda: heard(site, bob) == answers, "others are answered")
        await until(
            lambda: heard(site, ann) == [f"you said {way}", *answers], "their next messages are answered"
        )
        assert marks(site).exists()
        assert await site.end(signal.SIGTERM) == 0
        assert not marks(site).exists()
        key = f"m{ann}:{copy.id}"
        (line,) = [line for line in process.log if "ERROR" in line]
        for word in (key, f"dialog {ann}", "crash_plugin.register.answer", "2 times in a row"):
            assert word in line
        (entry,) = parked(site)
        assert (entry["key"], entry["reason"], entry["dialog"]) == (key, "poison", ann)
        assert entry["handler"] == "crash_plugin.register.answer"
        assert entry["retry_at"] is None
        # Never again by itself.
        await (await site.spawn()).up()
        site.said(bob, "three")
        await until(lambda: heard(site, bob)[-1] == "you said three", "the bot runs on")
        assert await site.end(signal.SIGTERM) == 0


async def test_a_handler_that_never_lets_go_is_put_aside_after_the_second_kill(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        ann, bob = (site.world.new_user(name).id for name in ("Ann", "Bob"))
        await (await site.spawn()).up()
        site.said(ann, "spin")
        for text in ("one", "two"):
            await until((tmp_path / "spins").exists, "it spins")
            site.said(bob, text)
            assert await site.end(signal.SIGKILL) == -signal.SIGKILL
            (tmp_path / "spins").unlink()
            await site.spawn()
        await until(lambda: heard(site, bob) == ["you said one", "you said two"], "others are answered")
        assert [entry["reason"] for entry in parked(site)] == ["poison"]
        assert await site.end(signal.SIGTERM) == 0


async def test_a_poison_that_is_tried_by_hand_after_the_mend_is_done(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        ann = site.world.new_user("Ann").id
        await (await site.spawn()).up()
        site.said(ann, "leave")
        await end_by_itself(site)
        await site.spawn()
        await end_by_itself(site)
        (tmp_path / "crash_plugin.py").write_text(PLUGIN.replace("os._exit(7)", "await event.respond('bye')"))
        await (await site.spawn()).up()
        await until(lambda: bool(parked(site)), "it is parked")
        ask_parked(site, "retry", parked(site)[0]["key"])
        await until(lambda: heard(site, ann) == ["you said leave", "bye"], "it is answered")
        await until(lambda: not parked(site), "it is done")
        assert await site.end(signal.SIGTERM) == 0


async def test_a_bot_that_is_killed_again_and_again_while_it_waits_suspects_nobody(tmp_path: Path) -> None:
    plugin = PLUGIN.replace("raise SystemExit(3)", "await asyncio.sleep(3600)")
    async with open_site(tmp_path, 1, handler_seconds=3600) as site:
        (tmp_path / "crash_plugin.py").write_text(plugin)
        people = [site.world.new_user(f"User{number}").id for number in range(3)]
        for person in people:
            await (await site.spawn()).up()
            site.said(person, "exit")
            await until(lambda: bool(heard(site, person)), "one more handler waits")  # noqa: B023 - awaited here
            await site.end(signal.SIGKILL)
        await (await site.spawn()).up()
        await until(lambda: marks(site).exists(), "it is up")
        await until(lambda: not any(marks(site).read_bytes()[::256]), "nobody is marked or suspected")
        assert await site.end(signal.SIGTERM) == 0
        assert parked(site) == []
