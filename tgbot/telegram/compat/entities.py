"""Access hashes for Telethon: what it asks of its entity cache, answered from the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from telethon.tl import types

_CHANNEL_MARK = -1_000_000_000_000
#: How many users without a known access hash are remembered as having written to the bot.
MAX_HASHLESS = 10_000


class AccessHashes(Protocol):
    """Keep access hashes."""

    def access_hash(self, marked_id: int) -> int | None:
        """Return the access hash of a peer, None for an unknown one."""


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """A user or channel with its access hash; a bare id, as Telethon's cache has it."""

    id: int
    hash: int
    is_channel: bool

    def _as_input_peer(self) -> types.TypeInputPeer:
        """Return the input peer, for Telethon."""
        kind = types.InputPeerChannel if self.is_channel else types.InputPeerUser
        return kind(self.id, self.hash)


class PeerCache:
    """Stand in for Telethon's entity cache. Keep only the bot's own id: the session owns the peers."""

    def __init__(self, session: AccessHashes) -> None:
        self.self_id = 0
        self.self_bot: bool | None = None
        self._hashless: dict[int, None] = {}
        self._access_hash = session.access_hash

    def set_self_user(self, id: int, bot: bool | None, hash: int | None) -> None:
        """Note whose account this is."""
        self.self_id = id
        self.self_bot = bot

    def wrote(self, id: int) -> None:
        """Note that a user wrote to the bot: an access hash of 0 is valid for them while none is known."""
        if self._access_hash(id) is None:
            self._hashless[id] = None
            if len(self._hashless) > MAX_HASHLESS:
                del self._hashless[next(iter(self._hashless))]

    def get(self, id: int) -> KnownPeer | None:
        """Return the user with this id, else the channel with this bare id, None for an unknown one."""
        access_hash = self._access_hash(id)
        if access_hash is not None:
            return KnownPeer(id, access_hash, is_channel=False)
        if id in self._hashless:
            return KnownPeer(id, 0, is_channel=False)
        access_hash = self._access_hash(_CHANNEL_MARK - id)
        return None if access_hash is None else KnownPeer(id, access_hash, is_channel=True)

    def extend(self, users: object, chats: object) -> None:
        """Return at once: every user and chat that arrives is given to the session."""
