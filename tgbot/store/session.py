"""The session of a bot: what Telethon asks of it, and what every place that keeps one does."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from telethon import utils
from telethon.tl import TLObject, types

from tgbot.core.ids import marked_channel, marked_chat
from tgbot.store.base import UpdateState
from tgbot.store.peerbook import PeerBook
from tgbot.store.peers import Peer, PeerChanges


class BotSession(PeerBook):
    """A Telethon session that keeps what it was given, through a kill or a power cut.

    The auth key and the data center are kept when the assignment returns, peers and usernames at the next
    checkpoint. Only a checkpoint writes update state. Subclasses are Telethon sessions, too, which hold the
    data center and the auth key.
    """

    #: The name of the place where it is kept, for errors.
    place: str
    # What Telethon's own session has.
    dc_id: int
    server_address: str
    port: int
    auth_key: Any  # Any: an AuthKey of Telethon, None for none
    set_dc: Callable[[int, str, int], None]
    close: Callable[[], None]

    # ---- what Telethon asks of a session -------------------------------------------------------

    def save(self) -> None:
        """Return at once: nothing is ever left uncommitted."""

    def set_update_state(self, entity_id: int, state: types.updates.State) -> None:
        """Return at once: only a checkpoint writes update state."""

    def process_entities(self, tlo: TLObject | Sequence[TLObject]) -> None:
        if isinstance(tlo, (types.User, types.Chat, types.Channel)):
            self.remember((tlo,))
        elif utils.is_list_like(tlo):
            self.remember(tlo)
        else:
            self.remember((*(getattr(tlo, "users", None) or ()), *(getattr(tlo, "chats", None) or ())))

    def get_entity_rows_by_id(self, id: int, exact: bool = True) -> tuple[int, int] | None:
        for marked in (id,) if exact else (id, marked_chat(id), marked_channel(id)):
            access_hash = self.access_hash(marked)
            if access_hash is not None:
                return marked, access_hash
        return None

    def get_entity_rows_by_username(self, username: str) -> tuple[int, int] | None:
        row = self.username(username)
        return None if row is None else self.get_entity_rows_by_id(row.marked_id)

    # ---- what a bot asks of it -----------------------------------------------------------------

    @abstractmethod
    def bot_id(self) -> int | None:
        """Return the id of the bot whose session this is; None if it never logged in."""

    @abstractmethod
    def set_bot_id(self, bot_id: int) -> None:
        """Store the id of the bot whose session this is; kept on return."""

    @abstractmethod
    def value(self, name: str) -> str | int | None:
        """Return a value stored with `set_value`, None if there is none."""

    @abstractmethod
    def set_value(self, name: str, value: str | int) -> None:
        """Store a value of this program that belongs to the auth key; kept on return."""

    @abstractmethod
    def bot_value(self, name: str) -> str | int | None:
        """Return a value stored with `set_bot_value`, None if there is none."""

    @abstractmethod
    def set_bot_value(self, name: str, value: str | int) -> None:
        """Store a value of this program that belongs to the bot, not to the key; kept on return."""

    @abstractmethod
    async def checkpoint(self, state: UpdateState | None) -> None:
        """Write changed peers, resolves, and the update state if one is given, all or nothing.

        Kept on return; the write runs in a thread. Raise a StorageError if it cannot be written: it is
        still in memory then, and the next checkpoint writes it.
        """

    @abstractmethod
    def update_state(self) -> UpdateState | None:
        """Return the update state that a checkpoint wrote last; None if there is none."""

    @abstractmethod
    def forget(self, marked_id: int) -> None:
        """Delete a peer, its access hash and usernames; nowhere kept on return, which may take a while.

        Raise a StorageError if they cannot be deleted; the peer stays known then.
        """

    async def put(self, peers: Mapping[int, Peer], *, unknown: bool = False) -> None:
        """Store peers out of a file in the place of those here; kept on return.

        A username that several of them have belongs to the one that was seen last. `unknown` says that this
        session has none of the peers, and nobody under their usernames.
        """
        owners: dict[str, int | None] = {
            name: marked for marked, peer in peers.items() for name in peer.names
        }
        if len(owners) < sum([len(peer.names) for peer in peers.values()]):
            for marked, peer in sorted(peers.items(), key=lambda item: item[1].seen):
                owners.update(dict.fromkeys(peer.names, marked))
        await self._write_peers(PeerChanges(dict(peers), owners, unknown=unknown))
        self._reread(peers)
        self._give_away(owners)

    @abstractmethod
    async def _write_peers(self, changes: PeerChanges) -> None:
        """Write these changes, outside of any checkpoint; kept on return."""
