"""Tasks beside the handlers: those the bot cannot live without, and the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from telethon import errors

from tgbot.core.errors import PartEndedError
from tgbot.core.places import places
from tgbot.core.plural import counted

logger = logging.getLogger(__name__)

#: How long a stop waits for tasks that it cancelled, in seconds.
ENDING_SECONDS = 3.0


class Background:
    """Run tasks until `stop`. An error of an essential one is the result of `failed`, others are logged."""

    def __init__(self) -> None:
        #: The error that ends the bot, once there is one.
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        #: The tasks of plugins that `stop` cut off, as "NAME (module)".
        self.cut: list[str] = []
        self._tasks: dict[asyncio.Task[Any], str] = {}  # Any: whatever they return
        self._stopping = False

    def spawn(self, work: Coroutine[object, object, object], name: str | None = None) -> asyncio.Task[Any]:
        """Run something beside the handlers; an error of it is logged with its name, without its text."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = f"{name or _name_of(work)} ({_module_of(work)})"
        task.add_done_callback(self._ended)
        return task

    def spawn_essential(self, work: Callable[[], Awaitable[None]], name: str | None = None) -> None:
        """Run a part that the bot cannot go on without: if anything but `stop` cancels it, the bot ends."""
        name = name or _name_of(work)
        self.spawn(self._run_essential(work, name), name)

    async def _run_essential(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            if not self._stopping and not self.failed.done():
                self.failed.set_result(PartEndedError(name))
            raise
        except Exception as error:
            if not self.failed.done():
                self.failed.set_result(error)

    async def stop(self, plugins: Collection[str] = ()) -> None:
        """Cancel all tasks and wait for their end, not longer than `ENDING_SECONDS`.

        One that ends by itself when it is cancelled is not cut off; nor are the bot's own. Tasks that code of
        `plugins`, names of packages, began without `spawn` run on until the process ends: they are cut off.
        """
        self.cut += self._unknown(plugins)
        self._stopping = True
        tasks = dict(self._tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, stubborn = await asyncio.wait(tasks, timeout=ENDING_SECONDS)
        for task, name in tasks.items():
            if (task in stubborn or task.cancelled()) and not name.rpartition("(")[2].startswith("tgbot."):
                self.cut.append(name)
        if stubborn:
            names = ", ".join(tasks[task] for task in stubborn)
            logger.error("cancellation suppressed by %s: %s", counted(len(stubborn), "task"), names)

    def _unknown(self, packages: Collection[str]) -> list[str]:
        running = asyncio.all_tasks() - self._tasks.keys() - {asyncio.current_task()}
        works = [(task.get_coro(), _module_of(task.get_coro())) for task in running]
        return sorted(
            f"{_name_of(work)} ({module})" for work, module in works if module.partition(".")[0] in packages
        )

    def _ended(self, task: asyncio.Task[Any]) -> None:
        name = self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the task %s failed: %s", name, places(error))


def log_escaped(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nobody awaited, with its task; for `loop.set_exception_handler`.

    Unlike asyncio's own handler it leaves out the error's text, which may hold what a message says.
    """
    error = context.get("exception")
    if isinstance(error, errors.QueryIdInvalidError):
        return  # Telethon answers a press in a task of its own; this one was made too long ago
    task = context.get("task") or context.get("future")
    work = task.get_coro() if isinstance(task, asyncio.Task) else None
    name = "a callback" if work is None else f"the task {_name_of(work)} ({_module_of(work)})"
    # Without an error there is only a constant message, such as that a pending task was dropped.
    logger.error("%s failed: %s", name, context.get("message") if error is None else places(error))


def _name_of(work: object) -> str:
    return getattr(work, "__qualname__", type(work).__qualname__).replace("<locals>.", "")


def _module_of(work: object) -> str:
    frame = getattr(work, "cr_frame", None)
    if frame is None:
        code = getattr(work, "cr_code", None)
        return "?" if code is None else str(code.co_filename).rpartition("/")[2]
    return str(frame.f_globals.get("__name__", "?"))
