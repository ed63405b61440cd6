"""The plugin of the story: adds two numbers, in plain Telethon."""

from __future__ import annotations

from telethon import TelegramClient, events


def register(client: TelegramClient) -> None:
    """Register the handler. It stores nothing and does not deal with crashes."""

    async def add(event: events.NewMessage.Event) -> None:
        one, other = event.pattern_match.groups()
        await event.respond(f"{one} + {other} = {int(one) + int(other)}")
        raise events.StopPropagation

    client.add_event_handler(add, events.NewMessage(incoming=True, pattern=r"^(\d{1,9}) \+ (\d{1,9})$"))
