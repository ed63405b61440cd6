"""Lines from standard input, typed or piped, for a running event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator


async def typed_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Yield each line without its newline until the end of input; the last line may have no newline.

    A thread reads, because an event loop cannot wait for a file or /dev/null. The thread holds no lock and
    nothing waits for it, so the process can exit while it reads.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(line: str | None) -> None:
        try:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        except RuntimeError:
            return  # the loop has ended

    def read() -> None:
        rest = b""
        while True:
            try:
                read_bytes = os.read(descriptor, 65536)
            except OSError:
                read_bytes = b""  # a terminal that cannot be read: in the background, or closed
            if not read_bytes:
                break
            *whole, rest = (rest + read_bytes).split(b"\n")
            for line in whole:
                tell(line.decode(errors="replace").rstrip("\r"))
        if rest:
            tell(rest.decode(errors="replace"))
        tell(None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
