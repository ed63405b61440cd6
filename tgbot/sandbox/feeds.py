"""Where updates go: into the accounts' logs, and past them to whoever is connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .accounts import Account
from .dialogs import Copy
from .logs import Entry

Changed = Callable[[int], None]
Passing = Callable[[int, Entry], None]


class Feeds:
    """Logs updates and tells the subscribers at once."""

    def __init__(self) -> None:
        self._changed: list[Changed] = []
        self._passing: list[Passing] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"_changed": [], "_passing": []}

    def subscribe(self, changed: Changed, passing: Passing | None = None) -> Callable[[], None]:
        """Registers both callbacks and returns how to end that."""
        self._changed.append(changed)
        if passing is not None:
            self._passing.append(passing)

        def end() -> None:
            self._changed.remove(changed)
            if passing is not None:
                self._passing.remove(passing)

        return end

    def told(self, account_id: int) -> None:
        """Tells the subscribers that an account's log has grown."""
        for callback in self._changed:
            callback(account_id)

    def log(self, account: Account, content: Copy | Any, pts_count: int = 1) -> None:
        """Logs an update that takes pts, and tells the subscribers."""
        account.log.add(content, pts_count)
        self.told(account.id)

    def log_bot(self, bot: Account, update: Any) -> None:
        """Logs an update that takes a qts, and tells the subscribers."""
        bot.log.add_bot(update)
        self.told(bot.id)

    def hand(self, account_id: int, update: Any) -> None:
        """Hands an update to the account's connected sessions; it is in no log."""
        for callback in self._passing:
            callback(account_id, Entry(update))
