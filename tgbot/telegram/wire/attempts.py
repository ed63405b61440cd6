"""Attempts to make a link: the pauses between them, and one warning for each trouble."""

from __future__ import annotations

import logging
import time
from enum import Enum

from telethon.errors import InvalidBufferError, SecurityError

from tgbot.core.errors import no_descriptors_left
from tgbot.telegram.wire.proxy import ProxyRefusedError

logger = logging.getLogger(__name__)

#: The longest pause between two attempts to connect, in seconds.
LONGEST_PAUSE = 10.0
#: The pause before the second attempt, in seconds; each further one is twice as long.
_FIRST_PAUSE = 0.25
#: The pause after Telegram said that there are too many connections, in seconds; and the longest of these.
_CROWDED_PAUSE, _LONGEST_CROWDED_PAUSE = 10.0, 60.0
#: A link that ends within this many seconds is short-lived; before the next after that many there is a pause.
_SHORT_LIVED_SECONDS, _SHORT_LIVED_LINKS = 10.0, 4


class Trouble(Enum):
    """Why there is no link; a member's value is the line of the log."""

    NO_CONNECTION = "no connection to %s; retrying, with pauses of up to %d s"
    WRONG_KEY = (
        "the server at %s does not have the configured key: set [telegram] public_key to the public key of "
        "this server; retrying, with pauses of up to %d s"
    )
    NO_DESCRIPTORS = (
        "no file descriptors are left for a connection to %s: allow more (ulimit -n; under systemd "
        "LimitNOFILE=); retrying, with pauses of up to %d s"
    )
    PROXY = (
        "the proxy does not connect us to %s: check [telegram] proxy, its user name and password; retrying, "
        "with pauses of up to %d s"
    )
    NOT_TELEGRAM = (
        "what answers at %s is not Telegram: a firewall or a page for guests of the network may answer in "
        "its place; let this machine through, or set [telegram] proxy; retrying, with pauses of up to %d s"
    )
    CROWDED = "too many connections, says %s (transport error 429); retrying, with pauses of up to %d s"


def trouble_of(error: Exception) -> Trouble:
    """Return why an attempt failed that ended in this error."""
    if isinstance(error, SecurityError) and "could not find a valid key" in str(error):
        return Trouble.WRONG_KEY
    if isinstance(error, ProxyRefusedError):
        return Trouble.PROXY
    if isinstance(error, InvalidBufferError) and error.code == 429:
        return Trouble.CROWDED
    if isinstance(error, InvalidBufferError) and error.code is None:
        return Trouble.NOT_TELEGRAM  # its first bytes are the length of no frame
    descriptors = isinstance(error, OSError) and no_descriptors_left(error)
    return Trouble.NO_DESCRIPTORS if descriptors else Trouble.NO_CONNECTION


class Attempts:
    """What is known of attempts to make a link; a link over which nothing of use arrives is a failed one."""

    def __init__(self) -> None:
        #: Attempts that failed since the last link.
        self.failures = 0
        #: Why the last one failed, and which of these was logged.
        self.trouble = Trouble.NO_CONNECTION
        self._said: Trouble | None = None
        #: Whether nothing of use has arrived over this link yet.
        self.fruitless = False
        #: When this link was made, by the monotonic clock; how many in a row ended soon after.
        self._began, self._short_lived = 0.0, 0

    def made(self) -> None:
        """Note that there is a link."""
        self.fruitless = True
        self._began = time.monotonic()

    def worked(self, where: object) -> None:
        """Note that something of use has arrived over the link."""
        self.fruitless = False
        if self.failures:
            self.failures = 0
            logger.warning("connected to %s again", where)
        self.trouble, self._said = Trouble.NO_CONNECTION, None

    def failed(self, where: object) -> float:
        """Note that an attempt failed, log why, once, and return the pause before the next, in seconds."""
        self.failures += 1
        first, longest = _FIRST_PAUSE, LONGEST_PAUSE
        if self.trouble is Trouble.CROWDED:
            first, longest = _CROWDED_PAUSE, _LONGEST_CROWDED_PAUSE
        if self.trouble is not self._said:
            self._said = self.trouble
            logger.warning(self.trouble.value, where, longest)
        return min(longest, first * float(2 ** min(self.failures - 1, 10)))

    def ended(self, where: object) -> float:
        """Note that the link has ended, and return the pause before the next, in seconds."""
        if self.fruitless:
            return self.failed(where)
        if time.monotonic() - self._began > _SHORT_LIVED_SECONDS:
            self._short_lived = 0
        self._short_lived += 1
        if (over := self._short_lived - _SHORT_LIVED_LINKS) < 0:
            return 0.0
        if over == 0:
            logger.warning("links to %s end early; pausing up to %d s between them", where, LONGEST_PAUSE)
        return min(LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(over, 10)))
