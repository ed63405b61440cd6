"""The connection to Telegram: never given up, dead links noticed, outages said once."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

from telethon.network import ConnectionTcpFull
from telethon.network.mtprotosender import MTProtoSender

logger = logging.getLogger(__name__)

#: The longest pause between two attempts to connect, in seconds.
LONGEST_PAUSE = 10.0
_FIRST_PAUSE = 0.25
#: After how long without an answer from the other side TCP gives a link up, in milliseconds.
_DEAD_AFTER_MS = 10_000


class BotConnection(ConnectionTcpFull):
    """Telethon's full transport on a socket that notices a half-open link within ten seconds or so."""

    async def _connect(self, timeout: float | None = None, ssl: Any = None) -> None:  # noqa: ASYNC109 - Telethon's signature
        await super()._connect(timeout=timeout, ssl=ssl)
        sock = self._writer.get_extra_info("socket")
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Not every system has these; without them Telethon's own pings notice, only later.
        for name, value in (
            ("TCP_USER_TIMEOUT", _DEAD_AFTER_MS),
            ("TCP_KEEPIDLE", 5),
            ("TCP_KEEPINTVL", 3),
            ("TCP_KEEPCNT", 2),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class BotSender(MTProtoSender):
    """Telethon's sender, which tries for ever with growing pauses and tells when the link goes and comes."""

    def __init__(
        self,
        *args: Any,
        on_down: Callable[[], None],
        on_up: Callable[[], None],
        on_lost: Callable[[], None],
        **kwargs: Any,
    ):
        self._failures = 0
        self._said_down = False
        self._on_down = on_down
        self._on_up = on_up
        self._on_lost = on_lost
        super().__init__(*args, **kwargs)

    @property
    def _delay(self) -> float:
        """How long Telethon is to pause before its next attempt."""
        self._failures += 1
        return min(LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(self._failures - 1, 10)))

    @_delay.setter
    def _delay(self, value: float) -> None:
        """Ignore the fixed pause that Telethon's constructor sets."""

    async def _try_connect(self, attempt: int) -> bool:
        ok: bool = await super()._try_connect(attempt)
        if not ok and not self._said_down:
            self._said_down = True
            logger.warning("no connection to %s; trying on, with pauses of up to %d s",
                           self._connection, LONGEST_PAUSE)  # fmt: skip
        return ok

    async def _connect(self) -> None:
        await super()._connect()
        self._failures = 0
        if self._said_down:
            self._said_down = False
            logger.warning("connected to %s again", self._connection)
        self._on_up()

    async def _disconnect(self, error: BaseException | None = None) -> None:
        self._on_down()
        self._on_lost()  # what waits for an answer now gets none
        await super()._disconnect(error)

    def _start_reconnect(self, error: BaseException | None) -> None:
        self._on_down()
        super()._start_reconnect(error)
