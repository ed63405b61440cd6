"""Sends that are ready as they are: those of work for many people, such as a broadcast."""

from __future__ import annotations

from collections.abc import Coroutine

from telethon.tl import TLObject, TLRequest

from tgbot.telegram.calls.call import Call, Caller
from tgbot.telegram.wire.link import Sender


class Direct:
    """Make requests past the entrance: their peers are resolved, and sends have their random_ids.

    They belong to no update, and are not among `Entrance.sends`: who makes them keeps a pace of its own.
    """

    def __init__(self, then: Caller, sender: Sender) -> None:
        self._then = then
        self._sender = sender

    def call(
        self, request: TLRequest, chat_id: int, *, flood_threshold: float = 0.0
    ) -> Coroutine[object, object, TLObject]:
        """Return Telegram's answer to a request about this chat, a marked id; raise its error.

        A flood wait longer than `flood_threshold` seconds is raised at once.
        """
        return self._then.call(Call(self._sender, request, chat_id, flood_threshold))
