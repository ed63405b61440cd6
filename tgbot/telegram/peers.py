"""The users and chats that Telegram names: kept by the session and the listener, found again for Telethon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telethon._updates.session import Entity, EntityType
from telethon.tl import types

from tgbot.core.ids import marked_channel
from tgbot.store.session import BotSession
from tgbot.telegram.hooks import Listener

#: How many users without a known access hash are remembered as having written to the bot.
MAX_HASHLESS = 10_000


class Peers:
    """Stand in for Telethon's entity cache. Keep only the bot's own id: the session owns the peers."""

    def __init__(self, session: BotSession, listener: Listener) -> None:
        self.self_id = 0
        self.self_bot: bool | None = None
        self._session = session
        self._listener = listener
        self._hashless: dict[int, None] = {}

    def set_self_user(self, id: int, bot: bool | None, hash: int | None) -> None:
        """Note whose account this is."""
        self.self_id = id
        self.self_bot = bot

    def remember(self, users: Sequence[types.TypeUser], chats: Sequence[types.TypeChat], source: str) -> None:
        """Hand users and chats to the session, and users to the listener; `source` says what brought them."""
        at = self._session.remember([*users, *chats] if chats else users)
        if users:
            self._listener.seen(users, source, at)

    def recall(self, entities: Mapping[int, types.TypeUser | types.TypeChat]) -> None:
        """Hand those of these users and chats, by marked id, to the session that it does not know."""
        self._session.remember([one for at, one in entities.items() if self._session.access_hash(at) is None])

    def wrote(self, user_id: int) -> None:
        """Note that a user wrote to the bot: an access hash of 0 is valid for them while none is known."""
        if self._session.access_hash(user_id) is None:
            self._hashless[user_id] = None
            if len(self._hashless) > MAX_HASHLESS:
                del self._hashless[next(iter(self._hashless))]

    def input_user(self, user_id: int) -> types.InputPeerUser | None:
        """Return a user as requests name them, None for an unknown one."""
        access_hash = self._session.access_hash(user_id)
        if access_hash is None and (access_hash := self._access_hash(user_id)) is None:
            return None
        return types.InputPeerUser(user_id, access_hash)

    def _access_hash(self, user_id: int) -> int | None:
        access_hash = self._session.access_hash(user_id)
        return 0 if access_hash is None and user_id in self._hashless else access_hash

    def get(self, id: int) -> Entity | None:
        """Return the user with this id, else the channel with this bare id, None for an unknown one."""
        access_hash = self._access_hash(id)
        if access_hash is not None:
            return Entity(EntityType.USER, id, access_hash)
        access_hash = self._session.access_hash(marked_channel(id))
        return None if access_hash is None else Entity(EntityType.CHANNEL, id, access_hash)

    def extend(self, users: object, chats: object) -> None:
        """Return at once, where Telethon adds to its cache: `remember` is given every user and chat."""
