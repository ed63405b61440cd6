"""Work that goes on after its handler, and ends the process: found out and put aside like a handler's."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.scenarios.crash import open_site, until

#: For a text "bad" the process is ended by work that begins when its handler has ended long since.
PLUGIN = """
import asyncio, os, signal
from telethon import events

def register(client):
    async def work(text):
        await asyncio.sleep(0.1)
        if text == "bad":
            os.kill(os.getpid(), signal.SIGKILL)

    @client.on(events.NewMessage(incoming=True))
    async def message(event):
        client.spawn(client.hold("work").run(work(event.raw_text)))
        await event.respond(f"got {event.raw_text}")
        raise events.StopPropagation
"""


async def test_held_work_that_ends_the_process_twice_is_put_aside(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        process = await site.spawn()
        await process.up()
        ann, ben = (site.world.new_user(name).id for name in ("Ann", "Ben"))
        site.said(ann, "bad")
        for _ in range(2):
            assert await process.ended() == -signal.SIGKILL
            await site.unplugged()
            process = await site.spawn()
        await process.up()
        site.said(ben, "good")
        site.said(ann, "better")
        await until(lambda: any(copy.out for copy in site.dialog(ben)), "others are answered")
        await until(lambda: any("is poison" in line for line in process.log), "it is found out")
        assert await site.end(signal.SIGTERM) == 0
        assert [copy.post.text for copy in site.dialog(ann) if copy.out] == ["got bad", "got better"]
        assert process.log[-1].endswith("stopped; everything is on disk")
