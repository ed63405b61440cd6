"""Access hashes for Telethon: its entity cache, read through to the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telethon._updates.entitycache import EntityCache
from telethon._updates.session import Entity, EntityType

from tgbot.store.sqlite.session import DurableSession

_CHANNEL_MARK = -1_000_000_000_000
#: Of how many users without access hash it is remembered that they wrote.
_HASHLESS_KEPT = 10_000


class PeerCache(EntityCache):
    """What Telethon asks for access hashes. Keeps nothing but who we are: the session owns the peers."""

    def __init__(self, session: DurableSession) -> None:
        super().__init__()
        self._hashless: dict[int, None] = {}
        self._access_hash: Callable[[int], int | None] = session.access_hash

    def set_self_user(self, id: int, bot: bool | None, hash: int | None) -> None:
        self.self_id = id
        self.self_bot = bot

    def wrote(self, id: int) -> None:
        """Note that a user wrote to us: where no access hash of theirs is known, 0 will do for a bot."""
        if self._access_hash(id) is None:
            self._hashless[id] = None
            if len(self._hashless) > _HASHLESS_KEPT:
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
