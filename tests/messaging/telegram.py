"""The client that a Sender needs, in memory: it answers by user id, and reports each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from telethon.errors import RPCError
from telethon.tl import functions

from tests.store.memory import MemoryRegistry
from tgbot.core.users import Keep
from tgbot.messaging.outcomes import record_outcome
from tgbot.messaging.sender import Sender
from tgbot.telegram import BotClient, error_name

ANNA, BERT = 1001, 1002
NOW = 1_700_000_000


class Session:
    def access_hash(self, marked_id: int, /) -> int | None:
        return {ANNA: 77}.get(marked_id)


class Telegram:
    """Accepts every call about a user who has no entry in `refusals`."""

    def __init__(self) -> None:
        self.refusals: dict[int, RPCError] = {}
        self.calls: list[Any] = []
        #: User id and text of each message that was accepted.
        self.sent: list[tuple[int, str]] = []
        self.observe: Callable[[Any, int, str | None], None] = lambda request, user_id, error: None
        self.session = Session()

    async def __call__(self, request: Any) -> Any:
        self.calls.append(request)
        user_id = request.peer.user_id
        refusal = self.refusals.get(user_id)
        self.observe(request, user_id, None if refusal is None else error_name(refusal))
        if refusal is not None:
            raise refusal
        return True

    async def send_message(self, entity: Any, message: str, **options: Any) -> Any:
        answer = await self(functions.messages.SendMessageRequest(entity, message, random_id=1))
        self.sent.append((entity.user_id, message))
        return answer

    def said(self) -> list[str]:
        """Return the texts that were accepted since the last call of this."""
        sent, self.sent = self.sent, []
        return [text for _, text in sent]


def sender_on(telegram: Telegram, users: MemoryRegistry) -> Sender:
    """Return a Sender on this Telegram, whose outcomes are recorded."""
    telegram.observe = lambda request, user_id, error: record_outcome(
        users, Keep.ALL, request, user_id, error, NOW
    )
    return Sender(cast(BotClient, telegram), users, clock=lambda: NOW)
