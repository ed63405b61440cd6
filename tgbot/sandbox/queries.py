"""Inline queries that wait for results, results that may be sent, and the messages made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .dialogs import Copy, Post
from .feeds import Feeds
from .rpc import BOT_ANSWER_SECONDS, Later, RpcError

#: Seconds for which results may be sent.
_RESULT_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Result:
    """A result of a bot: how apps show it, and the message that it becomes."""

    shown: TLObject
    text: str = field(repr=False)
    entities: list[TLObject] | None = field(default=None, repr=False)
    markup: TLObject | None = None
    media: TLObject | None = None
    #: Whether the text is below the media.
    inverted: bool = False


class Asked(NamedTuple):
    """A question to a bot: it has the same answer for as long as the bot lets it be kept."""

    bot: int
    query: str
    offset: str
    #: The one who asks, where results are personal; else 0.
    user: int


@dataclass(slots=True)
class _Query:
    user: int
    asked: Asked
    later: Later
    answer: types.messages.BotResults | None = None
    results: dict[str, Result] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Results that everybody, or one person, gets until a moment without asking the bot."""

    answer: types.messages.BotResults
    results: dict[str, Result]
    until: float


class Queries:
    """Inline queries by id; a restart ends them."""

    def __init__(
        self, accounts: Accounts, feeds: Feeds, random: Random, now: Callable[[], float], dc_id: int
    ) -> None:
        self._accounts = accounts
        self._feeds = feeds
        self._random = random
        self._now = now
        self._dc_id = dc_id
        self._queries: dict[int, _Query] = {}
        self._kept: dict[Asked, _Kept] = {}
        #: Messages that were made of results: (owner, message id of the sender or channel) → bot, post.
        self._sent: dict[tuple[int, int], tuple[int, Post]] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_queries": {}}

    def ask(
        self,
        user: Account,
        bot: Account,
        query: str,
        offset: str,
        where: TLObject | None,
        geo: TLObject | None = None,
    ) -> Later:
        """Send the bot an inline query, unless its results are kept; return the future results."""
        if bot.profile is None or bot.profile.inline is None:
            raise RpcError(400, "BOT_INLINE_DISABLED")
        self._forget()
        later = Later(self._now() + BOT_ANSWER_SECONDS)
        query_id = self._random.getrandbits(62)
        asked = Asked(bot.id, query, offset, user.id)
        waiting = self._queries[query_id] = _Query(user.id, asked, later)
        kept = self._kept.get(asked) or self._kept.get(asked._replace(user=0))
        if kept is not None:
            self._settle(query_id, waiting, kept.answer, kept.results)
            return later
        update = types.UpdateBotInlineQuery(query_id, user.id, query, offset, geo=geo, peer_type=where)
        self._feeds.hand(bot.id, update)
        return later

    def answer(
        self,
        bot: Account,
        query_id: int,
        answer: types.messages.BotResults,
        results: dict[str, Result],
        *,
        private: bool = False,
    ) -> None:
        """Answer a query; raise QUERY_ID_INVALID if it is unknown, answered, late or of another bot.

        The results are kept for the answer's `cache_time`, if they are not `private` for everybody.
        """
        query = self._queries.get(query_id)
        over = query is None or query.answer is not None or self._now() > query.later.expires
        if query is None or over or query.asked.bot != bot.id:
            raise RpcError(400, "QUERY_ID_INVALID")
        if answer.cache_time > 0:
            asked = query.asked if private else query.asked._replace(user=0)
            self._kept[asked] = _Kept(answer, results, self._now() + answer.cache_time)
        self._settle(query_id, query, answer, results)

    def _settle(
        self, query_id: int, query: _Query, answer: types.messages.BotResults, results: dict[str, Result]
    ) -> None:
        given = vars(answer) | {"query_id": query_id}
        query.answer = types.messages.BotResults(**given)
        query.results = results
        query.later.answer(query.answer)

    def result(self, user: Account, query_id: int, result_id: str) -> tuple[Account, str, Result]:
        """Return bot, query and result; raise INLINE_RESULT_EXPIRED or RESULT_ID_INVALID."""
        query = self._queries.get(query_id)
        if query is None or query.user != user.id or query.answer is None:
            raise RpcError(400, "INLINE_RESULT_EXPIRED")
        if result_id not in query.results:
            raise RpcError(400, "RESULT_ID_INVALID")
        return self._accounts[query.asked.bot], query.asked.query, query.results[result_id]

    def _forget(self) -> None:
        now = self._now()
        end = now - _RESULT_SECONDS
        self._queries = {name: query for name, query in self._queries.items() if query.later.expires > end}
        self._kept = {asked: kept for asked, kept in self._kept.items() if kept.until > now}

    # -- the messages that were made of results

    def chosen(self, user: Account, bot: Account, query: str, result_id: str, copy: Copy) -> None:
        """Note the message that a result has become; tell a bot that wants to know what was chosen."""
        post = copy.post
        owner = copy.owner if copy.owner > 0 else copy.peer
        access = self._accounts.access_hash(bot.id, copy.id, kind=b"inline %d" % owner)
        post.inline = types.InputBotInlineMessageID64(self._dc_id, owner, copy.id, access)
        self._sent[owner, copy.id] = bot.id, post
        if bot.profile is not None and bot.profile.inline_feedback:
            named = post.inline if post.markup is not None else None
            self._feeds.hand(bot.id, types.UpdateBotInlineSend(user.id, query, result_id, msg_id=named))

    def message(self, bot: Account, given: TLObject) -> Copy:
        """Return the message of a result by the id that its bot knows; raise MESSAGE_ID_INVALID."""
        if isinstance(given, types.InputBotInlineMessageID64):
            owner, post = self._sent.get((given.owner_id, given.id), (0, None))
            name = post.inline if post is not None and owner == bot.id else None
            if post is not None and name is not None and name.access_hash == given.access_hash:
                left = [copy for copy in post.copies if not copy.deleted]
                if left:
                    return left[0]
        raise RpcError(400, "MESSAGE_ID_INVALID")
