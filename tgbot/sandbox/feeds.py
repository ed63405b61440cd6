"""Where updates go: into the logs of accounts, or only to the connected sessions."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from telethon.tl import TLObject

from .accounts import Account
from .dialogs import Copy
from .logs import Entry

Changed = Callable[[int], None]
Passing = Callable[[int, Entry], None]


class UpdatesTo(StrEnum):
    """To which of a bot's connected sessions an update is pushed, of one auth key or of several."""

    #: To each of them, as to the devices of a user.
    ALL = "all"
    #: To the one that made the last call.
    LAST = "last"
    #: To any one of them.
    RANDOM = "random"


class Feeds:
    """Log updates and notify the subscribers at once."""

    def __init__(self) -> None:
        self._changed: list[Changed] = []
        self._passing: list[Passing] = []

    def __getstate__(self) -> dict[str, object]:
        return {"_changed": [], "_passing": []}

    def subscribe(self, changed: Changed, passing: Passing | None = None) -> Callable[[], None]:
        """Register both callbacks; return the function that removes them."""
        self._changed.append(changed)
        if passing is not None:
            self._passing.append(passing)

        def end() -> None:
            self._changed.remove(changed)
            if passing is not None:
                self._passing.remove(passing)

        return end

    def notify(self, account_id: int) -> None:
        """Notify the subscribers that an account's log has grown."""
        for callback in self._changed:
            callback(account_id)

    def log(self, account: Account, content: Copy | TLObject, pts_count: int = 1) -> None:
        """Log an update that takes pts, and notify the subscribers."""
        account.log.add(content, pts_count)
        self.notify(account.id)

    def log_bot(self, bot: Account, update: TLObject) -> None:
        """Log an update that takes a qts, and notify the subscribers."""
        bot.log.add_bot(update)
        self.notify(bot.id)

    def hand(self, account_id: int, update: TLObject, *, own: bool = False) -> None:
        """Send an update to the account's connected sessions without logging it.

        With `own`, the session that is calling does not get it: it has it in the answer to its call.
        """
        for callback in self._passing:
            callback(account_id, Entry(update, own=own))
