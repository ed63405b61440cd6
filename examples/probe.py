"""A plugin: `/probe ID` checks whether the bot can write to a user, with the handbook's code.

Plain Telethon sends nothing for an empty `client.action`. This bot's client sends the first chat action on
entering and waits for the answer, so the code works as it reads.
"""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

from telethon import TelegramClient, events
from telethon.errors import UserIsBlockedError


def register(client: TelegramClient) -> None:
    """Register the command."""

    @client.on(events.NewMessage(pattern=r"^/probe (\d+)$"))
    async def probe(event: events.NewMessage.Event) -> None:
        user = int(event.pattern_match.group(1))
        answer = "I can write to them."
        # The handbook's code, unchanged.
        # fmt: off
        try:
            async with client.action(user, 'typing'):
                pass
        except UserIsBlockedError:
            answer = "They blocked me."
        # fmt: on
        await event.respond(answer)
