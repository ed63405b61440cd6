"""Parked updates and the real command: a kill between the parking and the retry loses and repeats nothing."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.scenarios.crash import ask_parked, heard, open_site, until
from tests.scenarios.test_crash import pts_on_disk

SEND = "messages.sendMessage"
#: Plain Telethon; what Telegram puts off at all counts as put off for long.
PLUGIN = """
from telethon import events

def register(client):
    client.flood_sleep_threshold = 0

    @client.on(events.NewMessage(incoming=True))
    async def answer(event):
        await event.respond(f"first {event.raw_text}")
        int(event.raw_text)
        await event.respond(f"second {event.raw_text}")
        raise events.StopPropagation
"""


async def test_what_telegram_puts_off_is_answered_once_although_the_bot_is_killed_meanwhile(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        ann, bob = (site.world.new_user(name).id for name in ("Ann", "Bob"))
        await (await site.spawn()).up()
        site.said(ann, "0")
        await until(lambda: len(heard(site, ann)) == 2, "it answers")
        site.sandbox.faults.fail(SEND, 420, "FLOOD_WAIT_4")
        site.said(ann, "1")
        await until(lambda: bool(ask_parked(site, "list")), "it is parked")
        site.said(bob, "2")
        await until(lambda: heard(site, bob) == ["first 2", "second 2"], "others are answered")
        # As soon as the checkpoint is behind it, only the lot has it.
        await until(lambda: pts_on_disk(site) >= site.account.log.pts, "the checkpoint goes on")
        await site.end(signal.SIGKILL)
        await (await site.spawn()).up()
        answers = [f"{nth} {number}" for number in (0, 1) for nth in ("first", "second")]
        await until(lambda: heard(site, ann) == answers, "it is answered when it may be")
        await until(lambda: not ask_parked(site, "list"), "nothing is parked any more")
        assert await site.end(signal.SIGTERM) == 0
        assert heard(site, ann) == answers
