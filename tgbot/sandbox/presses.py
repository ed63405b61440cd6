"""Pressed inline buttons that wait for the bot's answer."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from telethon.tl import types

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
        bot = self._accounts[copy.post.sender]
        twin = copy if copy.owner < 0 else copy.twin(bot.id)
        if not bot.is_bot or twin is None:
            raise RpcError(400, "MESSAGE_ID_INVALID")
        query_id = self._random.getrandbits(62)
        later = Later(expires)
        self._queries[query_id] = _Query(bot.id, later)

        def over(_: object) -> None:
            self._queries.pop(query_id, None)

        later.then(over)
        # The same for all presses of all users in one dialog.
        instance = self._accounts.access_hash(bot.id, twin.peer, kind=b"instance")
        peer = peer_of(twin.peer)
        update = types.UpdateBotCallbackQuery(query_id, user.id, peer, twin.id, instance, data=data)
        self._feeds.hand(bot.id, update)
        return later

    def answer(self, bot: Account, query_id: int, answer: types.messages.BotCallbackAnswer) -> None:
        """Answer a query; raise QUERY_ID_INVALID if it is unknown, expired or of another bot."""
        query = self._queries.get(query_id)
        if query is None or query.bot != bot.id:
            raise RpcError(400, "QUERY_ID_INVALID")
        query.later.answer(answer)
