"""What all faults share: the server they belong to, and how long a fault lasts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from telethon.tl import types

from ..world import World
from .active import Active


class Peer(Protocol):
    """A connected session, as far as faults look at it."""

    account: int | None
    #: Auth key id and session id.
    key: tuple[bytes, int]
    #: Updates that are held back, to be sent in reverse order.
    stash: list[bytes]


class Connected(Protocol):
    """An open connection, as far as faults use it."""

    def send(self, payload: bytes) -> None:
        """Write one payload in the client's transport."""

    def send_bare(self, data: bytes) -> None:
        """Write bytes that are not framed; an obfuscated stream stays obfuscated."""

    def close(self) -> None:
        """Close the connection after sending what was written."""


class Server(Protocol):
    """The part of the server that faults use."""

    @property
    def world(self) -> World: ...

    def drop(self, account: int | None = None) -> int:
        """Close the connections of one account, or all; return the number."""

    def nudge(self, account: int | None = None) -> None:
        """Check again whether there are updates to send, for one account or for all."""

    async def restart(self, down: float = 0.0) -> None:
        """Stop, wait `down` seconds and start; world, auth keys and logins are kept."""

    def connections_of(self, account: int | None = None) -> Sequence[Connected]:
        """Return the open connections of one account, or all."""

    def sessions_of(self, account: int | None = None) -> list[tuple[bytes, int]]:
        """Return the connected sessions of one account, or all, as (auth key id, session id)."""

    def keys_of(self, account: int | None = None) -> list[bytes]:
        """Return the ids of the auth keys that are logged in to an account; None: of all auth keys."""

    async def open_dc(self, dc_id: int, *, own_key: bool = False) -> int:
        """Listen as a further data centre; return the port."""

    def hand(self, account: int, updates: types.Updates | bytes) -> int:
        """Send an Updates object, or any bytes, to an account's connected sessions; return their number."""


@dataclass(slots=True)
class Rule:
    """Whom a fault concerns, and how often or until when."""

    #: An account id; None: all accounts, also clients that are not logged in.
    account: int | None
    #: The number of times left.
    left: float
    #: The time at which the fault ends, by the server's clock.
    until: float = math.inf

    def concerns(self, account: int | None, now: float) -> bool:
        """Return whether the fault is on for this account."""
        return self.left > 0 and now < self.until and (self.account is None or self.account == account)


class Faulty:
    """The base of the faults of each subject."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def clear(self) -> None:
        """Switch off all faults of this subject."""

    def active(self) -> Iterator[Active]:
        """Yield the faults of this subject that are on now."""
        yield from ()

    def _lasting(self, times: int | None, seconds: float | None) -> tuple[float, float]:
        """Return (number of times, time at which it ends): 1 time if neither is given."""
        if seconds is None:
            return (1 if times is None else times), math.inf
        return (math.inf if times is None else times), self._server.world.now() + seconds
