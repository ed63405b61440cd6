"""Albums and the real command: a stop and a kill beside one lose nothing, and nothing is said twice."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.scenarios.crash import Site, open_site, until

#: Plain Telethon; each message that was handled leaves a file.
PLUGIN = """
from pathlib import Path
from telethon import events

def register(client):
    @client.on(events.Album)
    async def album(event):
        await event.respond(f"album of {len(event)}")

    @client.on(events.NewMessage(incoming=True))
    async def message(event):
        Path(__file__).with_name(event.raw_text).touch()
        raise events.StopPropagation
"""


def send_album(site: Site, person: int) -> None:
    for caption in ("a", "b", "c"):
        site.world.send_as(person, site.bot.id, caption, grouped_id=7)


def said(site: Site, person: int) -> list[str]:
    return [copy.post.text for copy in site.dialog(person) if copy.out]


async def test_an_album_that_was_just_taken_is_answered_before_a_stop_is_done(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        process = await site.spawn()
        await process.up()
        ann = site.world.new_user("Ann").id
        send_album(site, ann)
        await until((tmp_path / "c").exists, "its last message is handled")
        assert await site.end(signal.SIGTERM) == 0
        assert said(site, ann) == ["album of 3"]
        assert not site.faults
        process = await site.spawn()
        await process.up()
        assert await site.end(signal.SIGTERM) == 0
        assert said(site, ann) == ["album of 3"]


async def test_a_kill_right_after_the_answer_to_an_album_does_not_repeat_it(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(PLUGIN)
        await (await site.spawn()).up()
        ann = site.world.new_user("Ann").id
        send_album(site, ann)
        await until(lambda: bool(said(site, ann)), "the album is answered")
        await site.end(signal.SIGKILL)
        (tmp_path / "c").unlink()
        await (await site.spawn()).up()
        await until((tmp_path / "c").exists, "its last message is handled again")
        assert await site.end(signal.SIGTERM) == 0
        assert said(site, ann) == ["album of 3"]
        assert not site.faults


#: Ends the process at each album.
POISON = """
import os, signal
from telethon import events

def register(client):
    @client.on(events.Album)
    async def album(event):
        os.kill(os.getpid(), signal.SIGKILL)

    @client.on(events.NewMessage(incoming=True))
    async def message(event):
        await event.respond(f"got {event.raw_text}")
        raise events.StopPropagation
"""


async def test_an_album_that_ends_the_process_twice_is_put_aside_as_a_whole(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        (tmp_path / "crash_plugin.py").write_text(POISON)
        await (await site.spawn()).up()
        ann, ben = (site.world.new_user(name).id for name in ("Ann", "Ben"))
        send_album(site, ann)
        for _ in range(2):
            assert site.process is not None
            assert await site.process.ended() == -signal.SIGKILL
            await site.unplugged()
            await site.spawn()
        assert site.process is not None
        await site.process.up()
        site.said(ben, "hello")
        await until(lambda: bool(said(site, ben)), "others are answered")
        await until(lambda: len(said(site, ann)) == 3, "its messages are answered")
        assert await site.end(signal.SIGTERM) == 0
        assert said(site, ann) == ["got a", "got b", "got c"]
