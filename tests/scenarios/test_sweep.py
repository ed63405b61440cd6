"""`tgbot users check` on a bot that runs: what it finds, and what a kill, Ctrl-C and --cancel do to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.scenarios.crash import Site, heard, open_site, until
from tgbot.operate.control import ask


async def begin(site: Site, *arguments: str) -> asyncio.subprocess.Process:
    """Start `tgbot users check` as a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", "--config", str(site.directory / "config.toml")),
        *("users", "check", *arguments),
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def check(site: Site, *arguments: str) -> tuple[int | None, str, str]:
    """Run `tgbot users check`; return its status and its output."""
    process = await begin(site, *arguments)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def swept(site: Site) -> dict[str, Any]:
    """Return what the running bot says of the sweep."""
    control = site.session.with_name("bot.control")
    found: dict[str, Any] = await asyncio.to_thread(ask, control, "sweep.status", {})
    return found


async def looked_at(site: Site, least: int) -> None:
    """Return once so many users were looked at."""
    while (await swept(site))["looked_at"] < least:  # noqa: ASYNC110 - another process knows it
        await asyncio.sleep(0.02)


async def crowd(site: Site, number: int) -> list[int]:
    """Add people who have written to the bot and were answered; return their ids."""
    people = [site.world.new_user("Ann").id for _ in range(number)]
    for person in people:
        site.said(person, "hello")
    await until(lambda: all(heard(site, person) for person in people), "everybody is answered")
    return people


def block(site: Site, person: int) -> None:
    """Let a person block the bot, of which Telegram tells it nothing."""
    site.world.accounts[person].blocked |= {site.bot.id}


async def test_it_tells_what_has_changed(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        process = await site.spawn()
        await process.up()
        people = await crowd(site, 20)
        for person in people[:3]:
            block(site, person)
        code, out, err = await check(site, "--rate", "200")
        assert (code, err) == (0, "")
        assert "20 of 20 users: 20 probed, 0 skipped" in out
        assert "reachable → blocked: 3" in out
        code, out, err = await check(site, "--older-than", "1h", "--json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert (found["state"], found["probed"], found["skipped"]) == ("finished", 0, 20)
        assert found == await swept(site)
        assert await site.end() == 0
        assert (await check(site, "--status", "--json"))[:2] == (0, out), "the files say the same"
        code, _, err = await check(site)
        assert code == 3
        assert "No bot runs" in err
        assert not site.faults


async def test_a_kill_costs_it_nothing(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        await (await site.spawn()).up()
        people = await crowd(site, 90)
        for person in people[::3]:
            block(site, person)
        watching = await begin(site, "--rate", "25")
        control = site.session.with_name("bot.control")
        await until(control.exists, "the bot takes commands")
        while (await swept(site))["state"] is None:  # noqa: ASYNC110 - another process knows it
            await asyncio.sleep(0.02)
        await looked_at(site, 40)
        await site.end(signal.SIGKILL)
        _, err = await watching.communicate()
        assert watching.returncode == 1
        assert b"cannot be asked" in err
        await (await site.spawn()).up()
        second = await swept(site)
        assert second["state"] == "running"
        assert second["looked_at"] < 90
        await looked_at(site, 90)
        done = await swept(site)
        assert done["total"] == done["looked_at"] == done["probed"] == 90
        counts = await asyncio.to_thread(ask, control, "users.count", {})
        assert (counts["blocked"], counts["reachable"]) == (30, 60)
        assert await site.end() == 0


async def test_ctrl_c_ends_the_waiting_only_and_cancel_ends_the_sweep(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        await (await site.spawn()).up()
        await crowd(site, 30)
        assert (await check(site, "--status"))[:2] == (3, "There was no sweep yet.\n")
        watching = await begin(site, "--rate", "1")
        while (await swept(site))["state"] is None:  # noqa: ASYNC110 - another process knows it
            await asyncio.sleep(0.02)
        await looked_at(site, 1)
        watching.send_signal(signal.SIGINT)
        _, err = await watching.communicate()
        assert watching.returncode == 130, err
        assert b"goes on in the bot" in err
        code, out, _ = await check(site, "--status")
        assert code == 0
        assert "is running." in out
        code, _, err_text = await check(site)
        assert code == 1
        assert "--cancel ends it" in err_text
        assert "is paused." in (await check(site, "--pause"))[1]
        assert "is running." in (await check(site, "--resume"))[1]
        assert "is cancelled since" in (await check(site, "--cancel"))[1]
        assert (await check(site, "--cancel"))[0] == 3
        assert await site.end() == 0
