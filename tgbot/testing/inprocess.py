"""The bot in the test's own process: quicker, and its parts are at hand; it cannot be killed."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

from tgbot.app import open_bot
from tgbot.config import loading as config
from tgbot.core.clock import ServerClock
from tgbot.core.errors import TgbotError
from tgbot.plugins.parts import Parts
from tgbot.testing.inside import Inside


class BotInProcess:
    """One run of the bot in this process; its log lines go to `log`.

    `ended` is called if it ends by itself.
    """

    def __init__(self, log: Callable[[str], object], ended: Callable[[], object]) -> None:
        self._log = log
        self._ended = ended
        self._stopping = asyncio.Event()
        self._parts: Parts | None = None
        self._task: asyncio.Task[None] | None = None
        #: 1 once it has ended by itself.
        self.status: int | None = None

    @property
    def parts(self) -> Parts:
        """The parts of the running bot."""
        assert self._parts is not None
        return self._parts

    async def start(self, file: Path, directory: Path, environment: Mapping[str, str]) -> str | None:
        """Start it with plugins from a directory; return None once it runs, or why it does not."""
        if str(directory) not in sys.path:
            sys.path.append(str(directory))
        running = asyncio.Event()
        self._task = asyncio.create_task(self._serve(file, environment, running.set))
        waiting = asyncio.create_task(running.wait())
        await asyncio.wait((self._task, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.is_set():
            return None
        try:
            await self._task
        except TgbotError as error:
            return str(error)
        return "it ended"

    async def end(self, number: int) -> int:
        """Stop it, whatever the signal, and return the exit status that the command would have."""
        self._stopping.set()
        if self._task is not None:
            if self._parts is None:
                self._task.cancel()  # it may wait for Telegram
            await asyncio.wait((self._task,))
        return self.status or 0

    async def ask(self, do: str, **arguments: object) -> None:
        """Have the bot carry out a method of `Inside`; raise ConnectionError if it ends before."""
        assert self._task is not None
        parts = self.parts
        inside = Inside(parts.client, cast(ServerClock, parts.clock), parts.alarm)
        asking = asyncio.ensure_future(getattr(inside, do)(**arguments))
        try:
            await asyncio.wait((asking, self._task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not asking.done():
                asking.cancel()
        if asking.cancelled() or not asking.done():
            raise ConnectionError("the bot has ended")
        asking.result()

    async def _serve(self, file: Path, environment: Mapping[str, str], started: Callable[[], object]) -> None:
        read = config.load(file, environment)
        with _logging_to(self._log, read.log.level):
            try:
                again = partial(config.load, file, environment)
                async with open_bot(read, serve=True, read=again) as self._parts:
                    started()
                    failed = self.parts.client.failed
                    stopping = asyncio.create_task(self._stopping.wait())
                    await asyncio.wait((stopping, failed), return_when=asyncio.FIRST_COMPLETED)
                    if failed.done():
                        stopping.cancel()
                        raise failed.result()  # noqa: TRY301 - out of the bot, as out of the command
            except Exception as error:
                if self._parts is None:
                    raise
                self._log(f"the bot ended: {error}")
                self.status = 1
                self._ended()


class _Lines(logging.Handler):
    """Hands each line of the log on, but for those of the sandbox."""

    def __init__(self, log: Callable[[str], object]) -> None:
        super().__init__()
        self._hand_on = log
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("tgbot.sandbox"):
            self._hand_on(self.format(record))


@contextmanager
def _logging_to(log: Callable[[str], object], level: str) -> Iterator[None]:
    """Log as the command does, for as long as the block lasts."""
    handler, root = _Lines(log), logging.getLogger()
    loggers = {name: logging.getLogger(name) for name in ("telethon", "asyncio", "aiohttp", "sqlitedict")}
    before = {one: one.level for one in (root, *loggers.values())}
    root.setLevel(level)
    for logger in loggers.values():
        logger.setLevel(logging.WARNING)
    loggers["sqlitedict"].setLevel(logging.CRITICAL)  # it also raises what it logs
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for logger, its_level in before.items():
            logger.setLevel(its_level)
