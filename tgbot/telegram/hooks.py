"""What the client reports about users, updates and requests, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from telethon.tl import TLRequest, types

#: Why updates are lost.
LOSSES: Final = ("difference_too_long", "difference_refused", "unreadable", "hole")


class Listener(Protocol):
    """Keep the users of the bot. No method may block."""

    def seen(self, users: Sequence[types.TypeUser], source: str, at: int) -> None:
        """Take in users as Telegram named them at `at`, in unix seconds: also min ones, and the bot itself.

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

    def lost(self, what: str, count: int = 0) -> None:
        """Note that updates are lost, `count` of them where that is known (0: it is not).

        `what` is one of LOSSES; "poison" stands for updates that are not lost but parked, because the process
        died twice while they were handled.
        """
