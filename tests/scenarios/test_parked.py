"""A plugin had a bug: after the mend `tgbot parked retry --all` answers everybody who met it, once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.crash import Site, open_site, until

#: Whoever writes something else than a number is not answered; the first answer comes before the error.
BUGGY = """
from telethon import events

def register(client):
    async def double(event):
        await event.respond("let me see")
        await event.respond(str(2 * int(event.raw_text)))
        raise events.StopPropagation

    client.add_event_handler(double, events.NewMessage(incoming=True, pattern=r"[^/]"))
"""
MENDED = BUGGY.replace("str(2 * int(event.raw_text))", "event.raw_text * 2")
TEXT = "a planted text"


async def tgbot(site: Site, *arguments: str) -> tuple[int, str]:
    """Run `tgbot parked` as a process of its own; return its status and its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", "--config", str(site.directory / "config.toml"), "parked"),
        *arguments,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (out + err).decode()


def answers(site: Site, user_id: int) -> list[str]:
    """Return what the plugin said to a person, in order; the help is what the bot says without it."""
    texts = [copy.post.text for copy in site.dialog(user_id) if copy.out]
    return [text for text in texts if not text.startswith("Hello! I am a bot")]


async def parked(site: Site) -> list[dict[str, Any]]:
    status, out = await tgbot(site, "list", "--json")
    assert status == 0, out
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("running", [True, False], ids=["the bot runs", "no bot runs"])
async def test_a_retry_after_the_mend_answers_everybody_once(tmp_path: Path, running: bool) -> None:
    async with open_site(tmp_path, 1) as site:
        plugin = site.directory / "crash_plugin.py"
        plugin.write_text(BUGGY)
        first = await site.spawn()
        await first.up()
        people = [site.world.new_user(name).id for name in ("Ann", "Bob", "Cid")]
        for person in people:
            site.said(person, TEXT)
        await until(lambda: all(answers(site, person) == ["let me see"] for person in people), "they hear")
        await until(lambda: sum("is parked; see" in line for line in first.log) == 3, "they are parked")
        entries = await parked(site)
        assert [entry["user"] for entry in entries] == people
        assert {entry["reason"] for entry in entries} == {"failed"}
        assert {entry["error"] for entry in entries} == {"ValueError"}
        assert all("crash_plugin" in entry["handler"] for entry in entries)
        _, shown = await tgbot(site, "show", entries[0]["key"])
        assert "crash_plugin.py" in shown
        assert f"text:\n  {TEXT}" in (await tgbot(site, "show", entries[0]["key"], "--text"))[1]

        assert await site.end() == 0
        plugin.write_text(MENDED)
        if running:
            await (await site.spawn()).up()
            assert await tgbot(site, "retry", "--all") == (0, "3 handled again now\n")
        else:
            said = "3 handled again at the next start of the bot\n"
            assert await tgbot(site, "retry", "--all") == (0, said)
            await (await site.spawn()).up()
        await until(lambda: all(answers(site, one) == ["let me see", TEXT * 2] for one in people), "answered")
        assert site.process is not None
        second = site.process
        await until(lambda: sum("is done" in line for line in second.log) == 3, "they are done")
        assert await parked(site) == []
        assert await site.end() == 0
        assert all(answers(site, person) == ["let me see", TEXT * 2] for person in people)
        assert not [line for line in first.log + second.log if TEXT in line]


async def test_what_is_dropped_is_never_answered(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (site.directory / "crash_plugin.py").write_text(BUGGY)
        process = await site.spawn()
        await process.up()
        ann = site.world.new_user("Ann").id
        site.said(ann, TEXT)
        await until(lambda: any("is parked; see" in line for line in process.log), "it is parked")
        (entry,) = await parked(site)
        assert await tgbot(site, "drop", entry["key"]) == (0, "1 deleted\n")
        assert (await tgbot(site, "retry", entry["key"]))[0] == 3
        assert await parked(site) == []
        assert await site.end() == 0
        assert answers(site, ann) == ["let me see"]
