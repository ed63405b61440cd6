"""A plugin in plain Telethon: it repeats private messages and has a command of its own.

    [bot]
    plugins = ["examples.echo"]

`register` is called once, before updates are handled, with the parts of the bot that it names.
"""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

from telethon import events

from tgbot import BotClient, Menu, UserRegistry


def register(client: BotClient, *, users: UserRegistry, commands: Menu) -> None:
    """Register the handlers below, and show the command in /help and in the menu."""
    commands.add("shout", {"en": "say it loudly", "ru": "сказать погромче"})

    # The pattern matches a /start with a payload only, so every other /start gets the bot's own greeting.
    @client.on(events.NewMessage(pattern=r"^/start .+$"))
    async def came_by_link(event: events.NewMessage.Event) -> None:
        user = users.get(event.sender_id)
        if user is not None and user.last_payload_id == event.id:
            await event.respond(f"You came by the link {user.last_payload}.", parse_mode=None)

    @client.on(events.NewMessage(pattern=r"(?s)^/shout (.+)$"))
    async def shout(event: events.NewMessage.Event) -> None:
        await event.respond(event.pattern_match.group(1).upper(), parse_mode=None)

    @client.on(events.NewMessage(incoming=True, func=lambda event: event.is_private))
    async def echo(event: events.NewMessage.Event) -> None:
        if event.raw_text.strip() and not event.raw_text.startswith("/"):
            await event.respond(event.raw_text, parse_mode=None)
