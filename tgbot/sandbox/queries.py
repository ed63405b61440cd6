"""Inline queries that wait for their bots' results, and the results, which people may send for a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from telethon.tl import TLObject, types

from .accounts import Account
from .feeds import Feeds
from .rpc import BOT_ANSWER_SECONDS, Later, RpcError

#: Seconds for which results may be sent.
_RESULT_SECONDS = 3600.0


@dataclass(slots=True)
class _Query:
    bot: int
    user: int
    later: Later
    #: What the bot would send for each result, by its id.
    results: dict[str, TLObject] = field(default_factory=dict)


class Queries:
    """Inline queries by id; a restart ends them."""

    def __init__(self, feeds: Feeds, random: Random, now: Callable[[], float]) -> None:
        self._feeds = feeds
        self._random = random
        self._now = now
        self._queries: dict[int, _Query] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_queries": {}}

    def ask(self, user: Account, bot: Account, query: str, offset: str, where: TLObject | None) -> Later:
        """Send the bot an inline query; return its future results."""
        if bot.profile is None or bot.profile.inline is None:
            raise RpcError(400, "BOT_INLINE_DISABLED")
        self._forget()
        later = Later(self._now() + BOT_ANSWER_SECONDS)
        query_id = self._random.getrandbits(62)
        self._queries[query_id] = _Query(bot.id, user.id, later)
        self._feeds.hand(
            bot.id, types.UpdateBotInlineQuery(query_id, user.id, query, offset, peer_type=where)
        )
        return later

    def answer(self, bot: Account, answer: types.messages.BotResults, results: dict[str, TLObject]) -> None:
        """Answer a query; raise QUERY_ID_INVALID if it is unknown, answered, late or of another bot."""
        query = self._queries.get(answer.query_id)
        if query is None or query.bot != bot.id or query.results or self._now() > query.later.expires:
            raise RpcError(400, "QUERY_ID_INVALID")
        query.results = results
        query.later.answer(answer)

    def result(self, user: Account, query_id: int, result_id: str) -> tuple[int, TLObject]:
        """Return the bot and what it would send; raise INLINE_RESULT_EXPIRED or RESULT_ID_INVALID."""
        query = self._queries.get(query_id)
        if query is None or query.user != user.id or not query.results:
            raise RpcError(400, "INLINE_RESULT_EXPIRED")
        if result_id not in query.results:
            raise RpcError(400, "RESULT_ID_INVALID")
        return query.bot, query.results[result_id]

    def _forget(self) -> None:
        end = self._now() - _RESULT_SECONDS
        self._queries = {name: query for name, query in self._queries.items() if query.later.expires > end}
