"""Approve requests to join: what Telegram answers, and who is told what of it."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from typing import Final

from telethon import errors
from telethon.tl import functions, types

from tgbot.core.access import Access
from tgbot.core.ids import bare_id, is_channel, marked_channel
from tgbot.core.names import clean_name
from tgbot.handlers.migrations import Migrations
from tgbot.handlers.wording import Words, dashed
from tgbot.messaging.resolve import input_peer
from tgbot.plugins.parts import Parts
from tgbot.telegram import error_name
from tgbot.telegram.refusals import Answer, answer_of

log = logging.getLogger(__name__)

#: How many approvals are under way at a time; the others wait for their turn.
AT_ONCE: Final = 8


class Ending(StrEnum):
    """How Telegram answered an approval for good; a value ends the name of the text that tells it."""

    #: Who asked was let in.
    ADMITTED = "admitted"
    #: Somebody else answered the request, it was withdrawn, or the person is in the chat already.
    ANSWERED = "answered"
    #: The chat is gone, or the bot is no longer in it.
    GONE = "gone"
    #: The bot may not add users there.
    NO_RIGHT = "no_right"
    #: The person is in as many groups and channels as Telegram allows.
    TOO_MANY = "too_many"
    #: Telegram refuses for a reason that the bot does not know.
    REFUSED = "refused"


_ENDINGS: Final = {
    "HIDE_REQUESTER_MISSING": Ending.ANSWERED,
    "USER_ALREADY_PARTICIPANT": Ending.ANSWERED,
    "INPUT_USER_DEACTIVATED": Ending.ANSWERED,
    "CHANNEL_BANNED": Ending.GONE,
    "CHANNEL_ID_INVALID": Ending.GONE,
    "CHANNEL_INVALID": Ending.GONE,
    "CHANNEL_PRIVATE": Ending.GONE,
    "CHAT_FORBIDDEN": Ending.GONE,
    "CHAT_ID_INVALID": Ending.GONE,
    "CHAT_INVALID": Ending.GONE,
    "PEER_ID_INVALID": Ending.GONE,
    "USER_NOT_PARTICIPANT": Ending.GONE,
    "CHAT_ADMIN_INVITE_REQUIRED": Ending.NO_RIGHT,
    "CHAT_ADMIN_REQUIRED": Ending.NO_RIGHT,
    "CHAT_WRITE_FORBIDDEN": Ending.NO_RIGHT,
    "RIGHT_FORBIDDEN": Ending.NO_RIGHT,
    "CHANNELS_TOO_MUCH": Ending.TOO_MANY,
    "USER_CHANNELS_TOO_MUCH": Ending.TOO_MANY,
}
#: After these the request is open at Telegram still, for an admin to answer.
_LEFT_OPEN: Final = frozenset({Ending.NO_RIGHT, Ending.TOO_MANY, Ending.REFUSED})


class Admissions:
    """Approve open requests, each once at a time, and close those that Telegram answers for good."""

    def __init__(self, parts: Parts, migrations: Migrations) -> None:
        self._client = parts.client
        self._users = parts.users
        self._sender = parts.sender
        self._texts = parts.texts
        self._clock = parts.clock
        self._right_missing = parts.right_missing
        #: Which groups became supergroups.
        self.migrations = migrations
        #: The users and chats whose requests are being approved.
        self._under_way: set[tuple[int, int]] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def let_in(self, user_id: int, chat: int, title: str, *, query: int = 0, welcome: bool) -> None:
        """Approve a request that is open, and tell who asked if it failed, with `welcome` also if not.

        `query` is the number of Telegram's question about the request, 0 for none. Whatever Telegram answers
        for good closes the request here. Raise what passes: the request is open then, to be tried again.
        """
        if (user_id, chat) in self._under_way:
            return
        self._under_way.add((user_id, chat))
        try:
            async with self._turns:
                await self._let_in(user_id, chat, title, query, welcome)
        finally:
            self._under_way.discard((user_id, chat))

    async def _let_in(self, user_id: int, chat: int, title: str, query: int, welcome: bool) -> None:
        user = self._users.get(user_id)
        if user is None or chat in user.join_requests:
            ending = await self._approve(user_id, chat, query)
            self._note_right(chat, title, ending)
            if welcome if ending is Ending.ADMITTED else ending is not Ending.ANSWERED:
                await self.tell(user_id, dashed("join", ending), title)
            close = (
                self._users.join_request_dropped if ending in _LEFT_OPEN else self._users.join_request_closed
            )
            close(user_id, chat, int(self._clock()))

    async def tell(self, user_id: int, text: str, title: str, more: str = "") -> None:
        """Send a text about a chat to somebody whom the bot may write to, and `more` below it.

        Return also if Telegram refuses that; raise what passes.
        """
        user = self._users.get(user_id)
        if user is None or user.verdict(self._clock()).access is not Access.REACHABLE:
            return  # forgotten, blocked or answered in the meantime
        say, title = Words.to(self._texts, user), clean_name(title)
        chat = say("join-chat" if title else "join-a-chat", title=title)
        if text == "join-hello":
            words = say.greeting(text, user.first_name, chat=chat)
        else:
            words = say(text, chat=chat)
        try:
            await self._sender.send(user_id, f"{words}\n\n{say(more)}" if more else words)
        except errors.RPCError as error:
            if answer_of(error) is Answer.LATER:
                raise
            log.info("user %d asked to join but takes no message: %s", user_id, error_name(error))

    async def queue(self, query: int) -> None:
        """Answer Telegram's question about a request: an admin, or the bot later, decides."""
        await self._answer(query, types.JoinChatBotResultQueued())

    async def _answer(self, query: int, result: types.TypeJoinChatBotResult) -> bool:
        """Answer a query; return whether Telegram took the answer, which it does for ten seconds."""
        try:
            return bool(await self._client(functions.bots.SetJoinChatResultsRequest(query, result)))
        except errors.RPCError as error:
            if answer_of(error) is Answer.LATER:
                raise
            log.info("a question about a request to join is not answered: %s", error_name(error))
            return False

    async def _approve(self, user_id: int, chat: int, query: int) -> Ending:
        if query and await self._answer(query, types.JoinChatBotResultApproved()):
            return Ending.ADMITTED
        now = self.migrations.now(chat)
        name = await self._refusal(user_id, now)
        ending = _ENDINGS.get(name, Ending.REFUSED) if name else Ending.ADMITTED
        if ending is Ending.GONE and not is_channel(now) and (supergroup := await self._supergroup(now)):
            self.migrations.note(now, supergroup)
            return await self._approve(user_id, supergroup, 0)
        if name and ending is not Ending.ANSWERED:
            log.warning("the request of user %d to join %d cannot be approved: %s", user_id, now, name)
        return ending

    async def _refusal(self, user_id: int, chat: int) -> str:
        """Approve a request; return the name of Telegram's refusal, "" if it was approved."""
        session = self._client.session
        peer = input_peer(chat, session.access_hash(chat) or 0)
        user = types.InputUser(user_id, session.access_hash(user_id) or 0)
        try:
            await self._client(functions.messages.HideChatJoinRequestRequest(peer, user, approved=True))
        except errors.RPCError as error:
            if answer_of(error) is Answer.LATER:
                raise
            return error_name(error)
        return ""

    async def _supergroup(self, group: int) -> int | None:
        """Ask Telegram which supergroup a group became, None if it tells none."""
        try:
            answer = await self._client(functions.messages.GetChatsRequest([bare_id(group)]))
        except errors.RPCError as error:
            if answer_of(error) is Answer.LATER:
                raise
            return None
        found = (getattr(chat, "migrated_to", None) for chat in answer.chats)
        return next(
            (marked_channel(to.channel_id) for to in found if isinstance(to, types.InputChannel)), None
        )

    def _note_right(self, chat: int, title: str, ending: Ending) -> None:
        """Tell the admins, once a chat, that the bot lacks the right there; again if it had it in between."""
        session, name = self._client.session, f"no right in {chat}"
        told = bool(session.bot_value(name))
        if ending is Ending.NO_RIGHT and not told:
            self._right_missing(chat, title)
            session.set_bot_value(name, 1)
        elif ending is Ending.ADMITTED and told:
            session.set_bot_value(name, 0)
