"""`/start`: greets, keeps the payload, welcomes back who comes again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from telethon import events
from telethon.tl import types

from tgbot.errors import LinkError
from tgbot.handlers.wording import language_of, shown
from tgbot.links import check_payload
from tgbot.locales import Texts
from tgbot.sender import Sender
from tgbot.users import UserRegistry

#: The handbook's pattern; what follows `/start` is the payload of a deep link.
START = r"^/start( .+)?$"
#: The same with a bot's name, as apps write it in groups.
START_AT = r"^/start@(\w+)( .+)?$"

#: Stands for the name in a greeting rendered once for all.
_NAME = "\0"


def register(client: Any, *, users: UserRegistry, sender: Sender, texts: Texts, **_: Any) -> None:
    """Registers the handlers of `/start` in private chats, and of a `/start` meant for this bot in groups.

    A plugin that is registered later finds the payload in the user's `last_payload`.
    """

    @lru_cache(maxsize=256)
    def greeting(language: str | None, text: str) -> str:
        return texts.render(language, text, name=_NAME)

    async def greet(event: Any, payload: str | None) -> None:
        message = event.message
        user_id = message.peer_id.user_id
        known = users.get(user_id)
        if known is not None and known.bot:
            return  # Two bots that greet each other never end.
        user = users.payload(user_id, _checked(payload), int(message.date.timestamp()), message.id)
        text = "start-hello" if user.is_first_start(message.id) else "start-welcome-back"
        name, language = shown(user.first_name), language_of(user)
        if name:
            await sender.answer(event, greeting(language, text).replace(_NAME, name))
        else:
            await sender.answer(event, greeting(language, text + "-nameless"))

    async def point_to_private_chat(event: Any) -> None:
        asking = users.get(event.sender_id) if event.sender_id else None
        if asking is None or not asking.bot:
            await sender.answer(event, texts.render(language_of(asking), "start-group"))

    async def started(event: Any) -> None:
        payload = event.pattern_match.group(1)
        if type(event.message.peer_id) is types.PeerUser:
            await greet(event, payload)
        elif payload:  # The link "add to group" ends in this; a bare /start may be anybody's.
            await point_to_private_chat(event)

    async def started_by_name(event: Any) -> None:
        name, payload = event.pattern_match.groups()
        if name.lower() not in own_names(client):
            return
        if type(event.message.peer_id) is types.PeerUser:
            await greet(event, payload)
        else:
            await point_to_private_chat(event)

    client.add_event_handler(started, events.NewMessage(incoming=True, pattern=START))
    client.add_event_handler(started_by_name, events.NewMessage(incoming=True, pattern=START_AT))


def own_names(client: Any) -> tuple[str, ...]:
    """The bot's usernames, in lower case."""
    me = client.me
    several = tuple(name.username.lower() for name in me.usernames or () if name.active)
    return several or ((me.username or "").lower(),)


def _checked(payload: str | None) -> str:
    """The payload if a link can have carried it; anything else was typed by hand and is none."""
    if not payload:
        return ""
    try:
        return check_payload(payload.strip())
    except LinkError:
        return ""
