"""Write access: who lets the bot write on a site or in a mini app is greeted once, if nothing came before."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from telethon import errors, events
from telethon.tl import types

from tgbot.core.access import Access
from tgbot.core.users import UserRegistry
from tgbot.handlers.evidence import reason_of
from tgbot.handlers.wording import language_of, reason, shown
from tgbot.locales.texts import Texts
from tgbot.messaging.sender import Sender, error_name

#: The preference that holds which of these messages was greeted.
GREETED = "greeted_for_access"

log = logging.getLogger(__name__)


def register(
    client: Any,
    *,
    users: UserRegistry,
    sender: Sender,
    texts: Texts,
    greeted_elsewhere: str = "",
    clock: Callable[[], float] = time.time,
    **_: Any,
) -> None:
    """Registers the handler of the service message; on the domain `greeted_elsewhere` others greet."""

    async def allowed(update: Any) -> None:
        message = update.message
        said = type(message) is types.MessageService and type(message.action) is types.MessageActionBotAllowed
        if not said or message.out or type(message.peer_id) is not types.PeerUser:
            return
        user = users.get(message.peer_id.user_id)
        why = reason_of(message.action)
        if user is None or user.bot or (greeted_elsewhere and why == greeted_elsewhere):
            return
        # Whoever wrote before knows the bot. Both answers are the same when this is handled once more.
        greeted = int(user.preferences.get(GREETED) or message.id)
        if message.id > greeted or not user.is_first_message(message.id):
            return
        users.prefer(user.id, GREETED, str(message.id))
        if user.verdict(clock()).access is not Access.REACHABLE:
            return
        language, name = language_of(user), shown(user.first_name)
        because = texts.render(language, f"allowed-why{reason(why)}", detail=shown(why))
        text = texts.render(
            language, "allowed-hello" if name else "allowed-hello-nameless", name=name, why=because
        )
        try:
            await sender.send(user.id, text)
        except errors.RPCError as error:
            log.info("user %d let the bot write and takes no message: %s", user.id, error_name(error))

    client.add_event_handler(allowed, events.Raw(types.UpdateNewMessage))
