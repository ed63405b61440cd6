"""What the client reports about users, updates and requests, and to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from telethon.tl import TLRequest, types


class Listener(Protocol):
    """Keep the users of the bot. No method may block."""

    def seen(self, users: Sequence[types.User], source: str) -> None:
        """Take in users as Telegram describes them now, never min ones and never the bot itself.

        `source` is "update", "difference", or the name of the request whose answer named them.
        """

    def finished(self, chat_id: int, message_id: int) -> None:
        """Note that the handlers are done with a private message."""

    def last_finished(self, chat_id: int) -> int:
        """Return the greatest message id that `finished` was called with for a chat, 0 for none."""

    def outcome(self, request: TLRequest, user_id: int, error_name: str | None, at: int) -> None:
        """Note how a request about a private user ended: None, or the name of Telegram's refusal.

        `at` is Telegram's time when the request was sent, in unix seconds.
        """

    def lost(self, what: str) -> None:
        """Note that updates are lost; `what` is "difference_too_long" or "difference_refused"."""


class ServerTime(Protocol):
    """Telegram's clock, learned from what Telegram sends."""

    def __call__(self) -> int:
        """Return Telegram's time in unix seconds."""

    def note(self, date: datetime | None) -> None:
        """Learn from a date that Telegram gave for the present; None is ignored."""

    def note_unix(self, seconds: float) -> None:
        """Learn from unix seconds that Telegram gave for the present."""


class Losses:
    """Count losses and report them to the listener."""

    def __init__(self, listener: Listener) -> None:
        #: How often updates were lost since the start, by the reason.
        self.counts: Counter[str] = Counter()
        self._listener = listener

    def lost(self, what: str) -> None:
        """Note that updates are lost."""
        self.counts[what] += 1
        self._listener.lost(what)
