"""Messages that show how far some work is: the bot edits them while it goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from typing import Final, NamedTuple, TypeAlias

from telethon.errors import MessageNotModifiedError
from telethon.tl import types
from telethon.tl.custom import Button as Markup

from tgbot.core.places import places
from tgbot.messaging.lengths import TEXT, shortened
from tgbot.telegram import BotClient
from tgbot.telegram.refusals import Answer, answer_of, wait_of

log = logging.getLogger(__name__)

#: How often a message changes, in seconds.
SHOWN_SECONDS: Final = 4.0


class View(NamedTuple):
    """What a message shows."""

    text: str
    buttons: list[list[Markup]] | None
    #: Whether it changes only when somebody presses a button.
    still: bool = True


class Place(NamedTuple):
    """A message of the bot in a private chat."""

    chat: int
    message: int


#: Returns what a message shows now; None if it is to be left as it is.
Look: TypeAlias = Callable[[], View | None]


#: Is told of a message that is not edited any more, unless the bot stops.
Left: TypeAlias = Callable[[Place], None]


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


class LiveMessages:
    """Edit messages every few seconds, if there is something new to show; each has one editor.

    Edits are no sends: they take nothing from the pace of a broadcast. Where Telegram asks to wait, a message
    changes later. One that Telegram refuses to edit, such as one that was deleted, is left alone.
    """

    def __init__(
        self,
        client: BotClient,
        name: str,
        *,
        ended: Callable[[], Awaitable[None]] = _never,
        left: Left = lambda place: None,
    ) -> None:
        """`name` is what is shown, for the log; `ended` returns once a look is due at once."""
        self._client = client
        self._name = name
        self._ended = ended
        self._left = left
        self._editors: dict[Place, _Editor] = {}

    def follow(self, place: Place, look: Look, shown: View | None = None) -> None:
        """Edit a message until it is still; `shown` is what it shows now, None if that is not known."""
        editor = self._editors.get(place)
        if editor is not None:
            editor.look, editor.shown = look, shown
            return
        editor = self._editors[place] = _Editor(look, shown)
        # Not in the context of the handler that may have called: it goes on after the update.
        Context().run(self._client.spawn, self._keep(place, editor), f"showing {self._name}")

    async def _keep(self, place: Place, editor: _Editor) -> None:
        try:
            while (view := editor.look()) is not None:
                wait = await self._edit(place, editor, view) if view != editor.shown else 0.0
                if wait is None or (view.still and not wait):
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(wait, SHOWN_SECONDS)):
                        await (_never if wait else self._ended)()
        finally:
            del self._editors[place]
        self._left(place)

    async def _edit(self, place: Place, editor: _Editor, view: View) -> float | None:
        """Show a view; return after how many seconds to try again: 0 if it is shown, None for never."""
        peer = types.InputPeerUser(place.chat, self._client.session.access_hash(place.chat) or 0)
        text = shortened(view.text, TEXT)
        edit = self._client.edit_message(peer, place.message, text, parse_mode=None, buttons=view.buttons)
        try:
            await edit
        except MessageNotModifiedError:
            pass
        except Exception as error:
            answer = answer_of(error)
            if answer is None:
                raise
            log.info("the message with %s does not change: %s", self._name, places(error))
            return None if answer is Answer.NO else max(wait_of(error), SHOWN_SECONDS)
        editor.shown = view
        return 0.0


class _Editor:
    """What is known of a message that is edited."""

    def __init__(self, look: Look, shown: View | None) -> None:
        self.look = look
        self.shown = shown
