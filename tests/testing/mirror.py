"""A plugin that says what it was sent, so that a saved test fails if its people send anything else."""

from __future__ import annotations

import zlib
from typing import Any

from telethon import Button, events

#: The largest file whose content is in a saved test.
MOST = 4096


def register(client: Any) -> None:  # Any: a client of Telethon's
    """Register the handlers."""
    client.add_event_handler(show, events.NewMessage(incoming=True, pattern="^/mirror"))
    client.add_event_handler(look, events.CallbackQuery(data=b"look"))
    client.add_event_handler(mirror, events.NewMessage(incoming=True, func=is_special))
    client.add_event_handler(changed, events.MessageEdited(incoming=True))


def is_special(event: Any) -> bool:
    """Return whether a message is more than a text."""
    message = event.message
    chosen = [one for one in message.entities or () if "Command" not in type(one).__name__]
    return bool(message.media or message.fwd_from or message.reply_to or chosen)


async def show(event: Any) -> None:
    """Show a button."""
    await event.respond(
        "A mirror", buttons=[[Button.inline("Look", b"look"), Button.inline("Again", b"look")]]
    )
    raise events.StopPropagation


async def look(event: Any) -> None:
    """Answer a press, and change the message."""
    message = await event.get_message()
    await event.answer("You looked")
    if message.buttons and len(message.buttons[0]) == 2:
        await event.edit("A mirror, used", buttons=[[Button.inline("Look", b"look")]])
    raise events.StopPropagation


async def mirror(event: Any) -> None:
    """Say what is special in a message."""
    await event.respond(f"You sent {await said(event.message)}", parse_mode=None)
    raise events.StopPropagation


async def changed(event: Any) -> None:
    """Say how a message has changed."""
    await event.respond(f"You changed it into {await said(event.message)}", parse_mode=None)


async def said(message: Any) -> str:
    """Return in words what a message is."""
    words = [repr(message.raw_text)]
    for one in message.entities or ():
        given = {key: value for key, value in one.to_dict().items() if value is not None}
        words.append(f"{given.pop('_')} {given}")
    if message.fwd_from:
        own = message.fwd_from.from_id.user_id == message.sender_id
        words.append("forwarded, an own message" if own else "forwarded")
    if message.grouped_id:
        words.append("in an album")
    if message.photo or message.document:
        content = await message.download_media(bytes)
        known = "" if message.photo or len(content) > MOST else f" {zlib.crc32(content) % 1000}"
        words.append(f"{'photo' if message.photo else f'file of {len(content)}'}{known}")
    elif message.media:
        words.append(type(message.media).__name__)
    if message.reply_to:
        answered = await message.get_reply_message()
        words.append(f"to {answered.raw_text!r}" if answered is not None else "to a deleted message")
    return ", ".join(words)
