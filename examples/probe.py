"""A plugin: `/probe ID` checks whether the bot can write to a user, as the handbook does it.

Telethon itself sends nothing for an empty `client.action`; with this bot's client the first chat action is
sent and awaited on entering, so that the lines mean what they say.
"""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

from typing import Any

from telethon import events
from telethon.errors import UserIsBlockedError


def register(client: Any) -> None:
    """Registers the command."""

    @client.on(events.NewMessage(pattern=r"^/probe (\d+)$"))
    async def probe(event: Any) -> None:
        user = int(event.pattern_match.group(1))
        answer = "I can write to them."
        # The handbook's lines, letter by letter.
        # fmt: off
        try:
            async with client.action(user, 'typing'):
                pass
        except UserIsBlockedError:
            answer = "They blocked me."
        # fmt: on
        await event.respond(answer)
