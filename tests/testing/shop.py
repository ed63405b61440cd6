"""A plugin as people write it: a command, a menu of buttons, an echo."""

from __future__ import annotations

from typing import Any

from telethon import Button, events


def register(client: Any) -> None:  # Any: a client of Telethon's
    """Register the handlers."""

    async def order(event: Any) -> None:
        await event.respond("Which size?", buttons=[[Button.inline("S", b"S"), Button.inline("M", b"M")]])
        raise events.StopPropagation

    async def choose(event: Any) -> None:
        await event.answer(f"You chose {event.data.decode()}", alert=True)
        await event.edit(f"Size {event.data.decode()}")

    async def echo(event: Any) -> None:
        await event.respond(event.raw_text)
        raise events.StopPropagation

    client.add_event_handler(order, events.NewMessage(incoming=True, pattern=r"^/order$"))
    client.add_event_handler(choose, events.CallbackQuery)
    client.add_event_handler(echo, events.NewMessage(incoming=True, pattern=r"^echo "))
