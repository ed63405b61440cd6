"""A plugin in plain Telethon: it repeats private messages and has a command of its own.

    [bot]
    plugins = ["examples.echo"]

`register` is called once, before updates are handled, with the parts of the bot that it names.
"""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

from telethon import TelegramClient, events

from tgbot.core.users import UserRegistry


def register(client: TelegramClient, *, users: UserRegistry) -> None:
    """Register the handlers below."""

    @client.on(events.NewMessage(pattern=r"^/start( .+)?$"))
    async def came_by_link(event: events.NewMessage.Event) -> None:
        user = users.get(event.sender_id)
        if user is not None and user.last_payload_id == event.id:
            await event.respond(f"You came by the link {user.last_payload}.", parse_mode=None)
        # The bot's own greeting follows, unless you add: raise events.StopPropagation

    @client.on(events.NewMessage(pattern=r"(?s)^/shout (.+)$"))
    async def shout(event: events.NewMessage.Event) -> None:
        await event.respond(event.pattern_match.group(1).upper(), parse_mode=None)

    @client.on(events.NewMessage(incoming=True, func=lambda event: event.is_private))
    async def echo(event: events.NewMessage.Event) -> None:
        if event.raw_text.strip() and not event.raw_text.startswith("/"):
            await event.respond(event.raw_text, parse_mode=None)
