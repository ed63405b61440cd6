"""Requests to join a chat where the bot may add users: greeted in private, and answered as configured."""

from __future__ import annotations

import logging

from telethon import errors, events
from telethon.tl import functions, types

from tgbot.core.access import JOIN_REQUEST_SECONDS, Access, Kind
from tgbot.core.ids import marked_id
from tgbot.core.names import clean_name
from tgbot.handlers.evidence import seconds
from tgbot.handlers.greetings import Greeting, Greetings
from tgbot.handlers.wording import Words, dashed
from tgbot.messaging.resolve import input_peer
from tgbot.plugins.parts import Approve, Parts
from tgbot.telegram import error_name
from tgbot.telegram.refusals import Answer, answer_of
from tgbot.telegram.updates.events import entity_of

log = logging.getLogger(__name__)

#: Errors that say that the request is no longer open.
_ANSWERED = frozenset({"HIDE_REQUESTER_MISSING", "USER_ALREADY_PARTICIPANT"})


def register(parts: Parts) -> None:
    """Register handlers of requests, and with `Approve.AFTER_START` of requesters' messages.

    A request is greeted while the bot may write because of it: for five minutes, and until somebody answers
    it. It is greeted before it is approved, because the approval ends the permission. Greetings have a queue
    of their own: nobody waits behind them, not even who asked.
    """
    client, users, clock, approve = parts.client, parts.users, parts.clock, parts.approve
    greetings = Greetings(clock, client.spawn)

    async def asked(update: types.UpdateBotChatInviteRequester) -> None:
        user_id, chat = update.user_id, marked_id(update.peer)
        at = seconds(update.date, clock)
        user = users.get(user_id)
        if user is None or user.bot:
            return
        title = clean_name(getattr(entity_of(update, chat), "title", ""))
        access = user.verdict(clock()).access
        started = access is Access.REACHABLE and user.last_evidence(Kind.MESSAGE, Kind.START) is not None
        way = Approve.ALWAYS if approve is Approve.AFTER_START and started else approve
        until = at + JOIN_REQUEST_SECONDS

        async def answer(in_time: bool) -> None:
            if in_time:
                await greet(user_id, title, way)
            if way is Approve.ALWAYS:
                await admit(user_id, chat)

        if until > clock() and access is Access.REACHABLE:
            greetings.put(Greeting(until, client.hold("greeting"), answer))
        else:
            await answer(False)

    async def greet(user_id: int, title: str, way: Approve) -> None:
        user = users.get(user_id)
        if user is None or user.verdict(clock()).access is not Access.REACHABLE:
            return  # forgotten, blocked or answered while the greeting waited for its turn
        say = Words.to(parts.texts, user)
        chat = say("join-chat" if title else "join-a-chat", title=title)
        text = f"{say.greeting('join-hello', user.first_name, chat=chat)}\n\n{say(dashed('join-next', way))}"
        try:
            await parts.sender.send(user.id, text)
        except errors.RPCError as error:
            if answer_of(error) is Answer.LATER:
                raise
            log.info("user %d asked to join but takes no message: %s", user.id, error_name(error))

    async def admit(user_id: int, chat: int) -> bool:
        """Approve a request; return whether this let the user in."""
        peer = input_peer(chat, client.session.access_hash(chat) or 0)
        user = types.InputUser(user_id, client.session.access_hash(user_id) or 0)
        try:
            await client(functions.messages.HideChatJoinRequestRequest(peer, user, approved=True))
            admitted = True
        except errors.RPCError as error:
            if answer_of(error) is Answer.LATER:
                raise
            admitted, name = False, error_name(error)
            if name not in _ANSWERED:
                log.warning("the request of user %d to join %d cannot be approved: %s", user_id, chat, name)
                return False
        users.join_request_closed(user_id, chat, int(clock()))
        return admitted

    async def wrote(event: events.NewMessage.Event) -> None:
        user_id = event.message.peer_id.user_id
        user = users.get(user_id)
        asked = list(user.join_requests) if user is not None else []
        admitted = [chat for chat in asked if await admit(user_id, chat)]
        if admitted:
            say = Words.to(parts.texts, users.get(user_id))
            await parts.sender.answer(event, say("join-admitted", chats=len(admitted)))

    def has_asked(event: events.NewMessage.Event) -> bool:
        peer = event.message.peer_id
        user = users.get(peer.user_id) if type(peer) is types.PeerUser else None
        return user is not None and bool(user.join_requests)

    client.add_event_handler(asked, events.Raw(types.UpdateBotChatInviteRequester))
    if approve is Approve.AFTER_START:
        client.add_event_handler(wrote, events.NewMessage(incoming=True, func=has_asked))
