"""The talks of plugins: how they are registered, and how they begin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from functools import wraps
from typing import TypeVar

from telethon import events
from telethon.tl import TLObject, types

from tgbot.core.talks import TALK, KeptTalk
from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.talks.choices import PREFIX
from tgbot.plugins.talks.messages import Messages, place_of
from tgbot.plugins.talks.opened import OpenTalks
from tgbot.plugins.talks.presses import Presses
from tgbot.plugins.talks.registered import Ends, Function, Pattern, Registered, matcher
from tgbot.plugins.talks.saves import Saves
from tgbot.plugins.talks.surroundings import Surroundings
from tgbot.plugins.talks.wakes import Wakes
from tgbot.telegram import BotClient
from tgbot.telegram.strand import StrandClosedError
from tgbot.telegram.updates.keys import topic_of

F = TypeVar("F", bound=Function)

#: What may be an answer.
_UPDATES = (
    types.UpdateNewMessage,
    types.UpdateNewChannelMessage,
    types.UpdateShortMessage,
    types.UpdateShortChatMessage,
    types.UpdateBotCallbackQuery,
)


class Talks:
    """The talks of all plugins: conversations as straight code that go on after a restart."""

    def __init__(
        self,
        client: BotClient,
        users: UserRegistry,
        texts: Texts,
        alarm: Alarm,
        *,
        checkpoint: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._texts = texts
        saved = Saves(checkpoint).saved
        self._bot = bot = Surroundings(client=client, users=users, texts=texts, clock=clock, saved=saved)
        self._opened = OpenTalks(bot, alarm)
        self._messages, self._presses = Messages(self._opened), Presses(self._opened)
        alarm.receive(TALK, Wakes(self._opened).receive)

    def of(self, texts: Texts) -> Talks:
        """Return the same talks for a plugin with texts of its own, which its talks speak."""
        own = copy(self)
        own._texts = texts
        return own

    def on(
        self,
        pattern: Pattern,
        *,
        name: str | None = None,
        ends: Ends = Ends.COMMANDS,
        on_changed: Function | None = None,
        texts: Texts | None = None,
    ) -> Callable[[F], F]:
        """Have a function called as a talk with who writes a text that the pattern matches.

        `name` is kept with each talk, so it stays while the code changes; it is the function's if none is
        given. `on_changed` is called with a talk that no longer fits its function, and says so in the place
        of the bot. Raise ValueError for a name that another talk has.
        """

        def register(function: F) -> F:
            named = function.__name__ if name is None else name
            if named in self._opened.registered:
                raise ValueError(f"there is a talk {named} already: each needs a name of its own")
            match = matcher(pattern)
            registered = Registered(
                name=named,
                function=function,
                match=match,
                ends=ends,
                on_changed=on_changed,
                texts=texts or self._texts,
            )
            if not self._opened.registered:
                self._bot.client.inside.handle_first(self._on_update, events.Raw(_UPDATES))
            self._opened.registered[named] = registered

            @wraps(function)  # it counts as the plugin's
            async def begin(event: events.NewMessage.Event) -> None:
                await self._begin(registered, event)

            self._bot.client.add_event_handler(begin, events.NewMessage(incoming=True, pattern=match))
            return function

        return register

    def forget(self, user_id: int) -> None:
        """Drop the talks of a user from memory; the store deletes what is kept of them."""
        self._opened.close(user_id)

    async def _on_update(self, update: TLObject) -> None:
        if type(update) is types.UpdateBotCallbackQuery:
            if update.data is not None and update.data.startswith(PREFIX):
                with suppress(StrandClosedError):  # the user was forgotten, or the alarm goes on with it
                    await self._presses.take(update)
                raise events.StopPropagation
            return
        place = place_of(update)
        if place is None:
            return
        kept = self._bot.users.talk(*place)
        if kept is not None and await self._messages.take(update, place, kept):
            raise events.StopPropagation

    async def _begin(self, registered: Registered, event: events.NewMessage.Event) -> None:
        update, key = event.original_update, self._bot.client.inside.key
        place = place_of(update)
        if place is None or key is None:
            return
        async with self._opened.turn(place) as line:
            before = self._opened.kept(place)
            if before is not None and event.id <= before.last:
                raise events.StopPropagation  # it has begun, or another one since
            if before is not None and not before.over:
                text = self._bot.texts.render(before.language or None, "talk-open")
                await self._bot.send(place.chat_id, text, {"reply_to": topic_of(update)})
                raise events.StopPropagation
            user = self._bot.users.get(place.user_id)
            kept = KeptTalk(
                registered.name,
                key,
                int(self._bot.clock()),
                text=event.raw_text,
                language=(user and user.spoken) or "",
                topic=topic_of(update) or 0,
                last=event.id,
            )
            await self._opened.begin(place, line, kept, event)
        raise events.StopPropagation
