"""Checkpoints that several wait for at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context


class Saves:
    """Put what has changed on disk; those who ask while a checkpoint is made share the next one."""

    def __init__(self, checkpoint: Callable[[], Awaitable[None]]) -> None:
        self._checkpoint = checkpoint
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def saved(self) -> None:
        """Return once everything that changed before this call is on disk; raise a StorageError if not."""
        if self._next is None:
            # In a context of its own: it is not the work of the running handler.
            self._next = Context().run(asyncio.get_running_loop().create_task, self._make())
        await asyncio.shield(self._next)

    async def _make(self) -> None:
        async with self._lock:
            self._next = None
            await self._checkpoint()
