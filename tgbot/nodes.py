"""A bot whose storage is a database that several nodes share: it joins them, and stands by until it leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from tgbot import __version__
from tgbot.config.settings import Config
from tgbot.core.errors import ConfigError, LeaseLostError, StorageError
from tgbot.core.nodeerrors import StandbyError
from tgbot.core.storeerrors import NodeLeadsError
from tgbot.operate import collector, nodes
from tgbot.operate.control import listening
from tgbot.operate.supervisor import Supervisor
from tgbot.sites import standby_pages

if TYPE_CHECKING:
    from tgbot.store.postgres.membership import Membership


@asynccontextmanager
async def leading(config: Config, supervisor: Supervisor, *, serve: bool) -> AsyncIterator[Membership]:
    """Join the nodes, and give this one once it leads; leave them when the block ends.

    With `serve` stand by for as long as that takes, with pages and commands; else raise NodeLeadsError if
    another node leads. What runs in the block is cancelled when the node may not go on, and the reason is
    raised, unless `on_end` was set to something else.
    """
    # Imported here: few bots have a database. What a takeover needs is imported before it.
    from tgbot.store.postgres.address import Address
    from tgbot.store.postgres.membership import Membership

    if serve and config.login.listen is not None:
        import_module("tgbot.web")

    storage = config.storage
    try:
        address = Address(storage.address)
    except ValueError as error:
        raise ConfigError("[storage] url", f"the address of a PostgreSQL database ({error})") from None
    node = Membership(address, storage.node, storage.lease, __version__)
    ended: list[StorageError] = []
    try:
        async with asyncio.timeout(None) as scope:

            def end(error: StorageError) -> None:
                ended.append(error)
                scope.reschedule(asyncio.get_running_loop().time())

            node.on_end = [end]
            supervisor.waiting("the database")
            await node.join(storage.directory)
            if serve:
                await _stand_by(config, node, supervisor)
            elif not await node.take():
                leader = node.holder.node if node.holder is not None else ""
                raise NodeLeadsError(leader or "Another node", address.place)
            yield node
    except TimeoutError:
        if not ended:
            raise
        raise ended[0] from None
    except LeaseLostError:
        await node.tell_loss()
        raise
    finally:
        await node.leave()


async def _stand_by(config: Config, node: Membership, supervisor: Supervisor) -> None:
    """Return once the node leads; until then pages and commands tell that it stands by."""

    def tell() -> None:
        supervisor.standing_by(f"standby: {node.situation}")

    def refusal() -> StandbyError:
        holder = node.holder
        return StandbyError(holder.node if holder is not None and holder.leads else "")

    node.on_look = tell
    # Now, while nobody waits for an answer: after the takeover only what is new since then is looked at.
    collector.settle()
    async with AsyncExitStack() as stack:
        if config.operate.listen is not None:
            await stack.enter_async_context(standby_pages(config, node))
        commands = nodes.standby_commands(node)
        await stack.enter_async_context(listening(config.storage.control, commands, unknown=refusal))
        await node.stand_by()
    node.on_look = lambda: None
