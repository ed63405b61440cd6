"""Whether the bot is healthy: there is a proof that it hears Telegram, and it can put everything on disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from tgbot.core.errors import StorageError, StorageGoneError
from tgbot.core.places import places

#: Seconds that a checkpoint counts as a proof that one can be made.
PROVEN_SECONDS: Final = 10.0
#: Seconds that a proof counts: the bot looks for one every minute without an update.
HEARD_SECONDS: Final = 90.0

logger = logging.getLogger(__name__)


class Trouble(StrEnum):
    """What is wrong with the bot; a member's value is what `/healthz` answers."""

    #: The command `drain` was given: the bot is to be stopped, or to go on with `drain --undo`.
    DRAINED = "it was told to drain"
    #: An error has ended the bot, and it closes; the last line of the log names the error.
    FAILED = "the bot cannot go on"
    #: The database does not answer: the bot goes on until its lease is over, and says nothing after that.
    DATABASE = "the database cannot be reached"
    #: There is no connection now; the bot keeps trying to connect.
    NOT_CONNECTED = "not connected to Telegram"
    #: Telegram has ended the login, and the bot waits until it may log in again.
    NOT_LOGGED_IN = "not logged in at Telegram"
    #: Neither an update nor a state equal to ours came lately, or none came since the start.
    UNHEARD = "no proof that updates arrive"
    #: The disk answers too slowly, or another program holds a lock on a file.
    CHECKPOINT_SLOW = "a checkpoint takes too long"
    #: The disk is full or broken; the log says more.
    CHECKPOINT_FAILED = "no checkpoint can be made"
    #: A file was deleted or replaced; what is written goes nowhere.
    FILES_GONE = "a file of the bot is gone"


class Drained(Protocol):
    """Knows whether the bot was told to take nothing new."""

    begun: bool


class Client(Protocol):
    """What there is to know about the bot's client."""

    #: The error that ended the bot, once there is one.
    failed: asyncio.Future[BaseException]

    @property
    def drain(self) -> Drained:
        """Return what knows whether it takes updates."""

    @property
    def connected(self) -> bool:
        """Whether there is a link now."""

    @property
    def logged_in(self) -> bool:
        """Whether Telegram takes requests."""

    def proof_age(self) -> float:
        """Return the seconds since the last proof that updates reach the bot."""

    async def checkpoint(self) -> None:
        """Put everything on disk; raise a StorageError if that cannot be done."""


class Health:
    """Check that the bot hears Telegram and that a checkpoint can be made.

    Only a proof since this object was made counts, so a bot that starts is not healthy before its first one.
    The check makes a checkpoint, one at a time and at most one in `PROVEN_SECONDS`, however many callers ask.
    `reachable` tells whether the database answers, if there is one.
    """

    def __init__(
        self,
        client: Client,
        *,
        reachable: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
        checkpoint_seconds: float = 5.0,
    ) -> None:
        self._client = client
        self._reachable = reachable
        self._monotonic = monotonic
        self._checkpoint_seconds = checkpoint_seconds
        self._began = monotonic()
        self._proven_at = float("-inf")
        #: What `trouble` returned last; before it was called, that there is no proof.
        self.last: Trouble | None = Trouble.UNHEARD
        self._making: asyncio.Task[Trouble | None] | None = None

    async def trouble(self) -> Trouble | None:
        """Return what is wrong, or None."""
        self.last = await self._trouble()
        return self.last

    async def _trouble(self) -> Trouble | None:
        client = self._client
        if client.failed.done():
            return Trouble.FAILED
        if client.drain.begun:
            return Trouble.DRAINED
        if not self._reachable():
            return Trouble.DATABASE
        if not client.connected:
            return Trouble.NOT_CONNECTED
        if not client.logged_in:
            return Trouble.NOT_LOGGED_IN
        if client.proof_age() > min(HEARD_SECONDS, self._monotonic() - self._began):
            return Trouble.UNHEARD
        return await self._disk()

    async def _disk(self) -> Trouble | None:
        if self._making is None:
            if self._monotonic() - self._proven_at <= PROVEN_SECONDS:
                return None
            self._making = asyncio.create_task(self._checkpoint())
        # Not cancelled after that time: a checkpoint runs to its end.
        making = self._making
        await asyncio.wait((making,), timeout=self._checkpoint_seconds)
        if making.done():
            return making.result()
        return Trouble.CHECKPOINT_SLOW if self._reachable() else Trouble.DATABASE

    async def _checkpoint(self) -> Trouble | None:
        began = self._monotonic()
        try:
            await self._client.checkpoint()
        except StorageError as error:
            logger.warning("no checkpoint can be made: %s", error)
            return Trouble.FILES_GONE if isinstance(error, StorageGoneError) else Trouble.CHECKPOINT_FAILED
        except Exception as error:
            logger.error("no checkpoint can be made: %s", places(error))
            return Trouble.CHECKPOINT_FAILED
        finally:
            self._making = None
        self._proven_at = began
        return None
