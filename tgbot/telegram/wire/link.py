"""The link to Telegram and its state: never given up, dead links noticed, one warning for each outage."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from telethon.errors import InvalidChecksumError
from telethon.network import ConnectionTcpFull
from telethon.network.mtprotosender import MTProtoSender

from tgbot.core.clock import ServerClock

logger = logging.getLogger(__name__)

#: The longest pause between two attempts to connect, in seconds.
LONGEST_PAUSE = 10.0
#: The pause before the second attempt, in seconds; each further one is twice as long.
_FIRST_PAUSE = 0.25
#: How long TCP waits for an acknowledgement before it gives the link up, in milliseconds.
_DEAD_AFTER_MS = 10_000
#: Whether the running task is one that connects and logs in: its requests do not wait for the login.
making_login: ContextVar[bool] = ContextVar("making_login", default=False)


class UpClock:
    """Seconds during which the connection was up: stands still while it is down."""

    def __init__(self) -> None:
        self._counted = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        if self._since is None:
            return self._counted
        return self._counted + time.monotonic() - self._since

    @property
    def running(self) -> bool:
        return self._since is not None

    def start(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    def stop(self) -> None:
        self._counted = self()
        self._since = None


class LinkState:
    """Whether there is a link, and whether Telegram takes requests over it."""

    def __init__(self) -> None:
        #: Runs while the link is up.
        self.up = UpClock()
        #: Whether the MTProto session is one in which no request has named our layer yet.
        self.fresh_session = False
        #: Set while the bot is connected and logged in.
        self.ready = asyncio.Event()
        #: Set when Telegram ended the login, until it is made again.
        self.login_ended = asyncio.Event()
        #: Whether the bot has stopped: nothing is connected any more.
        self.closed = False
        #: How many links were made: tells whether the link of now is the one that a request went over.
        self.links = 0
        #: Ends the link and makes a fresh one; set by the sender.
        self.end_link: Callable[[], None] = lambda: None

    def renew(self, reason: str) -> None:
        """Close the link and make a fresh one at once; what is unanswered goes again over that one.

        Do nothing while there is no link: one is being made. `reason` is for the log: no text of others'.
        """
        if self.up.running and not self.closed:
            logger.info("making a fresh link to Telegram: %s", reason)
            self.end_link()

    def link_lost(self) -> None:
        """Note that there is no link, that Telethon gave up, and that open requests stay unanswered."""
        self.up.stop()
        self.ready.clear()

    def end_login(self) -> None:
        """Note that Telegram no longer knows the login."""
        self.ready.clear()
        self.login_ended.set()

    def logged_in(self) -> None:
        """Note that Telegram takes requests from now on."""
        self.login_ended.clear()
        self.ready.set()


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """A logger of Telethon's without its warnings of every attempt; `BotSender` warns once an outage."""

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.info(msg, *args, **kwargs)


class _QuietLoggers(dict[str, _Quiet]):
    """The loggers of Telethon's modules, by the name of the module."""

    def __missing__(self, name: str) -> _Quiet:
        return _Quiet(logging.getLogger(name), {})


class BotConnection(ConnectionTcpFull):
    """Telethon's full transport on a socket that notices a half-open link within about ten seconds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log: Any = _Quiet(self._log, {})

    async def _connect(self, timeout: float | None = None, ssl: Any = None) -> None:  # noqa: ASYNC109 - Telethon's signature
        await super()._connect(timeout=timeout, ssl=ssl)
        # Telethon keeps the queues, and an unread error of the previous link would end this one at once.
        self._recv_queue: Any = asyncio.Queue(1)
        self._send_queue: Any = asyncio.Queue(1)
        sock = self._writer.get_extra_info("socket")
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Not every system has these. Without them only the pings notice a dead link.
        for name, value in (
            ("TCP_USER_TIMEOUT", _DEAD_AFTER_MS),
            ("TCP_KEEPIDLE", 5),
            ("TCP_KEEPINTVL", 3),
            ("TCP_KEEPCNT", 2),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def abort(self) -> None:
        """Close the socket at once, without waiting until the other side has taken what was sent."""
        if self._writer is not None:
            self._writer.transport.abort()

    def _send(self, data: bytes) -> None:
        try:
            super()._send(data)
        except RuntimeError as error:
            # uvloop raises this where a transport is closed. Telethon only expects what asyncio raises.
            raise ConnectionResetError(str(error)) from error


class BotSender(MTProtoSender):
    """Telethon's sender, which never stops trying, with growing pauses, and keeps `state` up to date.

    A link that ends before anything arrived over it is a failed attempt.
    """

    def __init__(
        self,
        auth_key: Any,  # Any: an AuthKey, None before there is one
        *,
        state: LinkState,
        server_time: ServerClock,
        **options: Any,  # Any: what MTProtoSender takes
    ) -> None:
        #: Attempts that failed since the last link.
        self._failures = 0
        #: Whether nothing has arrived over this link yet.
        self._fruitless = False
        self._link_state = state
        self._server_time = server_time
        super().__init__(auth_key, loggers=_QuietLoggers(), **options)
        state.end_link = self._end_link

    @property
    def _delay(self) -> float:
        """How long Telethon pauses before its next attempt, in seconds."""
        self._failures += 1
        if self._failures == 1:
            logger.warning("no connection to %s; retrying, with pauses of up to %d s",
                           self._connection, LONGEST_PAUSE)  # fmt: skip
        return min(LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(self._failures - 1, 10)))

    @_delay.setter
    def _delay(self, value: float) -> None:
        """Ignore the fixed pause that Telethon's constructor sets."""

    async def _connect(self) -> None:
        if self._fruitless:
            await asyncio.sleep(self._delay)
        self._fruitless = True
        await super()._connect()
        self._process_message = self._process_first_message
        self._link_state.links += 1
        self._link_state.up.start()

    async def _try_gen_auth_key(self, attempt: int) -> Any:
        try:
            return await super()._try_gen_auth_key(attempt)
        except (asyncio.IncompleteReadError, BufferError, InvalidChecksumError) as error:
            # The link ended during the key exchange, where Telethon only expects an OSError.
            raise ConnectionResetError(str(error)) from error

    async def _process_first_message(self, message: Any) -> None:  # Any: a TLMessage
        del self._process_message  # the class's own method from now on, at no further cost
        self._server_time.note_unix(message.msg_id / 2**32)  # the upper half is unix seconds
        self._fruitless = False
        if self._failures:
            self._failures = 0
            logger.warning("connected to %s again", self._connection)
        await self._process_message(message)

    async def _disconnect(self, error: BaseException | None = None) -> None:
        self._link_state.link_lost()
        await super()._disconnect(error)

    def _end_link(self) -> None:
        self._start_reconnect(None)
        self._connection.abort()

    def _start_reconnect(self, error: BaseException | None) -> None:
        self._link_state.up.stop()
        # Telethon begins a new session then, and names our layer in the first only.
        self._link_state.fresh_session = True
        super()._start_reconnect(error)
