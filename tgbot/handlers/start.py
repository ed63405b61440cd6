"""`/start`: greet a new user, welcome a known one back."""

from __future__ import annotations

from functools import lru_cache

from telethon import Button, events
from telethon.tl import types

from tgbot.core.commands import Command
from tgbot.core.links import LinkKind, bot_link
from tgbot.core.names import clean_name, usernames_of
from tgbot.handlers.commands import Matching, is_from_bot, wrote_in_group
from tgbot.handlers.evidence import person_of
from tgbot.handlers.wording import Words
from tgbot.plugins.parts import Parts
from tgbot.telegram.updates.events import is_answered

#: Stands for the name in a greeting that is rendered once for everybody.
_NAME = "\0"


def register(parts: Parts) -> None:
    """Register the handler of `/start` in private chats, and of a `/start` meant for this bot in groups.

    What a plugin has answered is left to the plugin.
    """
    parts.commands.offer("start")
    client, users, sender, texts = parts.client, parts.users, parts.sender, parts.texts

    @lru_cache(maxsize=256)
    def greeting(language: str | None, text: str) -> str:
        return texts.render(language, text, name=_NAME)

    @lru_cache(maxsize=256)
    def invitation(language: str | None) -> types.TypeReplyMarkup | None:
        """Return the button that adds the bot to a group; None if that is off or the bot has no username."""
        names = usernames_of(client.me)
        if client.me.bot_nochats or not names:
            return None
        return client.build_reply_markup(
            Button.url(texts.render(language, "start-add-to-group"), bot_link(LinkKind.GROUP, names[0]).web)
        )

    async def greet(event: events.NewMessage.Event) -> None:
        message = event.message
        user = users.get(message.peer_id.user_id)
        if is_from_bot(event, user):
            return
        first = user is None or user.is_first_start(message.id)
        text = "start-hello" if first else "start-welcome-back"
        name, language = (clean_name(user.first_name), user.spoken) if user else ("", None)
        if name:
            words = greeting(language, text).replace(_NAME, name)
        else:
            words = greeting(language, text + "-nameless")
        await sender.answer(event, words, buttons=invitation(language))

    async def started(event: events.NewMessage.Event) -> None:
        command: Command = event.pattern_match
        if is_answered():
            return
        if type(event.message.peer_id) is types.PeerUser:
            await greet(event)
        elif command.mention or command.args:
            # The link that adds the bot to a group sends this; a bare /start may be for any bot.
            author = person_of(users, event.original_update, event.sender_id or 0)
            if wrote_in_group(event, author):
                say = Words.to(texts, author)
                await sender.answer(event, say("start-group"))

    client.add_event_handler(started, events.NewMessage(incoming=True, pattern=Matching(client, "start")))
