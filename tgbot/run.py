"""Run the bot until a signal ends it: what each signal does, and the exit status."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tgbot.config.settings import Config

logger = logging.getLogger(__name__)

#: Signals that ask the bot to stop.
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def ending_at_a_signal() -> Iterator[None]:
    """Let SIGTERM and SIGINT end this process with status 0 wherever `run` does not handle them.

    For the time before anything is opened, while modules are imported and settings are read.
    """
    before = {number: signal.signal(number, lambda *_: os._exit(0)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def run(config: Config) -> int:
    """Run the bot until SIGTERM or SIGINT, and return 0 once everything is on disk.

    A request to stop during the start abandons the start. A second signal ends the process at once with
    status 128 + its number, which is as safe as a crash. Raise what `open_bot` raises, the error that ended
    the bot if it could not go on, and the StorageError of the last checkpoint if that fails.
    """
    from tgbot.app import open_bot  # late: `ending_at_a_signal` comes before the long imports

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stopping = loop.create_future()
    serving = False

    def on_signal(number: int) -> None:
        if stopping.done():
            os._exit(128 + number)  # as if killed: nothing is lost by that
        logger.info("stopping (%s); a second signal ends the process at once", signal.Signals(number).name)
        stopping.set_result(None)
        if not serving:
            task.cancel()  # opening files and logging in takes for as long as Telegram cannot be reached

    with ExitStack() as stack:
        for number in SIGNALS:
            loop.add_signal_handler(number, on_signal, number)
            stack.callback(loop.remove_signal_handler, number)
        try:
            async with open_bot(config, serve=True) as bot:
                serving = True
                me, failed = bot.client.me, bot.client.failed
                logger.info("running as @%s (id %d); Ctrl-C stops", me.username, me.id)
                await asyncio.wait((stopping, failed), return_when=asyncio.FIRST_COMPLETED)
                if failed.done():
                    raise failed.result()
        except asyncio.CancelledError:
            if not stopping.done():
                raise
            task.uncancel()
    logger.info("stopped; everything is on disk")
    return 0
