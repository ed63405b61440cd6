"""A plugin with work by the clock: an hourly tip for everybody who wrote, and a reminder."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from telethon import events


def register(client: Any, *, jobs: Any, users: Any) -> None:  # Any: as people write plugins
    """Register the handlers and jobs."""

    @jobs.every(hours=1)  # type: ignore[untyped-decorator] # it is Any here
    async def tip(run: Any) -> None:
        for user in users.iterate():
            await client.send_message(user.id, "a tip")

    @jobs.on("remind")  # type: ignore[untyped-decorator] # it is Any here
    async def remind(run: Any) -> None:
        await client.send_message(run.user_id, run.data)

    async def plan(event: Any) -> None:
        await jobs.once(timedelta(minutes=20), "remind", data="the pizza!", user_id=event.sender_id)
        await event.respond("in 20 minutes")
        raise events.StopPropagation

    client.add_event_handler(plan, events.NewMessage(incoming=True, pattern="^/remind$"))
