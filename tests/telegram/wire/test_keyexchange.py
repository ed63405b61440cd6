"""The exchange of an auth key: what Telethon computes wrongly is computed again, over the same connection."""

from __future__ import annotations

import struct
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from telethon.crypto import factorization, rsa
from telethon.network import authenticator

from tests.sandbox.conftest import server_key
from tgbot.sandbox.exchange import Exchange
from tgbot.telegram.wire.keyexchange import make_key

REQ_PQ_MULTI = struct.pack("<I", 0xBE7E8EF1)


class ToExchange:
    """A connection to the sandbox's side of the exchange, without a network; counts how often it began."""

    def __init__(self) -> None:
        self.exchange = Exchange(server_key(), Random(1).randbytes, lambda: 1_700_000_000.0)
        self.begun = 0
        self._answer = b""

    async def send(self, data: bytes) -> None:
        if data[20:24] == REQ_PQ_MULTI:
            self.begun += 1
        self._answer = self.exchange.step(data) or b""

    async def recv(self) -> bytes:
        return self._answer


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    rsa.add_key(server_key().pem, old=False)
    monkeypatch.setattr(authenticator, "os", SimpleNamespace(urandom=Random(3).randbytes))
    return ToExchange()


async def test_both_sides_have_the_same_key(connection: Any) -> None:
    key, ahead = await make_key(connection)
    assert key.key == connection.exchange.auth_key
    assert ahead < 0
    assert connection.begun == 1


async def test_a_key_that_begins_with_a_zero_which_telethon_drops_is_made_again(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With these random bytes the first key is such a one.
    monkeypatch.setattr(authenticator, "os", SimpleNamespace(urandom=Random(42).randbytes))
    key, _ = await make_key(connection)
    assert key.key == connection.exchange.auth_key
    assert connection.begun == 2


async def test_factors_that_telethon_does_not_find_are_not_sent(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From this start its walk stands still: 2² + (pq - 2) is 2 again, and it takes 1 and pq for the factors.
    drawn = iter((2, -2, 1))  # modulo pq
    later = Random(3)

    def randint(least: int, most: int) -> int:
        return next(drawn, 0) % (most + 1) or later.randint(least, most)

    monkeypatch.setattr(factorization, "randint", randint)
    key, _ = await make_key(connection)
    assert key.key == connection.exchange.auth_key
    assert connection.begun == 2
