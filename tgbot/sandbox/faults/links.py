"""Faults of connections and auth keys: dropped, refused, transport errors, dead keys, data centres."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

from ..rpc import RpcError
from .active import Active
from .rules import Connected, Faulty, Rule, Server


class Shape(Enum):
    """How a transport error is sent."""

    #: As a payload of four bytes, in the frame of the client's transport.
    FRAMED = "framed"
    #: As four bytes without a frame.
    BARE = "bare"
    #: Three times in twelve bytes without a frame, as some clients of the full transport report.
    TRIPLE = "triple"


class DeadKey(Enum):
    """What the server answers to a dead auth key: a transport error, or an RPC error to each request."""

    #: The transport error −404; the connection is closed.
    UNKNOWN = "404"
    UNREGISTERED = "AUTH_KEY_UNREGISTERED"
    DUPLICATED = "AUTH_KEY_DUPLICATED"
    REVOKED = "SESSION_REVOKED"
    EXPIRED = "SESSION_EXPIRED"


_CODES: Final = {DeadKey.DUPLICATED: 406}


@dataclass(slots=True)
class _PacketRule(Rule):
    code: int = -404
    shape: Shape = Shape.FRAMED
    close: bool = True


class LinkFaults(Faulty):
    """Faults of connections, and of the auth keys that are used on them."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._refused_until = 0.0
        #: Faults of the next packets.
        self.packets: list[_PacketRule] = []
        #: Dead auth keys by their id.
        self.dead: dict[bytes, DeadKey] = {}
        #: Whether a second main session on an auth key ends both.
        self.single = False

    def clear(self) -> None:
        super().clear()
        self._refused_until = 0.0
        self.packets.clear()
        self.dead.clear()
        self.single = False
        self.set_clock(0)

    def active(self) -> Iterator[Active]:
        yield from super().active()
        world = self._server.world
        if self.refusing:
            until = world.now() + self._refused_until - time.monotonic()
            yield Active("refuse", "new connections are refused", self.accept, until=until)
        for rule in self.packets:
            if rule.left > 0 and world.now() < rule.until:
                end, text = partial(self._end_packet, rule), f"packets are answered with {rule.code}"
                yield Active(f"packet {id(rule)}", text, end, rule.account, rule.left, rule.until)
        if self.dead:
            yield Active("dead", f"{len(self.dead)} auth keys are dead", self.revive_keys)
        if self.single:
            text = "a second session on an auth key ends both"
            yield Active("single", text, partial(self.end_second_sessions, False))
        if error := world.clock_error:
            text = f"the clock is {abs(error):g} s {'ahead' if error > 0 else 'behind'}"
            yield Active("clock", text, partial(self.set_clock, 0))

    def drop(self, account: int | None = None) -> int:
        """Close the connections of one account, or all; return the number."""
        return self._server.drop(account)

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for this long; open connections stay."""
        self._refused_until = time.monotonic() + seconds

    def accept(self) -> None:
        """End `refuse`."""
        self._refused_until = 0.0

    async def restart(self, down: float = 0.0) -> None:
        """Stop the server and start it `down` seconds later; world, auth keys, logins and faults are kept."""
        await self._server.restart(down)

    def set_clock(self, ahead: float) -> None:
        """Set the server's clock `ahead` seconds ahead of the true time; negative: behind, 0: correct.

        Dates, salts and msg_ids follow it at once, also on open connections.
        """
        self._server.world.clock_error = ahead

    def transport_error(
        self,
        code: int,
        *,
        times: int | None = None,
        seconds: float | None = None,
        account: int | None = None,
        shape: Shape = Shape.FRAMED,
        close: bool = True,
    ) -> None:
        """Answer the next packets with a transport error such as −404 or −429 instead of processing them.

        Without `account` also the packets of a key exchange. With `close` the connection is closed then.
        """
        left, until = self._lasting(times, seconds)
        self.packets.append(_PacketRule(account, left, until, code, shape, close))

    def send_transport_error(
        self, code: int, *, account: int | None = None, shape: Shape = Shape.FRAMED, close: bool = True
    ) -> int:
        """Send a transport error at once on the open connections; return their number."""
        connections = self._server.connections_of(account)
        for connection in connections:
            _send_error(connection, _PacketRule(account, 1, code=code, shape=shape, close=close))
        return len(connections)

    def kill_keys(
        self, account: int | None = None, answer: DeadKey = DeadKey.UNKNOWN, *, key: bytes | None = None
    ) -> int:
        """Make auth keys dead until `revive_keys`; return their number. Later keys of the account are alive.

        `key` is the eight bytes of an auth key id; without it, all keys logged in to the account now.
        """
        keys = self._server.keys_of(account) if key is None else [key]
        self.dead.update(dict.fromkeys(keys, answer))
        return len(keys)

    def revive_keys(self) -> None:
        """Make all dead auth keys valid again."""
        self.dead.clear()
        self._server.nudge()

    def end_second_sessions(self, single: bool) -> None:
        """Set whether a second main session on an auth key kills the key with AUTH_KEY_DUPLICATED.

        A main session is connected and gets updates. Both sessions end, and the key stays dead.
        """
        self.single = single

    async def open_dc(self, dc_id: int, *, own_key: bool = False) -> int:
        """Listen as a further data centre, with a server key of its own or the same; return the port."""
        return await self._server.open_dc(dc_id, own_key=own_key)

    def move(self, account: int, dc_id: int) -> None:
        """Make a data centre the home of an account: others answer its calls with USER_MIGRATE_n."""
        self._server.world.move(account, dc_id)

    def _end_packet(self, rule: _PacketRule) -> None:
        self.packets = [each for each in self.packets if each is not rule]

    # For the server.

    @property
    def refusing(self) -> bool:
        """Whether new connections are refused now."""
        return self._refused_until > 0 and time.monotonic() < self._refused_until

    def obstruct(self, connection: Connected, account: int | None) -> bool:
        """Answer a packet with a transport error; return False if there is no such fault for it."""
        now = self._server.world.now()
        self.packets = [rule for rule in self.packets if rule.left > 0 and now < rule.until]
        rule = next((rule for rule in self.packets if rule.concerns(account, now)), None)
        if rule is None:
            return False
        rule.left -= 1
        _send_error(connection, rule)
        return True

    def dead_key(self, key: bytes) -> RpcError | None:
        """Return the RPC error that requests of this auth key get; None if they are carried out."""
        answer = self.dead.get(key)
        if answer is None or answer is DeadKey.UNKNOWN:
            return None
        return RpcError(_CODES.get(answer, 401), answer.value)


def _send_error(connection: Connected, rule: _PacketRule) -> None:
    error = struct.pack("<i", rule.code)
    match rule.shape:
        case Shape.FRAMED:
            connection.send(error)
        case Shape.BARE:
            connection.send_bare(error)
        case Shape.TRIPLE:
            connection.send_bare(error * 3)
    if rule.close:
        connection.close()
