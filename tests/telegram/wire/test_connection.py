"""An attempt to connect that is cancelled, on each event loop that the bot runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.patience import PATIENCE
from tgbot.telegram.wire.connection import BotConnection

try:
    from uvloop import new_event_loop as new_uvloop
except ImportError:  # pragma: no cover - not there on every system
    LOOPS = [asyncio.new_event_loop]
else:
    LOOPS = [asyncio.new_event_loop, new_uvloop]


class Cancelled(BotConnection):
    """Has its attempt to connect cancelled at the moment at which the socket is there."""

    task: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.task.cancel()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_cancelled_attempt_leaves_nothing_to_wait_for(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def connect_and_cancel() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        connection = Cancelled(*server.sockets[0].getsockname())
        async with server, asyncio.timeout(PATIENCE):
            connection.task = asyncio.create_task(connection.connect())
            await asyncio.wait((connection.task,))
            assert connection.task.cancelled()
            await connection.disconnect()
            assert not connection.writable
            with pytest.raises(ConnectionError):
                connection.write(b"text")

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(connect_and_cancel())
