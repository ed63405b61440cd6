"""Greet, once, a user who let the bot write on a site or in a mini app before writing to it."""

from __future__ import annotations

import logging

from telethon import errors, events
from telethon.tl import types

from tgbot.core.access import Access
from tgbot.core.names import clean_name
from tgbot.handlers.evidence import Permission, permission_detail
from tgbot.handlers.wording import Words, dashed
from tgbot.plugins.parts import Parts
from tgbot.telegram import error_name
from tgbot.telegram.refusals import Answer, answer_of

log = logging.getLogger(__name__)


def register(parts: Parts) -> None:
    """Register the handler of the service message about write access.

    Logins on the domain `parts.greeted_elsewhere` are greeted by the login page.
    """
    users = parts.users

    async def allowed(update: types.UpdateNewMessage) -> None:
        message = update.message
        said = type(message) is types.MessageService and type(message.action) is types.MessageActionBotAllowed
        if not said or message.out or type(message.peer_id) is not types.PeerUser:
            return
        user, domain = users.get(message.peer_id.user_id), message.action.domain
        if user is None or user.bot or (domain and domain == parts.greeted_elsewhere):
            return
        # A user who wrote before knows the bot. Both answers are the same when this is handled again.
        greeted = user.greeted_access_id or message.id
        if message.id > greeted or not user.is_first_message(message.id):
            return
        users.access_greeted(user.id, message.id)
        if user.verdict(parts.clock()).access is not Access.REACHABLE:
            return
        say, detail = Words.to(parts.texts, user), permission_detail(message.action)
        why = say(dashed("allowed-why", Permission.of(detail)), detail=clean_name(detail))
        text = say.greeting("allowed-hello", user.first_name, why=why)
        try:
            await parts.sender.send(user.id, text)
        except errors.RPCError as error:
            if answer_of(error) is Answer.LATER:
                raise
            log.info("user %d let the bot write but takes no message: %s", user.id, error_name(error))

    parts.client.add_event_handler(allowed, events.Raw(types.UpdateNewMessage))
