"""Requests to join a chat where the bot may add users: greeted in private, and answered as configured."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Literal

from telethon import errors, events, utils
from telethon.tl import functions, types

from tgbot.core.access import JOIN_REQUEST_SECONDS, Access, Evidence, Kind
from tgbot.core.users import User, UserRegistry
from tgbot.handlers.wording import language_of, shown
from tgbot.locales.texts import Texts
from tgbot.messaging.resolve import input_peer
from tgbot.messaging.sender import Sender, error_name

log = logging.getLogger(__name__)

Approve = Literal["never", "always", "after_start"]

#: The preference under which a user's open requests are kept: `<marked chat id>:<second>`, by spaces.
PENDING = "join_requests"
#: So many open requests of a user are kept, the latest ones.
_KEPT = 20
#: Somebody else answered the request, or the user is in already.
_ANSWERED = frozenset({"HIDE_REQUESTER_MISSING", "USER_ALREADY_PARTICIPANT"})


class Requests:
    """The open requests of each user, kept with the user: which chat, and when they asked."""

    def __init__(self, users: UserRegistry) -> None:
        self._users = users

    def of(self, user_id: int) -> dict[int, int]:
        """Marked chat id → when they asked, the oldest first."""
        user = self._users.get(user_id)
        told = user.preferences.get(PENDING, "") if user is not None else ""
        return {int(chat): int(at) for chat, at in (one.split(":") for one in told.split())}

    def opened(self, user_id: int, chat: int, at: int) -> None:
        """The user asked to join."""
        found = self.of(user_id)
        at = max(at, found.pop(chat, 0))
        self._keep(user_id, dict(sorted((found | {chat: at}).items(), key=lambda one: one[1])[-_KEPT:]))

    def closed(self, user_id: int, chat: int, at: int) -> None:
        """The request was answered by anybody: it is no reason to write any more."""
        found = self.of(user_id)
        asked = found.pop(chat, None)
        if asked is None or asked > at:
            return  # Not known, or they have asked again since.
        self._keep(user_id, found)
        if not any(other + JOIN_REQUEST_SECONDS > at for other in found.values()):
            self._users.record(user_id, Evidence(Kind.JOIN_REQUEST_CLOSED, at))

    def _keep(self, user_id: int, found: dict[int, int]) -> None:
        told = " ".join(f"{chat}:{at}" for chat, at in found.items())
        self._users.prefer(user_id, PENDING, told or None)


def register(
    client: Any,
    *,
    users: UserRegistry,
    sender: Sender,
    texts: Texts,
    approve: Approve = "never",
    clock: Callable[[], float] = time.time,
    **_: Any,
) -> None:
    """Registers handlers of requests, of their end, and with `after_start` of what requesters write.

    A request is greeted while its window is open: five minutes, and not after somebody answered it. It is
    greeted before it is approved, because the approval ends the permission.
    """
    requests = Requests(users)

    async def asked(update: Any) -> None:
        user_id, chat = update.user_id, utils.get_peer_id(update.peer)
        # What came after a crash for the second time may have been answered in between; Telegram will tell.
        at = int(update.date.timestamp()) if update.date is not None else int(clock())
        requests.opened(user_id, chat, at)
        user = users.get(user_id)
        if user is None or user.bot:
            return
        title = shown(getattr(update._entities.get(chat), "title", ""))
        access = user.verdict(clock()).access
        started = access is Access.REACHABLE and user.record.last(Kind.MESSAGE, Kind.START) is not None
        way = "always" if approve == "after_start" and started else approve
        if at + JOIN_REQUEST_SECONDS > clock() and access is Access.REACHABLE:
            await greet(user, title, way)
        if way == "always":
            await admit(user_id, chat)

    async def greet(user: User, title: str, way: Approve) -> None:
        language, name = language_of(user), shown(user.first_name)
        chat = (
            texts.render(language, "join-chat", title=title)
            if title
            else texts.render(language, "join-a-chat")
        )
        lines = (
            texts.render(language, "join-hello" if name else "join-hello-nameless", name=name, chat=chat),
            texts.render(language, f"join-next-{way.replace('_', '-')}"),
        )
        try:
            await sender.send(user.id, "\n\n".join(lines))
        except errors.RPCError as error:
            log.info("user %d asked to join and takes no message: %s", user.id, error_name(error))

    async def admit(user_id: int, chat: int) -> bool:
        """Approves; True if the user is in by this."""
        peer = input_peer(chat, client.session.access_hash(chat) or 0)
        user = types.InputUser(user_id, client.session.access_hash(user_id) or 0)
        try:
            await client(functions.messages.HideChatJoinRequestRequest(peer, user, approved=True))
        except errors.RPCError as error:
            name = error_name(error)
            if name in _ANSWERED:
                requests.closed(user_id, chat, int(clock()))
            else:
                log.warning("the request of user %d to join %d is not approved: %s", user_id, chat, name)
            return False
        requests.closed(user_id, chat, int(clock()))
        return True

    async def changed(update: Any) -> None:
        if update.new_participant is not None:
            chat = getattr(update, "chat_id", None)
            peer = types.PeerChannel(update.channel_id) if chat is None else types.PeerChat(chat)
            at = int(update.date.timestamp()) if update.date is not None else int(clock())
            requests.closed(update.user_id, utils.get_peer_id(peer), at)

    async def wrote(event: Any) -> None:
        user_id = event.message.peer_id.user_id
        admitted = [chat for chat in requests.of(user_id) if await admit(user_id, chat)]
        if admitted:
            text = texts.render(language_of(users.get(user_id)), "join-admitted", chats=len(admitted))
            await sender.answer(event, text)

    def has_asked(event: Any) -> bool:
        peer = event.message.peer_id
        user = users.get(peer.user_id) if type(peer) is types.PeerUser else None
        return user is not None and PENDING in user.preferences

    client.add_event_handler(asked, events.Raw(types.UpdateBotChatInviteRequester))
    client.add_event_handler(
        changed, events.Raw((types.UpdateChannelParticipant, types.UpdateChatParticipant))
    )
    if approve == "after_start":
        client.add_event_handler(wrote, events.NewMessage(incoming=True, func=has_asked))
