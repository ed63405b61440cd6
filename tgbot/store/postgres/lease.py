"""The lease in the database: which of the nodes leads, and the fence that each transaction ends with."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from tgbot.core.errors import LeaseLostError, StorageError, StorageUnreachableError
from tgbot.store.lease import HEIR_SECONDS, LEASE_SECONDS, LOOK_SECONDS, Holder, Tenure
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.line import Line

logger = logging.getLogger(__name__)

#: How long a standby waits for an answer, in seconds: longer than a take waits for the row.
_ANSWER_SECONDS: Final = 3.0
_CHANNEL: Final = "tgbot_lease"
_TAKE: Final = "SELECT tgbot.take(%s, %s, %s)"
_RENEW: Final = "SELECT tgbot.renew(%s, %s, %s)"
_RELEASE: Final = "SELECT tgbot.release(%s, %s, %s)"
_FENCE: Final = "SELECT tgbot.fence(%s)"
_LOOK: Final = """
    SELECT node, epoch, extract(epoch FROM since)::float8, extract(epoch FROM until)::float8, heir,
        extract(epoch FROM clock_timestamp())::float8, taken_from
    FROM tgbot.lease"""


def since_boot() -> float:
    """Return seconds by a clock that never goes back, and that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Lease:
    """The leadership of one node: stand by, keep it, and give it up, once.

    A node that stands by again does so with a new Lease, so that nothing of its earlier epoch passes the
    fence of a later one. The tables are there (`schema.prepare`). It has a connection of its own.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        seconds: float = LEASE_SECONDS,
        *,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self._place = database.place
        self._node = node
        self._clock = clock
        self._tenure = Tenure(seconds)
        self._line = Line(database.address)
        #: Whether the lease was taken before: it is not taken a second time.
        self._used = False
        #: Whether the log has that the database does not answer, and that the lease is over.
        self._said_failing, self._said_over = False, False

    @property
    def epoch(self) -> int:
        """The epoch in which this node leads, 0 while it does not."""
        return self._tenure.epoch

    def holds(self) -> bool:
        """Return whether no other node can lead now, by this node's own clock."""
        return self._tenure.holds(self._clock())

    def fence(self, cursor: Cursor) -> None:
        """Have a transaction refused unless this node leads; the last statement of each that writes.

        Raise LeaseLostError at once if this node does not lead; the database's answer comes at the commit.
        """
        epoch = self._tenure.epoch
        if not epoch:
            raise LeaseLostError(self._place)
        cursor.execute(_FENCE, (epoch,))

    async def take(self) -> bool:
        """Take the lease if it is open to this node, without waiting; return whether this node leads."""
        if self._used:
            raise RuntimeError("a lease leads once")
        asked, seconds = self._clock(), self._tenure.seconds
        ((epoch,),) = await self._line.ask(
            _TAKE, (self._node, seconds, HEIR_SECONDS), seconds=_ANSWER_SECONDS
        )
        if epoch:
            self._used = True
            self._tenure.taken(epoch, asked)
        return self._used

    async def stand_by(self) -> None:
        """Return once this node leads; wait for the database where it cannot be reached.

        Raise another StorageError where it refuses what the lease needs.
        """
        while True:
            try:
                if self._line.fresh:
                    await self._line.listen(_CHANNEL, seconds=_ANSWER_SECONDS)
                if await self.take():
                    self._worked()
                    return
                self._worked()
                await self._line.heard((await self.look()).pause(self._node))
            except StorageUnreachableError as error:
                self._failed(error)
                await asyncio.sleep(LOOK_SECONDS)

    async def keep(self) -> None:
        """Renew the lease until cancelled; raise LeaseLostError once another node has it.

        While the database does not answer it is asked on: `holds` turns false when the lease is over by this
        node's clock, and true again with the next answer, if nobody took it meanwhile.
        """
        tenure = self._tenure
        while True:
            asked = self._clock()
            try:
                await self._renew(asked)
            except LeaseLostError:
                tenure.given_up()
                self._line.close()
                raise
            except StorageError as error:
                self._failed(error)
            else:
                self._worked()
            await asyncio.sleep(max(0.0, asked + tenure.renewal_pause - self._clock()))

    async def release(self, heir: str = "") -> bool:
        """Give the lease up, to one node or ("") to any; `holds` is false from now on.

        All that this node writes is written before. Return whether the database knows; if not, the lease ends
        by itself.
        """
        epoch = self._tenure.epoch
        self._tenure.given_up()
        if not epoch:
            return False
        try:
            ((released,),) = await self._line.ask(
                _RELEASE, (self._node, epoch, heir), seconds=self._tenure.renewal_limit
            )
        except StorageError as error:
            logger.warning("the lease could not be released, and ends by itself: %s", error)
            return False
        finally:
            self._line.close()
        return bool(released)

    async def look(self) -> Holder:
        """Return the row of the lease as it is now; raise a StorageError."""
        (row,) = await self._line.ask(_LOOK, seconds=_ANSWER_SECONDS)
        return Holder(*row)

    def close(self) -> None:
        """Close the connection; a lease that was not released ends by itself."""
        self._line.close()

    async def _renew(self, asked: float) -> None:
        tenure, epoch = self._tenure, self._tenure.epoch
        if not epoch:
            raise LeaseLostError(self._place)
        ((renewed,),) = await self._line.ask(
            _RENEW, (self._node, epoch, tenure.seconds), seconds=tenure.renewal_limit
        )
        if not (renewed and tenure.renewed(epoch, asked)):
            raise LeaseLostError(self._place)

    def _failed(self, error: StorageError) -> None:
        if not self._said_failing:
            self._said_failing = True
            logger.warning("the lease: %s", error)
        if self._tenure.epoch and not self._said_over and not self.holds():
            self._said_over = True
            logger.error(
                "the lease is over and cannot be renewed: nothing is sent until the database answers"
            )

    def _worked(self) -> None:
        if self._said_failing:
            logger.warning("the lease: %s answers again", self._place)
        self._said_failing = self._said_over = False


async def look(database: Database) -> Holder:
    """Return the row of the lease as it is now; raise a StorageError."""
    (row,) = await database.read_aside(_LOOK)
    return Holder(*row)
