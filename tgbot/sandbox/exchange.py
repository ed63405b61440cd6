"""The auth key exchange, server side, as pure steps: randomness, key and time are arguments.

Source: https://core.telegram.org/mtproto/auth_key
"""

import struct
from collections.abc import Callable
from enum import Enum
from hashlib import sha1, sha256
from random import Random
from typing import Self

import cryptg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .mtproto import MSGS_ACK, VECTOR, tl_bytes, tl_number
from .primes import prime

#: The 2048-bit safe prime that Telegram's servers use; some clients accept no other.
DH_PRIME = int(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4db"
    "fa336f6e0ac925139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64"
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41"
    "0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4"
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf"
    "6f4fadf034b10403119cd8e3b92fcc5b",
    16,
)
_PRIME_BYTES = DH_PRIME.to_bytes(256, "big")
_GENERATOR = 3
_MARGIN = 1 << (2048 - 64)
#: The sizes of the factors of pq.
_P_BITS, _Q_BITS = 17, 31

_REQ_PQ = 0x60469778
_REQ_PQ_MULTI = 0xBE7E8EF1
_RES_PQ = 0x05162463
_REQ_DH_PARAMS = 0xD712E4BE
_DH_PARAMS_OK = 0xD0E8075C
_SET_CLIENT_DH_PARAMS = 0xF5045F1F
_DH_INNER = 0xB5890DBA
_CLIENT_DH_INNER = 0x6643B654
_DH_GEN_OK = 0x3BCBF734
_DH_GEN_RETRY = 0x46DC1FB9
_DH_GEN_FAIL = 0xA69DAE02

#: p_q_inner_data and how many ints follow its new_nonce: (dc), (expires_in).
_INNER = {
    0x83C95AEC: (False, False),
    0xA9F55F95: (True, False),
    0x3C6A84D4: (False, True),
    0x56FDDF88: (True, True),
}

_HEADER = struct.Struct("<qqI")


class ExchangeError(Exception):
    """The client's part of the key exchange is wrong; the connection must be closed."""


class WrongDc(ExchangeError):
    """The client makes a key for another data centre; Telegram answers the transport error -444."""


class Stage(Enum):
    """The message that the exchange expects next."""

    #: req_pq or req_pq_multi.
    PQ = "req_pq"
    #: req_DH_params.
    PARAMS = "req_DH_params"
    #: set_client_DH_params, also after dh_gen_retry.
    CLIENT = "set_client_DH_params"
    #: None: `auth_key` and `salt` are set.
    DONE = "nothing more"


class ServerKey:
    """The server's RSA key pair."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        numbers = private.private_numbers()
        self._private = private
        self._p, self._q = numbers.p, numbers.q
        self._dp, self._dq, self._qinv = numbers.dmp1, numbers.dmq1, numbers.iqmp
        n, e = numbers.public_numbers.n, numbers.public_numbers.e
        self._n = n
        #: The key's fingerprint in resPQ: the low 64 bits, signed, of the SHA1 of its TL form.
        self.fingerprint: int = struct.unpack("<q", sha1(tl_number(n) + tl_number(e)).digest()[12:])[0]

    def __repr__(self) -> str:
        return f"<ServerKey {self.fingerprint & 0xFFFFFFFFFFFFFFFF:016x}>"

    @classmethod
    def generate(cls) -> Self:
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Read the output of `to_pem`; raise ValueError unless it is an unencrypted 2048-bit RSA key."""
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != 2048:
            raise ValueError("the server's key must be an RSA key of 2048 bits")
        return cls(key)

    def to_pem(self) -> str:
        """Return the private key as PEM text, so that a later sandbox can use it again."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()

    @property
    def seed(self) -> bytes:
        """Bytes that only the owner of the private key knows."""
        return self._p.to_bytes(128, "big")

    @property
    def pem(self) -> str:
        """The public key in the form that clients read: PKCS#1, "RSA PUBLIC KEY"."""
        return (
            self._private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
            .decode()
        )

    def decrypt(self, data: bytes) -> bytes:
        """Return the 256 decrypted bytes, with their padding."""
        number = int.from_bytes(data, "big")
        if number >= self._n:
            raise ExchangeError("encrypted_data is larger than the key's modulus")
        a, b = pow(number, self._dp, self._p), pow(number, self._dq, self._q)
        return (b + (a - b) * self._qinv % self._p * self._q).to_bytes(256, "big")


class Exchange:
    """One key exchange: `step` takes each unencrypted payload of the client and returns the answer.

    `random` returns bytes, `now` seconds, and `taken` whether an auth key id is in use already (then the
    client must try again). When `stage` is DONE, `auth_key`, `salt` and `expires_in` are set; the last is the
    lifetime of a temporary key in seconds, or None. An `ExchangeError` leaves the exchange as it is. A
    repeated message gets the same answer: the client may not have got it before its connection ended.
    """

    def __init__(
        self,
        key: ServerKey,
        random: Callable[[int], bytes],
        now: Callable[[], float],
        *,
        dc_id: int | None = None,
        taken: Callable[[int], bool] = lambda key_id: False,
    ) -> None:
        self.stage = Stage.PQ
        self.auth_key = b""
        self.salt = 0
        self.expires_in: int | None = None
        self._key = key
        self._bytes = random
        self._now = now
        self._dc_id = dc_id
        self._taken = taken
        self._last_msg_id = 0
        self._nonce = b""
        self._server_nonce = b""
        self._new_nonce = b""
        self._pq = (0, 0)
        self._secret = 0
        self._aes = (b"", b"")
        self._retry_id = 0
        #: The last message of the client, and the answer to it.
        self._last = b"", b""

    def concerns(self, payload: bytes) -> bool:
        """Return whether a payload belongs to this exchange."""
        return self._nonce != b"" and nonce_of(payload) == self._nonce

    def step(self, payload: bytes) -> bytes | None:
        """Return the payload that answers this one; None if the client expects no answer."""
        if len(payload) < 24:
            raise ExchangeError("an unencrypted message has at least 24 bytes")
        key_id, _, length = _HEADER.unpack_from(payload)
        if key_id != 0 or length < 4 or length > len(payload) - 20:
            raise ExchangeError("the length field of an unencrypted message is wrong")
        body = payload[20 : 20 + length]
        if body == self._last[0]:
            return self._pack(self._last[1])
        reader = _Reader(body)
        constructor = reader.u32()
        if constructor == MSGS_ACK:
            return None
        answer = self._answer(constructor, reader)
        self._last = body, answer
        return self._pack(answer)

    def _answer(self, constructor: int, reader: "_Reader") -> bytes:
        if constructor in (_REQ_PQ, _REQ_PQ_MULTI):
            # A client may start again on the same connection at any time.
            return self._res_pq(reader)
        if constructor == _REQ_DH_PARAMS and self.stage is Stage.PARAMS:
            return self._dh_params(reader)
        if constructor == _SET_CLIENT_DH_PARAMS and self.stage is Stage.CLIENT:
            return self._dh_gen(reader)
        raise ExchangeError(f"got {constructor:08x} where {self.stage.value} was expected")

    def _res_pq(self, reader: "_Reader") -> bytes:
        self._nonce = reader.take(16)
        self._server_nonce = self._bytes(16)
        generator = Random(self._bytes(16))
        # Telegram's both have 31 bits. Of such factors Telethon's random walk may find both in the same step:
        # it takes 1 and pq for them then, once in thousands of exchanges. Unlike in size they are told apart.
        self._pq = p, q = prime(generator, _P_BITS), prime(generator, _Q_BITS)
        self.stage = Stage.PARAMS
        # Eight bytes, as at Telegram: a client may read them as a signed number.
        pq = (p * q).to_bytes(8, "big")
        return b"".join(
            (
                struct.pack("<I", _RES_PQ),
                self._nonce,
                self._server_nonce,
                tl_bytes(pq),
                struct.pack("<IIq", VECTOR, 1, self._key.fingerprint),
            )
        )

    def _dh_params(self, reader: "_Reader") -> bytes:
        self._check_nonces(reader)
        p, q = reader.number(), reader.number()
        if (p, q) != self._pq:
            raise ExchangeError("p and q are not the factors of pq")
        if reader.i64() != self._key.fingerprint:
            raise ExchangeError("the client encrypts for another server's key")
        encrypted = reader.bytes()
        if len(encrypted) != 256:
            raise ExchangeError("encrypted_data must have 256 bytes")
        clear = self._key.decrypt(encrypted)
        self._take_inner(_unpad_oaep_plus(clear) or _unpad_sha1(clear))
        self._aes = _temporary_aes(self._new_nonce, self._server_nonce)
        # A secret of 256 bits is strong enough here, and eight times as fast as one of 2048.
        self._secret = int.from_bytes(self._bytes(32), "big") | 1 << 255
        g_a = pow(_GENERATOR, self._secret, DH_PRIME).to_bytes(256, "big")
        inner = b"".join(
            (
                struct.pack("<I", _DH_INNER),
                self._nonce,
                self._server_nonce,
                struct.pack("<i", _GENERATOR),
                tl_bytes(_PRIME_BYTES),
                tl_bytes(g_a),
                struct.pack("<i", int(self._now())),
            )
        )
        answer = sha1(inner).digest() + inner
        answer += self._bytes(-len(answer) % 16)
        self.stage = Stage.CLIENT
        return b"".join(
            (
                struct.pack("<I", _DH_PARAMS_OK),
                self._nonce,
                self._server_nonce,
                tl_bytes(cryptg.encrypt_ige(answer, *self._aes)),
            )
        )

    def _take_inner(self, inner: bytes) -> None:
        reader = _Reader(inner)
        flags = _INNER.get(reader.u32())
        if flags is None:
            raise ExchangeError("encrypted_data holds no p_q_inner_data")
        has_dc, has_expiry = flags
        if reader.number() != self._pq[0] * self._pq[1] or (reader.number(), reader.number()) != self._pq:
            raise ExchangeError("p_q_inner_data is about another pq")
        self._check_nonces(reader)
        self._new_nonce = reader.take(32)
        if has_dc:
            dc_id = reader.i32()
            # Test DCs have 10000 added, media DCs are negative.
            if self._dc_id is not None and abs(dc_id) % 10000 != self._dc_id:
                raise WrongDc(f"the client wants DC {dc_id}, this is DC {self._dc_id}")
        self.expires_in = reader.i32() if has_expiry else None

    def _dh_gen(self, reader: "_Reader") -> bytes:
        self._check_nonces(reader)
        encrypted = reader.bytes()
        if not encrypted or len(encrypted) % 16:
            raise ExchangeError("the length of encrypted_data must be a multiple of 16")
        clear = cryptg.decrypt_ige(encrypted, *self._aes)
        inner = _Reader(clear[20:])
        if inner.u32() != _CLIENT_DH_INNER:
            raise ExchangeError("set_client_DH_params holds no client_DH_inner_data")
        self._check_nonces(inner)
        retry_id, g_b = inner.i64(), inner.number()
        if sha1(clear[20 : 20 + inner.at]).digest() != clear[:20]:
            raise ExchangeError("the SHA1 of client_DH_inner_data is wrong")
        if retry_id != self._retry_id:
            raise ExchangeError("retry_id is not the previous key's auth_key_aux_hash")
        if not _MARGIN <= g_b <= DH_PRIME - _MARGIN:
            return self._gen_answer(_DH_GEN_FAIL, 3, bytes(8))
        auth_key = pow(g_b, self._secret, DH_PRIME).to_bytes(256, "big")
        digest = sha1(auth_key).digest()
        if self._taken(int.from_bytes(digest[12:], "little")):
            self._retry_id = int.from_bytes(digest[:8], "little", signed=True)
            return self._gen_answer(_DH_GEN_RETRY, 2, digest[:8])
        self.auth_key = auth_key
        salt = bytes(a ^ b for a, b in zip(self._new_nonce[:8], self._server_nonce[:8], strict=True))
        self.salt = int.from_bytes(salt, "little", signed=True)
        self.stage = Stage.DONE
        return self._gen_answer(_DH_GEN_OK, 1, digest[:8])

    def _gen_answer(self, constructor: int, number: int, aux_hash: bytes) -> bytes:
        new_nonce_hash = sha1(self._new_nonce + bytes([number]) + aux_hash).digest()[4:]
        return struct.pack("<I", constructor) + self._nonce + self._server_nonce + new_nonce_hash

    def _check_nonces(self, reader: "_Reader") -> None:
        if reader.take(16) != self._nonce or reader.take(16) != self._server_nonce:
            raise ExchangeError("the nonces belong to another exchange")

    def _pack(self, body: bytes) -> bytes:
        msg_id = max(int(self._now() * (1 << 32)) & ~3 | 1, self._last_msg_id + 4)
        self._last_msg_id = msg_id
        return _HEADER.pack(0, msg_id, len(body)) + body


def nonce_of(payload: bytes) -> bytes | None:
    """Return the client's nonce in an unencrypted payload, None if it is no message of an exchange."""
    constructor = int.from_bytes(payload[20:24], "little")
    known = constructor in (_REQ_PQ, _REQ_PQ_MULTI, _REQ_DH_PARAMS, _SET_CLIENT_DH_PARAMS)
    return payload[24:40] if known and len(payload) >= 40 else None


class _Reader:
    """Read the few TL types of the exchange; raise `ExchangeError` at the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self._data):
            raise ExchangeError("the message ends in the middle of a field")
        data, self.at = self._data[self.at : end], end
        return data

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def i32(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def i64(self) -> int:
        return int.from_bytes(self.take(8), "little", signed=True)

    def bytes(self) -> bytes:
        length, head = self.take(1)[0], 1
        if length >= 254:
            length, head = int.from_bytes(self.take(3), "little"), 4
        data = self.take(length)
        self.take(-(head + length) % 4)
        return data

    def number(self) -> int:
        """Read a number written as big-endian bytes."""
        return int.from_bytes(self.bytes(), "big")


def _unpad_oaep_plus(clear: bytes) -> bytes | None:
    """Return the content of an RSA_PAD block; None if this is not RSA_PAD."""
    hidden = clear[32:]
    key = bytes(a ^ b for a, b in zip(clear[:32], sha256(hidden).digest(), strict=True))
    opened = cryptg.decrypt_ige(hidden, key, bytes(32))
    padded = opened[191::-1]
    return padded if sha256(key + padded).digest() == opened[192:] else None


def _unpad_sha1(clear: bytes) -> bytes:
    """Return the content of a block of the old scheme: SHA1, data, padding up to 255 bytes."""
    data = clear[21:]
    try:
        reader = _Reader(data)
        has_dc, has_expiry = _INNER[reader.u32()]
        for _ in range(3):
            reader.bytes()
        reader.take(16 + 16 + 32 + 4 * (has_dc + has_expiry))
    except (KeyError, ExchangeError):
        raise ExchangeError("encrypted_data holds no p_q_inner_data under this key") from None
    if sha1(data[: reader.at]).digest() != clear[1:21]:
        raise ExchangeError("the SHA1 of p_q_inner_data is wrong")
    return data[: reader.at]


def _temporary_aes(new_nonce: bytes, server_nonce: bytes) -> tuple[bytes, bytes]:
    one = sha1(new_nonce + server_nonce).digest()
    two = sha1(server_nonce + new_nonce).digest()
    three = sha1(new_nonce + new_nonce).digest()
    return one + two[:12], two[12:] + three + new_nonce[:4]
