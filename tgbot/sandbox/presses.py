"""Pressed inline buttons that wait for the bot's answer."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .dialogs import Copy, peer_of
from .feeds import Feeds
from .rpc import Later, RpcError


@dataclass(slots=True)
class _Query:
    bot: int
    later: Later


class Presses:
    """Callback queries by id, until they are answered or expire; a restart ends them."""

    def __init__(self, accounts: Accounts, feeds: Feeds, random: Random) -> None:
        self._accounts = accounts
        self._feeds = feeds
        self._random = random
        self._queries: dict[int, _Query] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_queries": {}}

    def press(self, user: Account, copy: Copy, data: bytes, expires: float) -> Later:
        """Send the bot a callback query; return its future answer."""
        via = (copy.post.extras or {}).get("via_bot_id")
        bot = self._accounts.get(via or copy.post.sender)
        if bot is None or not bot.is_bot:
            raise RpcError(400, "MESSAGE_ID_INVALID")
        update = self._update(user, copy, bot, data)
        query_id = self._random.getrandbits(62)
        later = Later(expires)
        self._queries[query_id] = _Query(bot.id, later)

        def over(_: object) -> None:
            self._queries.pop(query_id, None)

        later.then(over)
        update.query_id = query_id
        self._feeds.hand(bot.id, update)
        return later

    def _update(self, user: Account, copy: Copy, bot: Account, data: bytes) -> TLObject:
        """Build the update about a press, without its id: of a message of the bot, or of an inline result."""
        inline = copy.post.inline
        if inline is not None:
            instance = self._accounts.access_hash(bot.id, inline.owner_id, kind=b"instance")
            return types.UpdateInlineBotCallbackQuery(0, user.id, inline, instance, data=data)
        twin = copy if copy.owner < 0 else copy.twin(bot.id)
        if twin is None:
            raise RpcError(400, "MESSAGE_ID_INVALID")
        # The same for all presses of all users in one dialog.
        instance = self._accounts.access_hash(bot.id, twin.peer, kind=b"instance")
        return types.UpdateBotCallbackQuery(0, user.id, peer_of(twin.peer), twin.id, instance, data=data)

    def answer(self, bot: Account, query_id: int, answer: types.messages.BotCallbackAnswer) -> None:
        """Answer a query; raise QUERY_ID_INVALID if it is unknown, expired or of another bot."""
        query = self._queries.get(query_id)
        if query is None or query.bot != bot.id:
            raise RpcError(400, "QUERY_ID_INVALID")
        query.later.answer(answer)
