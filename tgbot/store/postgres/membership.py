"""This process as one of the nodes of its bot: it joins them, stands by, leads, and leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from tgbot.core.errors import StorageError, StorageUnreachableError
from tgbot.core.nodes import State
from tgbot.core.users import Keep
from tgbot.store.lease import Holder
from tgbot.store.postgres import nodes, schema
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.lease import Lease, look
from tgbot.store.postgres.logins import PostgresLogins
from tgbot.store.postgres.store import PostgresStore

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How often a node says that it runs and looks who leads, in seconds.
BEAT_SECONDS: Final = 1.0
#: How long a node that lost the lease asks who has it, and one that leaves says so, in seconds; and how soon
#: the question is asked again that had no answer.
LAST_SECONDS: Final = 2.0
LOOK_AGAIN_SECONDS: Final = 0.1


class Membership:
    """One process among those that share a database, from `join` to `leave`."""

    def __init__(self, address: Address, name: str, seconds: float, version: str) -> None:
        self.name = name
        self._version = version
        self.database = Database(address)
        self.lease = Lease(self.database, name, seconds)
        self.state = State.STARTS
        #: Who leads, as it was read last; None before that, and after a look that failed.
        self.holder: Holder | None = None
        #: The node that this one took over from, which had not released the lease; "" for none.
        self.took_over_from = ""
        #: The node that gets the lease when this one leaves, "" for any.
        self.heir = ""
        #: How often the database could not be reached, since the start.
        self.errors = 0
        #: Are called once when this node may not go on, with the reason.
        self.on_end: list[Callable[[StorageError], object]] = []
        #: Is called after each look at who leads.
        self.on_look: Callable[[], object] = lambda: None
        self._run = ""
        self._ended: StorageError | None = None
        #: The epoch in which this node leads, or led; whether it was said that it does not any more.
        self._epoch, self._told_loss = 0, False
        self._beating: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def join(self, directory: Path) -> None:
        """Make the tables if there are none, and enter among the nodes; wait for the database.

        The process has the lock of its directory. Raise NodeNameTakenError if another process has the name,
        and every StorageError but that the database cannot be reached.
        """
        await self._patiently(lambda: self.database.aside(partial(schema.prepare, self.database)))
        self._run = nodes.run_id(directory)
        await self._patiently(lambda: nodes.register(self.database, self.name, self._run, self._version))
        self._beating = asyncio.create_task(self._beat(), name="node")

    async def stand_by(self) -> None:
        """Return once this node leads; the lease is kept from then on, until `leave` or `on_end`."""
        await self._become(State.STANDBY)
        logger.info("the node %s stands by: %s", self.name, self.situation)
        with suppress(StorageError):
            await self.database.link.connect()
        await self.lease.stand_by()
        await self._lead()

    async def take(self) -> bool:
        """Lead without waiting for it; return False if another node leads."""
        await self._look()
        if not await self.lease.take():
            return False
        await self._lead()
        return True

    async def leave(self) -> None:
        """Give up what this process has, and close the database; nothing waits for long."""
        self.state = State.STOPS
        tasks = [task for task in (self._beating, self._keeping) if task is not None]
        if self._ended is not None and self._keeping is not None:
            await asyncio.wait((self._keeping,), timeout=LAST_SECONDS)  # it says who leads
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.lease.release(self.heir)
        with suppress(StorageError, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.database.aside(partial(nodes.leave, self.database, self.name, self._run))
        self.lease.close()
        self.database.close()

    async def others(self) -> list[nodes.Node]:
        """Return the other nodes that ever entered, by name."""
        found = await self.database.aside(partial(nodes.list_nodes, self.database))
        return [node for node in found if node.name != self.name]

    async def open_store(self, clock: Callable[[], float], parked: int, keep: Keep) -> PostgresStore:
        """Open the store; every write of it is fenced by this node's lease."""
        fence = self.lease.fence
        opened = partial(PostgresStore, self.database, node=self.name, fence=fence, clock=clock)
        return await self.database.aside(lambda: opened(parked=parked, keep=keep))

    def logins(self) -> PostgresLogins:
        """Return the used logins of the login page."""
        return PostgresLogins(self.database, self.lease.fence)

    @property
    def situation(self) -> str:
        """Who leads, as a person reads it."""
        if self.holder is None:
            return "the database cannot be reached"
        return f"{self.holder.node} leads" if self.holder.leads else "no node leads"

    # ---- what goes on beside ---------------------------------------------------------------------

    async def _lead(self) -> None:
        self.state, self._epoch = State.LEADS, self.lease.epoch
        self._keeping = asyncio.create_task(self._keep(), name="lease")
        await self._look()
        before = self.holder.taken_from if self.holder is not None else ""
        self.took_over_from = before if before != self.name else ""
        said = f"; {self.took_over_from} has not renewed its lease" if self.took_over_from else ""
        logger.info("the node %s leads (epoch %d)%s", self.name, self.lease.epoch, said)

    async def _keep(self) -> None:
        """Keep the lease; if it is lost, end at once, and say then who has it."""
        try:
            await self.lease.keep()
        except StorageError as error:
            self._end(error)
            await self.tell_loss()

    async def tell_loss(self) -> None:
        """Say once that another node leads, whichever part of the bot has found that out."""
        if self._told_loss:
            return
        self._told_loss = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self._look()
                while self.holder is None:  # it asked over a link that had broken before
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                    await self._look()
        who, holder = "another node", self.holder
        if holder is not None and holder.node:
            who = f"the node {holder.node} (epoch {holder.epoch})"
        logger.warning(
            "this node (%s, epoch %d) does not lead any more, %s does: it sends and writes nothing more",
            *(self.name, self._epoch, who),
        )

    async def _beat(self) -> None:
        """Say that this process runs, and look who leads, until cancelled."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self._say()
            await self._look()
            self.on_look()

    async def _become(self, state: State) -> None:
        self.state = state
        await self._say()
        await self._look()
        self.on_look()

    async def _say(self) -> None:
        refresh = partial(nodes.refresh, self.database, self.name, self._run, self.state)
        try:
            await self.database.aside(refresh)
        except StorageUnreachableError:
            self.errors += 1
        except StorageError as error:
            self._end(error)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                self.holder = await look(self.database)
        except (StorageError, TimeoutError):
            self.holder = None

    def _end(self, error: StorageError) -> None:
        if self._ended is None:
            self._ended = error
            for tell in self.on_end:
                tell(error)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns; wait for the database, and say so once."""
        said = False
        while True:
            try:
                return await work()
            except StorageUnreachableError as error:
                self.errors += 1
                if not said:
                    logger.warning("waiting for the database: %s", error)
                said = True
                await asyncio.sleep(BEAT_SECONDS)
