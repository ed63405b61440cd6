"""A plugin as people write it: commands, buttons, an echo, answers to all that is not a text."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from telethon import Button, events


def register(client: Any) -> None:  # Any: a client of Telethon's
    """Register the handlers."""
    client.add_event_handler(order, _command("order"))
    client.add_event_handler(choose, events.CallbackQuery)
    client.add_event_handler(keyboard, _command("keyboard"))
    client.add_event_handler(menu, _command("menu"))
    client.add_event_handler(secret, _command("secret"))
    client.add_event_handler(crash, _command("crash"))
    client.add_event_handler(slow, _command("slow"))
    client.add_event_handler(child, _command("child"))
    client.add_event_handler(echo, events.NewMessage(incoming=True, pattern=r"^echo "))
    client.add_event_handler(thing, events.NewMessage(incoming=True, func=lambda event: event.media))
    client.add_event_handler(joined, events.ChatAction(func=lambda event: event.user_joined))
    client.add_event_handler(changed, events.MessageEdited(incoming=True))


def _command(name: str) -> events.NewMessage:
    return events.NewMessage(incoming=True, pattern=f"^/{name}$")


async def order(event: Any) -> None:
    await event.respond("Which size?", buttons=[[Button.inline("S", b"S"), Button.inline("M", b"M")]])
    raise events.StopPropagation


async def choose(event: Any) -> None:
    await event.answer(f"You chose {event.data.decode()}", alert=True)
    await event.edit(f"Size {event.data.decode()}")


async def keyboard(event: Any) -> None:
    rows = [[Button.text("echo tea"), Button.request_phone("My number")], [Button.request_location("Here")]]
    await event.respond("Which one?", buttons=rows)
    raise events.StopPropagation


async def menu(event: Any) -> None:
    await event.respond("Look:", buttons=[Button.url("Site", "https://example.com/menu")])
    raise events.StopPropagation


async def secret(event: Any) -> None:
    sent = await event.respond("Burn this")
    await sent.delete()
    raise events.StopPropagation


async def crash(event: Any) -> None:
    os._exit(7)


async def slow(event: Any) -> None:
    await asyncio.sleep(0.2)
    await event.respond("slow and steady")
    raise events.StopPropagation


async def child(event: Any) -> None:
    await asyncio.create_subprocess_exec("sleep", "600")  # it holds the log open
    await event.respond("a process that lasts")
    raise events.StopPropagation


async def echo(event: Any) -> None:
    await event.respond(event.raw_text)
    raise events.StopPropagation


async def thing(event: Any) -> None:
    await event.respond(f"{type(event.media).__name__} {event.raw_text}".rstrip())
    raise events.StopPropagation


async def joined(event: Any) -> None:
    user = await event.get_user()
    await event.respond(f"Welcome, {user.first_name}")


async def changed(event: Any) -> None:
    await event.respond(f"changed: {event.raw_text}")
