"""`/start`: greets, and welcomes back who comes again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from telethon import Button, events
from telethon.tl import types

from tgbot.core.links import group_link
from tgbot.core.users import UserRegistry
from tgbot.handlers.evidence import own_names
from tgbot.handlers.wording import language_of, shown
from tgbot.locales.texts import Texts
from tgbot.messaging.resolve import usernames_of
from tgbot.messaging.sender import Sender

#: The handbook's pattern; what follows `/start` is the payload of a deep link.
START = r"^/start( .+)?$"
#: The same with a bot's name, as apps write it in groups.
START_AT = r"^/start@(\w+)( .+)?$"

#: Stands for the name in a greeting rendered once for all.
_NAME = "\0"


def register(client: Any, *, users: UserRegistry, sender: Sender, texts: Texts, **_: Any) -> None:
    """Registers the handlers of `/start` in private chats, and of a `/start` meant for this bot in groups."""

    @lru_cache(maxsize=256)
    def greeting(language: str | None, text: str) -> str:
        return texts.render(language, text, name=_NAME)

    @lru_cache(maxsize=256)
    def invitation(language: str | None) -> Any:
        """The button that adds the bot to a group; None if it cannot be added, or has no name to link to."""
        names = usernames_of(client.me)
        if client.me.bot_nochats or not names:
            return None
        return client.build_reply_markup(
            Button.url(texts.render(language, "start-add-to-group"), group_link(names[0]))
        )

    async def greet(event: Any) -> None:
        message = event.message
        user = users.get(message.peer_id.user_id)
        if user is not None and user.bot:
            return  # Two bots that greet each other never end.
        first = user is None or user.is_first_start(message.id)
        text = "start-hello" if first else "start-welcome-back"
        name, language = shown(user.first_name) if user else "", language_of(user)
        if name:
            told = greeting(language, text).replace(_NAME, name)
        else:
            told = greeting(language, text + "-nameless")
        await sender.answer(event, told, buttons=invitation(language))

    async def point_to_private_chat(event: Any) -> None:
        asking = users.get(event.sender_id) if event.sender_id else None
        if asking is None or not asking.bot:
            await sender.answer(event, texts.render(language_of(asking), "start-group"))

    async def started(event: Any) -> None:
        if type(event.message.peer_id) is types.PeerUser:
            await greet(event)
        elif event.pattern_match[1]:
            # The link that adds the bot to a group ends in this; a bare /start may be for anybody.
            await point_to_private_chat(event)

    async def started_by_name(event: Any) -> None:
        if event.pattern_match[1].lower() not in own_names(client.me):
            return
        if type(event.message.peer_id) is types.PeerUser:
            await greet(event)
        else:
            await point_to_private_chat(event)

    client.add_event_handler(started, events.NewMessage(incoming=True, pattern=START))
    client.add_event_handler(started_by_name, events.NewMessage(incoming=True, pattern=START_AT))


def is_start(text: str) -> bool:
    """Whether `START` matches a text of one line, without the regular expression: asked for every message."""
    return text == "/start" or (len(text) > 7 and text.startswith("/start ") and "\n" not in text)
