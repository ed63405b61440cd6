"""Lines typed on (or piped into) standard input, for a running event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator


async def typed_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Yields each line without its end, the last one with or without a newline; stops at the end of input.

    Reads in a thread, because an event loop cannot wait for a file or /dev/null; the thread holds no lock and
    nothing waits for it, so a process may end while it reads.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(line: str | None) -> None:
        try:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        except RuntimeError:
            return  # the loop has ended: nobody listens any more

    def read() -> None:
        rest = b""
        while True:
            try:
                read_bytes = os.read(descriptor, 65536)
            except OSError:
                read_bytes = b""  # a terminal that this process may not read: in the background, or gone
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
