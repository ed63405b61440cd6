"""Run the bot until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from tgbot.core.nodeerrors import HandedOverError
from tgbot.signals import StopSignals

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.reload import Read

logger = logging.getLogger(__name__)


async def run(
    config: Config,
    signals: StopSignals,
    read: Read | None = None,
    up: Callable[[], object] = lambda: None,
) -> int:
    """Run the bot until the first of `signals`, and return 0 once everything is on disk.

    A node whose lease was lost raises LeaseLostError, one that handed over HandedOverError.

    A request to stop during the start abandons the start; once the start has failed, it changes nothing. A
    second signal ends the process at once, which is as safe as a crash. Raise what `open_bot` raises, the
    error that ended the bot if it could not go on, and the StorageError of the last checkpoint if that fails.
    `read` reads the configuration again, for `tgbot reload`; `up` is called when the bot handles updates.
    """
    from tgbot.app import open_bot  # late: until the bot is opened, a signal ends the process at once
    from tgbot.operate import collector
    from tgbot.operate.descriptors import raise_limit

    raise_limit()

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stopping = loop.create_future()
    handed: asyncio.Future[str] = loop.create_future()
    starting = True
    cut: list[str] = []

    def started() -> None:
        nonlocal starting
        starting = False

    def stop(number: int) -> None:
        logger.info("stopping (%s); a second signal ends the process at once", signal.Signals(number).name)
        stopping.set_result(None)
        if starting:
            task.cancel()  # opening files and logging in takes for as long as Telegram cannot be reached

    def answer(number: int) -> None:
        loop.call_soon_threadsafe(stop, number)

    def hand_over(node: str) -> None:
        if not handed.done():
            handed.set_result(node)
            if starting:
                task.cancel()

    signals.answer = answer
    try:
        async with open_bot(config, serve=True, closing=started, read=read, hand_over=hand_over) as bot:
            started()
            collector.settle()
            me, failed, cut = bot.client.me, bot.client.failed, bot.client.cut
            logger.info("running as @%s (id %d); Ctrl-C stops", me.username, me.id)
            up()
            await asyncio.wait((stopping, failed, handed), return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                raise failed.result()
    except asyncio.CancelledError:
        if not stopping.done() and not handed.done():
            raise
        task.uncancel()
    finally:
        signals.settle()
    if handed.done() and not stopping.done():
        logger.info("handed over to the node %s; everything is in the database", handed.result())
        raise HandedOverError(handed.result())
    if cut:
        logger.warning("stopped; what is finished is on disk; cut: %s", ", ".join(cut))
    else:
        logger.info("stopped; everything is on disk")
    return 0
