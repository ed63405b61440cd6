"""The auth key exchange, with a client written in this file, and with Telethon's own code."""

import contextlib
import struct
from collections.abc import Callable
from hashlib import sha1, sha256
from random import Random
from types import SimpleNamespace
from typing import Any

import cryptg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.crypto import Factorization, factorization, rsa
from telethon.extensions import BinaryReader
from telethon.network import authenticator
from telethon.tl import functions, types

from tgbot.sandbox import exchanges
from tgbot.sandbox.exchange import DH_PRIME, Exchange, ExchangeError, ServerKey, Stage, WrongDc
from tgbot.sandbox.exchanges import KEPT_SECONDS, Exchanges

KEY = ServerKey.generate()
NOW = 1_700_000_000.25


def new_exchange(seed: int = 1, *, taken: Callable[[int], bool] = lambda key_id: False) -> Exchange:
    return Exchange(KEY, Random(seed).randbytes, lambda: NOW, dc_id=2, taken=taken)


def wrap(request: Any) -> bytes:
    body = bytes(request)
    return struct.pack("<qqI", 0, 4, len(body)) + body


def ask(exchange: Exchange, request: Any) -> Any:
    answer = exchange.step(wrap(request))
    assert answer is not None
    key_id, msg_id, length = struct.unpack("<qqI", answer[:20])
    assert key_id == 0
    assert msg_id % 4 == 1
    assert length == len(answer) - 20
    return BinaryReader(answer[20:]).tgread_object()


class ByHand:
    """A client with a method for each step, so that a test can make any of them wrong."""

    def __init__(self, seed: int = 7) -> None:
        self.random = Random(seed)
        self.nonce = self.random.getrandbits(120)
        self.new_nonce = self.random.getrandbits(250)
        self.server_nonce = 0
        self.pq = self.p = self.q = 0
        self.dc: int | None = 2
        self.expires: int | None = None
        self.aes = (b"", b"")
        self.g_a = 0
        self.b = self.random.getrandbits(2040)

    def begin(self, exchange: Exchange, request: Any = functions.ReqPqMultiRequest) -> None:
        res = ask(exchange, request(nonce=self.nonce))
        assert res.nonce == self.nonce
        assert res.server_public_key_fingerprints == [KEY.fingerprint]
        self.server_nonce = res.server_nonce
        self.pq = int.from_bytes(res.pq, "big")
        self.p, self.q = Factorization.factorize(self.pq)

    def inner(self) -> bytes:
        fields: dict[str, Any] = {
            "pq": self.pq.to_bytes(8, "big"),
            "p": self.p.to_bytes(4, "big"),
            "q": self.q.to_bytes(4, "big"),
            "nonce": self.nonce,
            "server_nonce": self.server_nonce,
            "new_nonce": self.new_nonce,
        }
        match (self.dc, self.expires):
            case (None, None):
                return bytes(types.PQInnerData(**fields))
            case (None, _):
                body = bytes(types.PQInnerData(**fields))[4:]
                return struct.pack("<I", 0x3C6A84D4) + body + struct.pack("<i", self.expires)
            case (_, None):
                return bytes(types.PQInnerDataDc(**fields, dc=self.dc))
            case _:
                return bytes(types.PQInnerDataTempDc(**fields, dc=self.dc, expires_in=self.expires))

    def rsa_pad(self, data: bytes) -> bytes:
        n, e = numbers()
        while True:
            padded = data + self.random.randbytes(192 - len(data))
            key = self.random.randbytes(32)
            hidden = cryptg.encrypt_ige(padded[::-1] + sha256(key + padded).digest(), key, bytes(32))
            xored = bytes(a ^ b for a, b in zip(key, sha256(hidden).digest(), strict=True))
            number = int.from_bytes(xored + hidden, "big")
            if number < n:
                return pow(number, e, n).to_bytes(256, "big")

    def sha1_pad(self, data: bytes, spoiled: int = 0) -> bytes:
        n, e = numbers()
        padded = sha1(data).digest() + data
        padded += self.random.randbytes(255 - len(padded))
        padded = bytes([padded[0] ^ spoiled]) + padded[1:]
        return pow(int.from_bytes(padded, "big"), e, n).to_bytes(256, "big")

    def params(self, exchange: Exchange, encrypted: bytes) -> None:
        answer = ask(
            exchange,
            functions.ReqDHParamsRequest(
                nonce=self.nonce,
                server_nonce=self.server_nonce,
                p=self.p.to_bytes(4, "big"),
                q=self.q.to_bytes(4, "big"),
                public_key_fingerprint=KEY.fingerprint,
                encrypted_data=encrypted,
            ),
        )
        assert isinstance(answer, types.ServerDHParamsOk)
        new, server = (
            self.new_nonce.to_bytes(32, "little"),
            self.server_nonce.to_bytes(16, "little", signed=True),
        )
        one, two = sha1(new + server).digest(), sha1(server + new).digest()
        self.aes = (one + two[:12], two[12:] + sha1(new + new).digest() + new[:4])
        clear = cryptg.decrypt_ige(answer.encrypted_answer, *self.aes)
        inner = BinaryReader(clear[20:]).tgread_object()
        assert sha1(bytes(inner)).digest() == clear[:20]
        assert inner.server_time == int(NOW)
        assert int.from_bytes(inner.dh_prime, "big") == DH_PRIME
        self.g_a = int.from_bytes(inner.g_a, "big")
        assert 1 << 1984 < self.g_a < DH_PRIME - (1 << 1984)

    def finish(self, exchange: Exchange, *, retry_id: int = 0, g_b: int | None = None, cut: int = 0) -> Any:
        g_b = pow(3, self.b, DH_PRIME) if g_b is None else g_b
        inner = bytes(
            types.ClientDHInnerData(
                nonce=self.nonce,
                server_nonce=self.server_nonce,
                retry_id=retry_id,
                g_b=g_b.to_bytes(256, "big"),
            )
        )
        clear = sha1(inner).digest() + inner
        clear += self.random.randbytes(-len(clear) % 16)
        encrypted = cryptg.encrypt_ige(clear, *self.aes)
        return ask(
            exchange,
            functions.SetClientDHParamsRequest(
                nonce=self.nonce,
                server_nonce=self.server_nonce,
                encrypted_data=encrypted[: len(encrypted) - cut],
            ),
        )

    @property
    def key(self) -> bytes:
        return pow(self.g_a, self.b, DH_PRIME).to_bytes(256, "big")

    def nonce_hash(self, number: int) -> int:
        data = self.new_nonce.to_bytes(32, "little") + bytes([number]) + sha1(self.key).digest()[:8]
        return int.from_bytes(sha1(data).digest()[4:], "little", signed=True)


def numbers() -> tuple[int, int]:
    public = rsa.rsa.PublicKey.load_pkcs1(KEY.pem.encode())
    return public.n, public.e


@pytest.mark.parametrize("scheme", [ByHand.rsa_pad, ByHand.sha1_pad])
@pytest.mark.parametrize("request_pq", [functions.ReqPqMultiRequest, functions.ReqPqRequest])
@pytest.mark.parametrize(("dc", "expires"), [(2, None), (None, None), (10002, 3600), (None, 60)])
def test_both_sides_come_to_the_same_key(
    scheme: Callable[[ByHand, bytes], bytes], request_pq: Any, dc: int | None, expires: int | None
) -> None:
    exchange, client = new_exchange(), ByHand()
    client.dc, client.expires = dc, expires
    client.begin(exchange, request_pq)
    assert 1 < client.p < client.q < 1 << 31
    assert all(number % 2 for number in (client.p, client.q))
    client.params(exchange, scheme(client, client.inner()))
    answer = client.finish(exchange)
    assert isinstance(answer, types.DhGenOk)
    assert answer.new_nonce_hash1 == client.nonce_hash(1)
    assert exchange.stage is Stage.DONE
    assert exchange.auth_key == client.key
    low = (1 << 64) - 1
    assert exchange.salt & low == (client.new_nonce ^ client.server_nonce) & low
    assert exchange.expires_in == expires


async def test_telethons_own_exchange_comes_to_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    # With random bytes one key in 256 would begin with a zero byte, which Telethon drops: it then retries.
    monkeypatch.setattr(authenticator, "os", SimpleNamespace(urandom=Random(3).randbytes))
    monkeypatch.setattr(factorization, "randint", Random(3).randint)
    exchange = new_exchange()

    class Wire:
        async def send(self, request: Any) -> Any:
            return ask(exchange, request)

    rsa.add_key(KEY.pem, old=False)
    auth_key, _ = await authenticator.do_authentication(Wire())
    assert exchange.auth_key == auth_key.key


def test_the_factors_are_so_unlike_that_telethon_tells_them_apart() -> None:
    # Of two factors of 28 bits it took 1 and pq instead, once in 12,000 exchanges.
    for seed in range(300):
        client = ByHand()
        client.begin(new_exchange(seed))
        assert client.p * client.q == client.pq
        assert client.p.bit_length() == 17
        assert client.q.bit_length() == 31


def test_a_key_that_is_taken_is_asked_for_again() -> None:
    refused: list[int] = []

    def taken(key_id: int) -> bool:
        refused.append(key_id)
        return len(refused) == 1

    exchange, client = new_exchange(taken=taken), ByHand()
    client.begin(exchange)
    client.params(exchange, client.rsa_pad(client.inner()))
    again = client.finish(exchange)
    assert isinstance(again, types.DhGenRetry)
    assert again.new_nonce_hash2 == client.nonce_hash(2)
    aux_hash = int.from_bytes(sha1(client.key).digest()[:8], "little", signed=True)
    client.b += 1
    assert isinstance(client.finish(exchange, retry_id=aux_hash), types.DhGenOk)
    assert exchange.auth_key == client.key
    assert refused[1] == int.from_bytes(sha1(client.key).digest()[12:], "little")


@pytest.mark.parametrize("g_b", [1, DH_PRIME - 1, 1 << 1983, DH_PRIME - (1 << 1983)])
def test_a_g_b_outside_the_safe_range_fails_the_exchange(g_b: int) -> None:
    exchange, client = new_exchange(), ByHand()
    client.begin(exchange)
    client.params(exchange, client.rsa_pad(client.inner()))
    assert isinstance(client.finish(exchange, g_b=g_b), types.DhGenFail)
    assert exchange.stage is Stage.CLIENT


def test_a_client_that_breaks_off_may_begin_anew() -> None:
    exchange, client = new_exchange(), ByHand()
    client.begin(exchange)
    client.params(exchange, client.rsa_pad(client.inner()))
    client.begin(exchange)
    client.params(exchange, client.sha1_pad(client.inner()))
    assert isinstance(client.finish(exchange), types.DhGenOk)
    assert exchange.step(wrap(types.MsgsAck([1]))) is None


def test_a_step_whose_answer_was_lost_is_answered_again() -> None:
    exchange, client = begun()
    server_nonce = client.server_nonce
    client.begin(exchange)
    assert client.server_nonce == server_nonce
    encrypted = client.rsa_pad(client.inner())
    client.params(exchange, encrypted)
    g_a = client.g_a
    client.params(exchange, encrypted)
    assert client.g_a == g_a
    client.random = Random(8)
    answer = client.finish(exchange)
    assert exchange.stage is Stage.DONE
    client.random = Random(8)
    assert client.finish(exchange).to_dict() == answer.to_dict()


def asked(nonce: int) -> bytes:
    return wrap(functions.ReqPqMultiRequest(nonce=nonce))


def test_an_exchange_is_found_by_its_nonce_in_its_own_data_centre_only() -> None:
    kept = Exchanges(lambda: NOW)
    first = kept.of(2, asked(1), new_exchange)
    assert kept.of(2, asked(1), new_exchange) is first
    assert kept.of(2, asked(2), new_exchange) is not first
    assert kept.of(4, asked(1), new_exchange) is not first


def test_exchanges_are_kept_for_a_time_and_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "MAX_KEPT", 3)
    now = NOW
    kept = Exchanges(lambda: now)
    first = kept.of(2, asked(0), new_exchange)
    for nonce in range(1, 10):
        kept.of(2, asked(nonce), new_exchange)
    assert len(kept) == 3
    assert kept.of(2, asked(0), new_exchange) is not first
    young = kept.of(2, asked(9), new_exchange)
    now += KEPT_SECONDS - 1
    assert kept.of(2, asked(9), new_exchange) is young
    now += 1
    assert kept.of(2, asked(9), new_exchange) is not young
    kept.of(2, wrap(types.MsgsAck([1])), new_exchange)
    assert len(kept) == 1


def test_a_clock_that_is_set_back_does_not_keep_an_exchange_for_longer() -> None:
    now = NOW
    kept = Exchanges(lambda: now)
    first = kept.of(2, asked(1), new_exchange)
    now -= 1
    assert kept.of(2, asked(1), new_exchange) is not first


def begun() -> tuple[Exchange, ByHand]:
    exchange, client = new_exchange(), ByHand()
    client.begin(exchange)
    return exchange, client


def test_wrong_factors_are_refused() -> None:
    exchange, client = begun()
    client.p, client.q = client.q, client.p
    with pytest.raises(ExchangeError, match="factors"):
        client.params(exchange, client.rsa_pad(client.inner()))


def test_another_dc_is_refused() -> None:
    exchange, client = begun()
    client.dc = 4
    with pytest.raises(WrongDc, match="DC 4"):
        client.params(exchange, client.rsa_pad(client.inner()))


@pytest.mark.parametrize("scheme", [ByHand.rsa_pad, ByHand.sha1_pad])
def test_an_inner_part_changed_in_one_bit_is_refused(scheme: Callable[[ByHand, bytes], bytes]) -> None:
    exchange, client = begun()
    inner = bytearray(client.inner())
    inner[40] ^= 1
    with pytest.raises(ExchangeError):
        client.params(exchange, scheme(client, bytes(inner)))


def test_an_inner_part_under_another_sha1_is_refused() -> None:
    exchange, client = begun()
    with pytest.raises(ExchangeError, match="SHA1"):
        client.params(exchange, client.sha1_pad(client.inner(), spoiled=1))


def test_a_client_part_that_was_changed_is_refused() -> None:
    exchange, client = begun()
    client.params(exchange, client.rsa_pad(client.inner()))
    key, iv = client.aes
    client.aes = key, bytes([iv[0] ^ 1]) + iv[1:]
    with pytest.raises(ExchangeError):
        client.finish(exchange)


def test_bytes_that_hold_no_inner_part_are_refused() -> None:
    exchange, client = begun()
    with pytest.raises(ExchangeError, match="no p_q_inner_data"):
        client.params(exchange, client.random.randbytes(255).rjust(256, b"\0"))
    with pytest.raises(ExchangeError, match="modulus"):
        client.params(exchange, b"\xff" * 256)


def test_a_wrong_retry_id_or_a_broken_block_is_refused() -> None:
    exchange, client = begun()
    client.params(exchange, client.rsa_pad(client.inner()))
    with pytest.raises(ExchangeError, match="retry_id"):
        client.finish(exchange, retry_id=5)
    with pytest.raises(ExchangeError, match="multiple of 16"):
        client.finish(exchange, cut=8)


def test_steps_out_of_order_are_refused() -> None:
    exchange, client = begun()
    request = functions.SetClientDHParamsRequest(client.nonce, client.server_nonce, bytes(16))
    with pytest.raises(ExchangeError, match="where req_pq was expected"):
        new_exchange().step(wrap(request))
    with pytest.raises(ExchangeError, match="where req_DH_params was expected"):
        exchange.step(wrap(request))


@settings(max_examples=50)
@given(st.binary(max_size=100), st.booleans())
def test_no_bytes_make_the_exchange_fail_otherwise_than_by_its_own_error(data: bytes, framed: bool) -> None:
    exchange, _ = begun()
    with contextlib.suppress(ExchangeError):
        exchange.step(struct.pack("<qqI", 0, 4, len(data)) + data if framed else data)


def test_the_same_random_bytes_give_the_same_exchange() -> None:
    first, second = new_exchange(5), new_exchange(5)
    request = functions.ReqPqMultiRequest(nonce=1)
    assert first.step(wrap(request)) == second.step(wrap(request))


def test_a_key_survives_its_pem_and_names_itself_as_telethon_does() -> None:
    again = ServerKey.from_pem(KEY.to_pem())
    assert again.fingerprint == KEY.fingerprint
    assert again.pem.startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert rsa._compute_fingerprint(rsa.rsa.PublicKey.load_pkcs1(again.pem.encode())) == KEY.fingerprint
    assert "PRIVATE" not in repr(again)
    with pytest.raises(ValueError, match="2048"):
        ServerKey.from_pem(ELLIPTIC)


ELLIPTIC = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
"""
