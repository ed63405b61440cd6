"""A bot's client without a wire: updates in, handlers in order, what they send kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from telethon import events, utils
from telethon._updates import EntityCache
from telethon.errors import RPCError
from telethon.tl import functions, types

from tgbot.handlers.evidence import seen_by
from tgbot.messaging.sender import Sender, error_name
from tgbot.store.registry import MemoryRegistry

BOT = 42
ANNA, BERT, ADMIN = 1001, 1002, 1009
NOW = 1_700_000_000


class Client:
    """Dispatches as Telethon does: one event a builder type, filters, handlers in order."""

    def __init__(self, users: MemoryRegistry) -> None:
        self.me = types.User(id=BOT, is_self=True, bot=True, username="ThisBot", first_name="Bot")
        self.parse_mode = None
        self.sent: list[tuple[int, str]] = []
        self.refusals: dict[int, Exception] = {}
        self.messages: dict[int, Any] = {}
        self.calls: list[Any] = []
        self.outcome: Callable[[Any, int, str | None], None] = lambda request, user_id, error: None
        self._mb_entity_cache = EntityCache()
        self._self_id = BOT
        self._handlers: list[tuple[Any, Any]] = []
        self._seen = seen_by(users, lambda: NOW)
        self._hashes: dict[int, int] = {}
        self._ids = 0

    # What handlers use of a client.

    def add_event_handler(self, callback: Any, builder: Any) -> None:
        self._handlers.append((callback, builder))

    def on(self, builder: Any) -> Callable[[Any], Any]:
        def register(callback: Any) -> Any:
            self.add_event_handler(callback, builder)
            return callback

        return register

    def list_event_handlers(self) -> list[tuple[Any, Any]]:
        return list(self._handlers)

    async def send_message(self, peer: Any, text: str, **options: Any) -> Any:
        assert text
        assert options.get("parse_mode") is None
        chat_id = utils.get_peer_id(peer)
        await self._refuse(functions.messages.SendMessageRequest(peer, text, random_id=1), chat_id)
        self.sent.append((chat_id, text))
        return text

    @staticmethod
    def build_reply_markup(buttons: Any) -> Any:
        return types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([buttons])])

    async def get_messages(self, entity: Any, ids: int) -> Any:
        return self.messages.get(ids)

    async def __call__(self, request: Any) -> Any:
        self.calls.append(request)
        await self._refuse(request, request.peer.user_id)
        return True

    @property
    def session(self) -> Any:
        return self

    def access_hash(self, marked_id: int) -> int | None:
        return self._hashes.get(marked_id)

    async def _refuse(self, request: Any, user_id: int) -> None:
        refusal = self.refusals.get(user_id)
        if user_id > 0:
            self.outcome(request, user_id, error_name(refusal) if isinstance(refusal, RPCError) else None)
        if refusal is not None:
            raise refusal

    # What a test does with one.

    async def deliver(self, update: Any, *entities: Any) -> None:
        """Handles one update that came with these users and chats."""
        full = [one for one in entities if isinstance(one, types.User) and not one.min]
        self._seen(full, "update")
        self._hashes.update({one.id: one.access_hash for one in full})
        known = {utils.get_peer_id(one): one for one in entities}
        update._entities = known
        built: dict[type, Any] = {}
        for callback, builder in self._handlers:
            await builder.resolve(self)
            kind = type(builder)
            if kind not in built:
                event = built[kind] = builder.build(update, [], self._self_id)
                if isinstance(event, events.common.EventCommon):
                    event._entities = known
                    event.original_update = update
                    event._set_client(self)
            event = built[kind]
            if not event:
                continue
            passed = builder.filter(event)
            if inspect.isawaitable(passed):
                passed = await passed
            if not passed:
                continue
            try:
                await callback(event)
            except events.StopPropagation:
                break

    async def says(self, person: Any, text: str, message_id: int = 0, **fields: Any) -> int:
        """A person (or a bot) sends a private message; returns its id."""
        self._ids = message_id or self._ids + 1
        fields.setdefault("date", at(NOW))
        message = types.Message(id=self._ids, peer_id=types.PeerUser(person.id), message=text, **fields)
        await self.deliver(types.UpdateNewMessage(message, 1, 1), person)
        return self._ids

    def said(self) -> list[str]:
        """What the bot said since this was asked last."""
        sent, self.sent = self.sent, []
        return [text for _, text in sent]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def person(user_id: int = ANNA, name: str = "Anna", **fields: Any) -> Any:
    fields.setdefault("access_hash", user_id * 7)
    return types.User(id=user_id, first_name=name, **fields)


def gate(client: Client, users: MemoryRegistry) -> Sender:
    sender = Sender(client, users, clock=lambda: NOW)
    client.outcome = sender.observe
    return sender
