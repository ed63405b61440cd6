"""A plugin for the tables of faults, plain Telethon. The first word of a message says what it does."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from telethon import events
from telethon.tl import functions, types

#: The username that `find` looks for.
KNOWN: Final = "somebody_known"


def register(client: Any) -> None:
    """Answer all messages but commands; `find` looks a name up at Telegram, not in the session."""

    async def talk(event: Any) -> None:
        word = event.raw_text.partition(" ")[0]
        if word == "type":
            peer = await event.get_input_chat()
            await client(functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction()))
        elif word == "find":
            await client(functions.contacts.ResolveUsernameRequest(KNOWN))
        elif word == "list":
            scope = types.BotCommandScopePeer(await event.get_input_chat())
            commands = [types.BotCommand("start", "Start")]
            await client(functions.bots.SetBotCommandsRequest(scope, "", commands))
        elif word == "describe":
            await client(functions.bots.SetBotInfoRequest(lang_code="de", about="A bot"))
        elif word == "hang":
            await asyncio.Event().wait()
        await event.respond(f"echo {event.raw_text}")
        raise events.StopPropagation

    client.add_event_handler(talk, events.NewMessage(incoming=True, pattern=r"[^/]"))
