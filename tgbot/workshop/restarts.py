"""A bot as a child: from its start to its end, and with a start after each change of its sources."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from tgbot.core.plural import counted
from tgbot.workshop.child import Child, Found
from tgbot.workshop.sources import Contents, Sources

#: Starts a bot, which reads its files.
Spawn: TypeAlias = Callable[[], Awaitable[Child]]

#: How many changed files a line names.
MOST_NAMED: Final = 3
#: How long a bot may take to tell why it cannot use its files, in seconds.
TELL_SECONDS: Final = 10.0


class Restarts:
    """Runs a bot as a child, of which one at a time has the bot's files open.

    `up` is called each time the bot handles updates, and `say` gets lines for the person who works on it.
    """

    def __init__(self, spawn: Spawn, *, up: Callable[[], object], say: Callable[[str], object]) -> None:
        self._spawn = spawn
        self._up = up
        self._say = say
        self._children: list[Child] = []
        #: The one that has the bot's files.
        self._running: Child | None = None
        self._waiting: set[asyncio.Task[bool]] = set()

    async def once(self) -> int:
        """Run the bot to its end, and return its exit status."""
        child, found = await self._begin()
        if found.usable:
            self._go(child)
        return await child.ended()

    async def stay(self) -> int:
        """Run the bot; once it handles updates, never return: somebody may start it again after its end.

        Return the exit status of a bot that ends before.
        """
        child, found = await self._begin()
        if not found.usable or not await self._go(child):
            return await child.ended()
        status = await child.ended()
        if child is self._running:
            await self._end(child)
            self._say(f"the bot ended with status {status}")
        while True:
            await asyncio.Event().wait()

    async def forever(self, sources: Sources) -> NoReturn:
        """Run the bot, and start it again whenever its sources changed.

        A bot is stopped only for one that can use its files as they are now. One that cannot, or that ended
        by itself, is started again after the next change.
        """
        changed: Sequence[Path] = ()
        while True:
            contents = sources.contents()
            child, found = await self._begin()
            sources.add(found.directories)
            # Files that count only from now on are taken as they are now.
            contents = {**sources.contents(), **contents}
            if found.usable:
                if changed:
                    self._say(f"{_names(changed)} changed: the bot starts again")
                if self._running is not None:
                    await self._end(self._running)
                self._go(child)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(child.ended(), TELL_SECONDS)
                await self._end(child)
                waits = "starts" if self._running is None else "runs on as it was, and starts again"
                self._say(f"the bot {waits} when that is mended")
            changed = await self._change(sources, contents)

    async def stop(self) -> int:
        """Stop the bot if it runs, and return its exit status; 0 if it does not."""
        return max([await self._end(child) for child in self._children[:]], default=0)

    @property
    def running(self) -> Child | None:
        """The bot that has the bot's files, None while none runs."""
        child = self._running
        return child if child is not None and child.pid is not None else None

    async def start(self) -> bool:
        """Start the bot if it does not run; return whether it handles updates."""
        if self.running is not None:
            return True
        child, found = await self._begin()
        if found.usable and await self._go(child):
            return True
        await self._end(child)
        return False

    async def end(self, *, kill: bool = False) -> int:
        """Stop or kill the bot that runs; return its exit status."""
        child = self._running
        if child is None:
            return 0
        if kill:
            child.kill()
        return await self._end(child)

    async def _change(self, sources: Sources, contents: Contents) -> Sequence[Path]:
        """Return the files that have changed; tell if the bot ends meanwhile."""
        watching = asyncio.create_task(sources.changed(contents))
        try:
            if (running := self._running) is not None:
                ending = asyncio.create_task(running.ended())
                await asyncio.wait((watching, ending), return_when=asyncio.FIRST_COMPLETED)
                if ending.done():
                    status = await self._end(running)
                    self._say(f"the bot ended with status {status}, and starts again after a change")
                ending.cancel()
            return await watching
        finally:
            watching.cancel()

    async def _begin(self) -> tuple[Child, Found]:
        child = await self._spawn()
        self._children.append(child)
        return child, await child.checked()

    def _go(self, child: Child) -> asyncio.Task[bool]:
        """Let a bot open its files; the task returns whether it handles updates."""

        async def wait() -> bool:
            if up := await child.up():
                self._up()
            return up

        child.go()
        self._running = child
        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return task

    async def _end(self, child: Child) -> int:
        status = await child.stop()
        if child in self._children:
            self._children.remove(child)
        if child is self._running:
            self._running = None
        return status


def _names(files: Sequence[Path]) -> str:
    """Return the names of files, seen from here."""
    here = Path.cwd()
    names = [str(file.relative_to(here) if file.is_relative_to(here) else file) for file in files]
    more = [counted(len(names) - MOST_NAMED, "more file")] if len(names) > MOST_NAMED else []
    return ", ".join([*names[:MOST_NAMED], *more])
