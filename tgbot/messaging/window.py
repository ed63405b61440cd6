"""Many calls under way at a time, in bounded memory: what a broadcast to all users is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Final, TypeVar

#: How many items are worked on at a time, unless told otherwise: as many as one container holds calls.
AT_ONCE: Final = 100

_Item = TypeVar("_Item")


async def each(
    items: Iterable[_Item] | AsyncIterable[_Item],
    work: Callable[[_Item], Awaitable[object]],
    *,
    at_once: int = AT_ONCE,
) -> None:
    """Call `work` for each item, in their order, with at most `at_once` of the calls under way at a time.

    An item is taken only when a call may begin, so there may be any number of them. The requests that the
    calls make in one turn of the event loop go out in one packet: this is what makes it faster than one
    `await` after another. An exception of `work`, or of `items`, cancels the calls under way and is raised
    in an ExceptionGroup: let `work` handle what is to cost one item only, such as a refusal of Telegram's.
    """
    if isinstance(items, AsyncIterable):
        source, turn = aiter(items), asyncio.Lock()

        async def run() -> None:
            while True:
                async with turn:  # an asynchronous generator runs for one caller at a time
                    try:
                        item = await anext(source)
                    except StopAsyncIteration:
                        return
                await work(item)
    else:
        shared = iter(items)

        async def run() -> None:
            for item in shared:
                await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(run())
