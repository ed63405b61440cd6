"""Tasks of plugins and the real command: a stop says which it cut off, and an error shows nobody's words."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.scenarios.crash import open_site, until

PLUGIN = """
import asyncio
from telethon import events

async def mailing():
    await asyncio.Event().wait()

async def forgotten():
    await asyncio.sleep(3600)

async def careful():
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        pass

async def failing(text):
    int(text)

def register(client):
    client.spawn(mailing(), "the mailing")
    client.spawn(careful())
    asyncio.get_running_loop().create_task(forgotten())

    @client.on(events.NewMessage(incoming=True))
    async def message(event):
        client.spawn(failing(event.raw_text))
        client.lost_task = asyncio.get_running_loop().create_task(failing(event.raw_text))
        client.lost_task.add_done_callback(lambda _: delattr(client, "lost_task"))
        await event.respond("yes")
        raise events.StopPropagation
"""


async def test_a_stop_names_the_task_of_a_plugin_that_it_cut_off(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        process = await site.spawn()
        await process.up()
        ann = site.world.new_user("Ann").id
        site.said(ann, "a secret")
        await until(lambda: any(copy.out for copy in site.dialog(ann)), "she is answered")
        assert await site.end(signal.SIGTERM) == 0
        assert process.log[-1].endswith(
            "stopped; what is finished is on disk; cut: forgotten (crash_plugin), the mailing (crash_plugin)"
        )
        log = "\n".join(process.log)
        assert "the task failing (crash_plugin) failed: ValueError < crash_plugin.py:" in log
        assert "the task failing (crash_plugin.py) failed: ValueError < crash_plugin.py:" in log
        assert "secret" not in log


STUBBORN = """
import asyncio
from telethon import events

async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

def register(client):
    client.spawn(stubborn())
    client.kept = asyncio.get_running_loop().create_task(stubborn())

    @client.on(events.NewMessage)
    async def never(event):
        pass
"""


async def test_tasks_that_suppress_their_cancellation_do_not_keep_the_process(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(STUBBORN)
        process = await site.spawn()
        await process.up()
        assert await site.end(signal.SIGTERM) == 0
        last = [line for line in process.log if "tgbot.run" in line][-1]
        assert last.endswith("cut: stubborn (crash_plugin), stubborn (crash_plugin)")
        assert not any("Traceback" in line for line in process.log)
