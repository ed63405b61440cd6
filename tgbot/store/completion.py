"""Work that goes on to its end whatever becomes of its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def to_the_end(work: Coroutine[None, None, None]) -> None:
    """Await work that goes on to its end even if the caller is cancelled."""
    running = asyncio.ensure_future(work)
    running.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.shield(running)
