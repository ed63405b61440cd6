"""The state of the link to Telegram: whether there is one, and whether Telegram takes requests over it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

from telethon.tl import TLRequest

logger = logging.getLogger(__name__)

#: Whether the running task is one that connects and logs in: its requests do not wait for the login.
making_login: ContextVar[bool] = ContextVar("making_login", default=False)


class UpClock:
    """Seconds during which the connection was up: stands still while it is down."""

    def __init__(self) -> None:
        #: Whether it counts now.
        self.running = False
        self._counted = 0.0
        #: While it counts: how far it is ahead of the monotonic clock.
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead if self.running else self._counted

    def start(self) -> None:
        if not self.running:
            self.running, self._ahead = True, self._counted - time.monotonic()

    def stop(self) -> None:
        self._counted, self.running = self(), False


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
        #: How many logins were made: the number of the present one.
        self.logins = 0
        #: Whether the bot has stopped: nothing is connected any more.
        self.closed = False
        #: Whether this process does not wait for Telegram any more, because another one goes on in its place:
        #: a stop then finishes nothing, for what is under way waits for answers that do not come.
        self.given_up = False
        #: How often Telegram sent what cannot be read, since the start.
        self.unreadable = 0
        #: How many links were made: tells whether the link of now is the one that a request went over.
        self.links = 0
        #: How often Telegram is pinged, in seconds; None: as often as is usual.
        self.ping_seconds: float | None = None
        #: For how many seconds the last ping has no answer, 0 where it has one.
        self.unanswered = 0.0
        #: Ends the link and makes a fresh one; set by the sender.
        self.end_link: Callable[[], None] = lambda: None
        #: Told that a link ended, before what is unanswered goes again over the next one; set by the calls.
        self.link_ended: Callable[[], None] = lambda: None

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

    def end_login(self, number: int) -> None:
        """Note that Telegram no longer knows the login of this number; do nothing if there is a later one."""
        if number == self.logins:
            self.ready.clear()
            self.login_ended.set()

    def logged_in(self) -> None:
        """Note that Telegram takes requests from now on."""
        self.logins += 1
        self.login_ended.clear()
        self.ready.set()


class Sender(Protocol):
    """What requests go over."""

    @property
    def link_state(self) -> LinkState:
        """Whether there is a link; it can be renewed there."""

    def send(self, request: TLRequest) -> asyncio.Future[Any]:  # Any: as the request has it
        """Return the future of the answer; raise ConnectionError if there is no connection."""
