"""What a service manager hears of the bot: ready, stopping, how it is, and that it need not be restarted.

The protocol is sd_notify's: one datagram of lines to the socket $NOTIFY_SOCKET.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import Final, TypeAlias

from tgbot.operate.health import Trouble
from tgbot.store.sqlite.locks import LOCK_SECONDS

logger = logging.getLogger(__name__)

#: Send one datagram.
Notify: TypeAlias = Callable[[str], None]

#: How long a start waits for Telegram before it counts as done, in seconds: systemd gives up after 90.
START_SECONDS: Final = 45.0
#: For how long each look at a start that still opens files, or makes copies of them, asks for patience, in
#: seconds: how long that takes depends on their size.
OPENING_SECONDS: Final = 90.0
#: How often the status is told, in seconds, and the watchdog fed at least.
STATUS_SECONDS: Final = 20.0
#: How long a trouble may last, in seconds, before the watchdog is no longer fed and the bot is restarted.
PATIENCE: Final[Mapping[Trouble, float]] = {
    Trouble.FAILED: 0.0,
    # The operator who gave the command ends it.
    Trouble.DRAINED: inf,
    # A restart does not bring the database back, and another node may lead meanwhile.
    Trouble.DATABASE: inf,
    # A restart brings back neither Telegram nor a login, and the bot tries both by itself.
    Trouble.NOT_CONNECTED: inf,
    Trouble.NOT_LOGGED_IN: inf,
    Trouble.UNHEARD: 0.0,
    # Another program may have a lock on a file: for so long the bot goes on answering.
    Trouble.CHECKPOINT_SLOW: LOCK_SECONDS + 30.0,
    Trouble.CHECKPOINT_FAILED: 0.0,
    Trouble.FILES_GONE: 0.0,
}


class Supervisor:
    """Tells the service manager how the bot is; each method returns at once.

    The watchdog is fed for as long as the event loop turns and no trouble has lasted longer than `PATIENCE`
    says. A bot that has not heard Telegram since its start is fed all the same: it has been restarted, or has
    just been started, and another restart would not help.
    """

    def __init__(
        self,
        notify: Notify,
        *,
        watchdog: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notify = notify
        self._monotonic = monotonic
        #: Seconds between two looks.
        self.interval = min(STATUS_SECONDS, watchdog / 3) if watchdog else STATUS_SECONDS
        self._status = "opening the files"
        self._trouble: Callable[[], Awaitable[Trouble | None]] | None = None
        #: When the start counts as done, whether or not Telegram has answered; None once it has been told.
        self._ready_at: float | None = inf
        self._was_well = False
        #: The trouble that lasts, and since when.
        self._lasting: tuple[Trouble, float] | None = None
        self._starving = False

    def waiting(self, whom: str = "Telegram") -> None:
        """Note that all files are open, and what keeps the bot from running: Telegram, or the database."""
        self._status = f"waiting for {whom}"
        if self._ready_at is not None:
            self._ready_at = self._monotonic() + START_SECONDS

    def standing_by(self, status: str) -> None:
        """Tell that the bot is up and waits for its turn: another node leads."""
        if status != self._status:
            self._status = status
            self._up()

    def running(self, trouble: Callable[[], Awaitable[Trouble | None]]) -> None:
        """Tell that the bot takes updates; from now on `trouble` says how it is."""
        self._status, self._trouble = "running", trouble
        self._up()

    def stopping(self, *, again: bool = False) -> None:
        """Tell that the bot finishes what is in flight; the manager limits how long that takes.

        With `again` the same process stands by after that, of which the manager hears no end.
        """
        self._status, self._trouble = "handing over" if again else "stopping", None
        self._notify(f"STATUS={self._status}" if again else "STOPPING=1\nSTATUS=stopping")

    async def tell(self) -> None:
        """Tell how the bot is until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self.interval)

    async def look(self) -> None:
        """Tell once how the bot is, and feed the watchdog if it is well enough."""
        if self._ready_at is not None and self._monotonic() >= self._ready_at:
            self._ready()
        trouble = await self._trouble() if self._trouble is not None else None
        self._was_well |= self._trouble is not None and trouble is None
        status = str(trouble or self._status)
        if self._tolerates(trouble):
            opening = f"EXTEND_TIMEOUT_USEC={OPENING_SECONDS * 1_000_000:.0f}\n"
            self._notify(f"{opening if self._ready_at == inf else ''}WATCHDOG=1\nSTATUS={status}")
            self._starving = False
            return
        self._notify(f"STATUS={status}; waiting for the watchdog")
        if not self._starving:
            logger.error("the watchdog is not fed any more: %s", status)
        self._starving = True

    def _up(self) -> None:
        """Tell the status at once, the first time that the start is over."""
        if self._ready_at is None:
            self._notify(f"STATUS={self._status}")
        self._ready()

    def _ready(self) -> None:
        if self._ready_at is not None:
            self._ready_at = None
            self._notify(f"READY=1\nSTATUS={self._status}")

    def _tolerates(self, trouble: Trouble | None) -> bool:
        """Return whether a trouble, if there is one, is no reason for a restart yet."""
        now = self._monotonic()
        if trouble is None:
            self._lasting = None
            return True
        if self._lasting is None or self._lasting[0] is not trouble:
            self._lasting = trouble, now
        if trouble is Trouble.UNHEARD and not self._was_well:
            return True
        return now - self._lasting[1] < PATIENCE[trouble]


@asynccontextmanager
async def supervised(environ: Mapping[str, str]) -> AsyncIterator[Supervisor]:
    """Give a supervisor, and have it tell how the bot is for as long as the block lasts.

    Without NOTIFY_SOCKET in the environment nothing is told. With a watchdog, a process that it ends prints
    where its threads were.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        yield Supervisor(lambda text: None)
        return
    watchdog = _watchdog_seconds(environ)
    if watchdog is not None:
        faulthandler.enable()  # it shows places in the code, and no values
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.setblocking(False)
        supervisor = Supervisor(_notify(sending, address), watchdog=watchdog)
        telling = asyncio.create_task(supervisor.tell(), name="supervisor")
        try:
            yield supervisor
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling


def _notify(sending: socket.socket, address: str) -> Notify:
    """Return what sends to the manager's socket; what it does not take is left out, and logged once."""
    target = "\0" + address[1:] if address.startswith("@") else address
    said = False

    def notify(text: str) -> None:
        nonlocal said
        try:
            sending.sendto(text.encode(), target)
        except OSError as error:
            if not said:
                reason = error.strerror or type(error).__name__
                logger.warning("the service manager cannot be told anything: %s: %s", address, reason)
            said = True

    return notify


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Return within which time this process has to feed the watchdog, in seconds; None without one."""
    microseconds, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or process not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 1_000_000 or None
