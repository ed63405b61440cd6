"""The gate in front of the socket: no byte leaves while this process may not send."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from tgbot.telegram.wire.connection import BotConnection
from tgbot.telegram.wire.proxy import Proxy

#: How often a closed gate is looked at, in seconds.
LOOK_SECONDS: Final = 0.05


def connections(
    proxy: Proxy | None, may_send: Callable[[], bool] | None
) -> Callable[[str, int], BotConnection]:
    """Return what makes a connection to an address, behind a gate if there is one."""
    if may_send is None:
        return partial(BotConnection, proxy=proxy)
    return partial(GatedConnection, proxy=proxy, may_send=may_send)


class GatedConnection(BotConnection):
    """A connection over which nothing leaves unless `may_send` says so; it is asked before each write.

    While it says no, what is written waits in its order, and no new connection is made. A process that was
    stopped in between asks before it writes the rest of what waited.
    """

    def __init__(
        self, host: str, port: int, proxy: Proxy | None = None, *, may_send: Callable[[], bool]
    ) -> None:
        super().__init__(host, port, proxy)
        self._may_send = may_send
        self._gate: _Gate | None = None

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as Telethon calls it
        """Connect anew, once the gate is open; raise as `BotConnection.connect` does."""
        while not self._may_send():  # noqa: ASYNC110 - it is a question to a clock: nothing tells its answer
            await asyncio.sleep(LOOK_SECONDS)
        try:
            await super().connect(timeout)
        except BaseException:
            self._drop()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the socket up, behind the gate."""
        super().connection_made(transport)
        self._transport = self._gate = _Gate(cast(asyncio.Transport, transport), self, self._may_send)

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the socket is closed."""
        self._drop()
        super().connection_lost(error)

    def _drop(self) -> None:
        if self._gate is not None:
            self._gate.drop()


class _Gate(asyncio.Transport):
    """A transport that writes to the socket by itself: what is in the event loop's buffers asks nobody."""

    def __init__(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, may_send: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._transport = transport
        self._protocol = protocol
        self._may_send = may_send
        self._loop = asyncio.get_running_loop()
        # A second descriptor of the socket: the loop does not let others wait for its own one.
        self._descriptor = os.dup(transport.get_extra_info("socket").fileno())
        self._left = bytearray()
        self._closing = self._dropped = False
        #: Whether the protocol was told to pause; whether the loop tells when the socket takes more.
        self._paused, self._watching = False, False
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        waiting = bool(self._left)
        self._left += data
        if not waiting:
            self._go_on()

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Close the socket once what waits is written; at once if nothing may be sent."""
        self._closing = True
        if not self._left or not self._may_send():
            self._transport.close()

    def abort(self) -> None:
        self._closing = True
        self.drop()
        self._transport.abort()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as asyncio has it
        return self._transport.get_extra_info(name, default)

    def drop(self) -> None:
        """Drop what waits: the socket is closed, or about to be."""
        if self._dropped:
            return
        self._dropped = True
        self._left.clear()
        self._rest()
        os.close(self._descriptor)

    def _go_on(self) -> None:
        """Write what waits, as far as the gate and the socket let it."""
        self._rest()
        left = self._left
        while left and not self._dropped:
            if not self._may_send():
                self._timer = self._loop.call_later(LOOK_SECONDS, self._go_on)
                break
            try:
                del left[: os.write(self._descriptor, left)]
            except BlockingIOError:
                self._watching = True
                self._loop.add_writer(self._descriptor, self._go_on)
                break
            except OSError:  # the loop notices as well, and says so to the protocol
                self.abort()
        if left and not self._paused:
            self._paused = True
            self._protocol.pause_writing()
        elif not left and self._paused and not self._dropped:
            self._paused = False
            self._protocol.resume_writing()
        if not left and self._closing and not self._dropped:
            self._transport.close()

    def _rest(self) -> None:
        """Have neither the timer nor the socket go on with it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watching:
            self._watching = False
            self._loop.remove_writer(self._descriptor)
