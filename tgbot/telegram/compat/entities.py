"""Access hashes for Telethon: its entity cache, answered from the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from telethon._updates.entitycache import EntityCache
from telethon._updates.session import Entity, EntityType

_CHANNEL_MARK = -1_000_000_000_000
#: How many users without a known access hash are remembered as having written to the bot.
MAX_HASHLESS = 10_000


class AccessHashes(Protocol):
    """Keeps access hashes."""

    def access_hash(self, marked_id: int) -> int | None:
        """Return the access hash of a peer, None for an unknown one."""


class PeerCache(EntityCache):
    """Answers Telethon's look-ups of access hashes from the session. Keeps only the bot's own id itself."""

    self_id: int

    def __init__(self, session: AccessHashes) -> None:
        super().__init__()
        self._hashless: dict[int, None] = {}
        self._access_hash: Callable[[int], int | None] = session.access_hash

    def set_self_user(self, id: int, bot: bool | None, hash: int | None) -> None:
        self.self_id = id
        self.self_bot = bot

    def wrote(self, id: int) -> None:
        """Note that a user wrote to the bot: an access hash of 0 is valid for them while none is known."""
        if self._access_hash(id) is None:
            self._hashless[id] = None
            if len(self._hashless) > MAX_HASHLESS:
                del self._hashless[next(iter(self._hashless))]

    def get(self, id: int) -> Any:
        access_hash = self._access_hash(id)
        if access_hash is not None:
            return Entity(EntityType.USER, id, access_hash)
        if id in self._hashless:
            return Entity(EntityType.USER, id, 0)
        access_hash = self._access_hash(_CHANNEL_MARK - id)
        return None if access_hash is None else Entity(EntityType.CHANNEL, id, access_hash)

    def extend(self, users: Any, chats: Any) -> None:
        """Return at once: every user and chat that arrives is given to the session."""

    def put(self, entity: Any) -> None:
        """Return at once, as `extend`."""

    def retain(self, filter: Any) -> None:
        """Return at once: there is nothing to drop."""

    def __len__(self) -> int:
        return 0
