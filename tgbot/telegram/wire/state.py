"""The state of the link and of the login over it, as everything that makes requests sees it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from tgbot.telegram.clocks import UpClock

#: Whether the running task is one that connects and logs in: its requests do not wait for the login.
making_login: ContextVar[bool] = ContextVar("making_login", default=False)


class LinkState:
    """Whether there is a link, and whether Telegram takes requests over it."""

    def __init__(self) -> None:
        #: Runs while the link is up.
        self.up = UpClock()
        #: Set while the bot is connected and logged in.
        self.ready = asyncio.Event()
        #: Set when Telegram ended the login, until it is made again.
        self.login_ended = asyncio.Event()
        #: Whether the bot has stopped: nothing is connected any more.
        self.closed = False

    def link_up(self) -> None:
        """Note that there is a link."""
        self.up.start()

    def link_down(self) -> None:
        """Note that there is no link; Telethon connects again and repeats the open requests."""
        self.up.stop()

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
