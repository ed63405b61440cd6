"""Run the bot until a signal ends it: what each signal does, and the exit status."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tgbot.config.settings import Config

logger = logging.getLogger(__name__)

#: Signals that ask the bot to stop.
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stage(Enum):
    """How far the bot has come; it decides what a request to stop does."""

    #: Opening files and logging in, which takes for as long as Telegram cannot be reached: abandoned at once.
    STARTING = "starting"
    #: Handling updates: those in flight are finished first.
    SERVING = "serving"


@contextmanager
def ending_at_a_signal() -> Iterator[None]:
    """Let SIGTERM and SIGINT end this process with status 0 wherever `run` does not handle them.

    For the time before anything is opened, while modules are imported and settings are read.
    """
    before = {number: signal.signal(number, _end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)


async def run(config: Config) -> int:
    """Run the bot until SIGTERM or SIGINT, and return 0 once everything is on disk.

    A request to stop during the start abandons the start. A second signal ends the process at once with
    status 128 + its number, which is as safe as a crash. Raise what `open_bot` raises, the error that ended
    the bot if it could not go on, and the StorageError of the last checkpoint if that fails.
    """
    from tgbot.app import (
        open_bot,  # imported late, so that `ending_at_a_signal` comes before the long imports
    )

    stage = Stage.STARTING
    stopping = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        stopping.set()
        if stage is Stage.STARTING:
            task.cancel()

    with _handling_signals(stop):
        try:
            async with open_bot(config, serve=True) as bot:
                stage = Stage.SERVING
                me = bot.client.me
                logger.info("running as @%s (id %d); Ctrl-C stops", me.username, me.id)
                stop_wanted = asyncio.create_task(stopping.wait())
                await asyncio.wait((stop_wanted, bot.client.failed), return_when=asyncio.FIRST_COMPLETED)
                stop_wanted.cancel()
                if bot.client.failed.done():
                    raise bot.client.failed.result()
        except asyncio.CancelledError:
            if not stopping.is_set():
                raise
            task.uncancel()
    logger.info("stopped; everything is on disk")
    return 0


@contextmanager
def _handling_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first signal; end the process at the second."""
    loop = asyncio.get_running_loop()
    stopping = False

    def on_signal(number: int) -> None:
        nonlocal stopping
        if stopping:
            os._exit(128 + number)  # as if killed: nothing is lost by that
        stopping = True
        logger.info("stopping (%s); a second signal ends the process at once", signal.Signals(number).name)
        stop()

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
