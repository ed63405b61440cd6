"""Requests to join a chat where the bot may add users: greeted in private, and answered as configured."""

from __future__ import annotations

import logging

from telethon import errors, events
from telethon.tl import functions, types

from tgbot.core.access import JOIN_REQUEST_SECONDS, Access, Evidence, Kind
from tgbot.core.ids import marked_channel, marked_chat, marked_id
from tgbot.core.names import clean_name
from tgbot.core.users import User, UserRegistry
from tgbot.handlers.evidence import seconds
from tgbot.handlers.wording import dashed, language_of
from tgbot.messaging.resolve import input_peer
from tgbot.plugins.parts import Approve, Parts
from tgbot.telegram import error_name
from tgbot.telegram.updates.events import entity_of

log = logging.getLogger(__name__)

#: The preference with a user's open requests: `<marked chat id>:<unix second>`, separated by spaces.
PENDING = "join_requests"
#: Open requests kept for each user, the latest ones.
_KEPT = 20
#: Errors that say that the request is no longer open.
_ANSWERED = frozenset({"HIDE_REQUESTER_MISSING", "USER_ALREADY_PARTICIPANT"})


class Requests:
    """The open requests of each user, kept with the user: which chat, and when they asked to join it."""

    def __init__(self, users: UserRegistry) -> None:
        self._users = users

    def of(self, user_id: int) -> dict[int, int]:
        """Return marked chat id → when the user asked to join it, the oldest first."""
        user = self._users.get(user_id)
        kept = user.preferences.get(PENDING, "") if user is not None else ""
        return {int(chat): int(at) for chat, at in (one.split(":") for one in kept.split())}

    def opened(self, user_id: int, chat: int, at: int) -> None:
        """Record that the user asked to join a chat."""
        found = self.of(user_id)
        at = max(at, found.pop(chat, 0))
        self._keep(user_id, dict(sorted((found | {chat: at}).items(), key=lambda one: one[1])[-_KEPT:]))

    def closed(self, user_id: int, chat: int, at: int) -> None:
        """Record that somebody answered the request: from then on it does not allow the bot to write."""
        found = self.of(user_id)
        asked = found.pop(chat, None)
        if asked is None or asked > at:
            return  # It is not known, or the user has asked again since.
        self._keep(user_id, found)
        if not any(other + JOIN_REQUEST_SECONDS > at for other in found.values()):
            self._users.record(user_id, Evidence(Kind.JOIN_REQUEST_CLOSED, at))

    def _keep(self, user_id: int, found: dict[int, int]) -> None:
        kept = " ".join(f"{chat}:{at}" for chat, at in found.items())
        self._users.prefer(user_id, PENDING, kept or None)


def register(parts: Parts) -> None:
    """Register handlers of requests, of their end, and with `Approve.AFTER_START` of requesters' messages.

    A request is greeted while the bot may write because of it: for five minutes, and until somebody answers
    it. It is greeted before it is approved, because the approval ends the permission.
    """
    client, users, sender, texts = parts.client, parts.users, parts.sender, parts.texts
    clock, approve = parts.clock, parts.approve
    requests = Requests(users)

    async def asked(update: types.UpdateBotChatInviteRequester) -> None:
        user_id, chat = update.user_id, marked_id(update.peer)
        # After a crash this may come again, and the request may be answered already: Telegram says so then.
        at = seconds(update.date, clock)
        requests.opened(user_id, chat, at)
        user = users.get(user_id)
        if user is None or user.bot:
            return
        title = clean_name(getattr(entity_of(update, chat), "title", ""))
        access = user.verdict(clock()).access
        started = access is Access.REACHABLE and user.record.last(Kind.MESSAGE, Kind.START) is not None
        way = Approve.ALWAYS if approve is Approve.AFTER_START and started else approve
        if at + JOIN_REQUEST_SECONDS > clock() and access is Access.REACHABLE:
            await greet(user, title, way)
        if way is Approve.ALWAYS:
            await admit(user_id, chat)

    async def greet(user: User, title: str, way: Approve) -> None:
        language, name = language_of(user), clean_name(user.first_name)
        chat = texts.render(language, "join-chat" if title else "join-a-chat", title=title)
        lines = (
            texts.render(language, "join-hello" if name else "join-hello-nameless", name=name, chat=chat),
            texts.render(language, dashed("join-next", way)),
        )
        try:
            await sender.send(user.id, "\n\n".join(lines))
        except errors.RPCError as error:
            log.info("user %d asked to join but takes no message: %s", user.id, error_name(error))

    async def admit(user_id: int, chat: int) -> bool:
        """Approve a request; return whether this let the user in."""
        peer = input_peer(chat, client.session.access_hash(chat) or 0)
        user = types.InputUser(user_id, client.session.access_hash(user_id) or 0)
        try:
            await client(functions.messages.HideChatJoinRequestRequest(peer, user, approved=True))
        except errors.RPCError as error:
            name = error_name(error)
            if name in _ANSWERED:
                requests.closed(user_id, chat, int(clock()))
            else:
                log.warning("the request of user %d to join %d cannot be approved: %s", user_id, chat, name)
            return False
        requests.closed(user_id, chat, int(clock()))
        return True

    async def changed(update: types.UpdateChannelParticipant | types.UpdateChatParticipant) -> None:
        if update.new_participant is not None:
            in_channel = type(update) is types.UpdateChannelParticipant
            chat = marked_channel(update.channel_id) if in_channel else marked_chat(update.chat_id)
            requests.closed(update.user_id, chat, seconds(update.date, clock))

    async def wrote(event: events.NewMessage.Event) -> None:
        user_id = event.message.peer_id.user_id
        admitted = [chat for chat in requests.of(user_id) if await admit(user_id, chat)]
        if admitted:
            text = texts.render(language_of(users.get(user_id)), "join-admitted", chats=len(admitted))
            await sender.answer(event, text)

    def has_asked(event: events.NewMessage.Event) -> bool:
        peer = event.message.peer_id
        user = users.get(peer.user_id) if type(peer) is types.PeerUser else None
        return user is not None and PENDING in user.preferences

    client.add_event_handler(asked, events.Raw(types.UpdateBotChatInviteRequester))
    client.add_event_handler(
        changed, events.Raw((types.UpdateChannelParticipant, types.UpdateChatParticipant))
    )
    if approve is Approve.AFTER_START:
        client.add_event_handler(wrote, events.NewMessage(incoming=True, func=has_asked))
