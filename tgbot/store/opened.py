"""A store as the bot has it open, wherever it keeps things."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tgbot.store.base import Account, Broadcasts, ParkedUpdates, PlannedRuns, Store, UpdateState
from tgbot.store.registry import Registry
from tgbot.store.session import BotSession


class OpenStore(Store, Protocol):
    """All that the bot keeps: its session, its users, and what goes with them."""

    @property
    def session(self) -> BotSession:
        """The session: auth key, peers, and what belongs to them."""

    @property
    def users(self) -> Registry:
        """The registry of users."""

    @property
    def parked(self) -> ParkedUpdates:
        """The updates that could not be finished."""

    @property
    def planned(self) -> PlannedRuns:
        """What is planned for later moments."""

    @property
    def broadcasts(self) -> Broadcasts:
        """The broadcasts and their deliveries."""

    async def forget(self, user_id: int) -> None:
        """Delete all about a user, but a block that stands and which message was finished last.

        Nowhere kept on return, together with the access hash, usernames, parked updates, planned entries and
        deliveries. Raise a StorageError if that cannot be done.
        """

    def watch(self, path: Path) -> None:
        """Have checkpoints fail once another file of the bot was deleted or replaced."""

    def belongs_to(self, account: Account) -> None:
        """Note whose users these are."""

    def update_state(self) -> UpdateState | None:
        """Return the update state that a checkpoint wrote last; None if none has."""

    def close(self) -> None:
        """Close everything; what no checkpoint has written is dropped."""
