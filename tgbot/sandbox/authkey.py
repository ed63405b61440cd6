"""Auth keys and their salts: MTProto 2.0 encryption, server side.

Source: https://core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector
"""

import struct
from hashlib import sha1, sha256

import cryptg

_SALT_SECONDS = 1800


class SessionError(Exception):
    """A packet that MTProto has no answer for; the connection must be closed."""


class AuthKey:
    """A key that client and server share, and its salts."""

    __slots__ = (
        "_first_salt",
        "_head",
        "_salts",
        "_since",
        "_slot",
        "_to_client",
        "_to_server",
        "key",
        "name",
    )

    def __init__(self, key: bytes, first_salt: int, since: float) -> None:
        self.key = key
        #: The auth key id: the first eight bytes of each payload.
        self.name = sha1(key).digest()[12:]
        self._to_server = key[0:36], key[40:76], key[88:120]
        self._to_client = key[8:44], key[48:84], key[96:128]
        self._first_salt = first_salt
        self._since = since
        self._slot = -1
        self._salts = (0, 0)

    def __repr__(self) -> str:
        return f"<AuthKey {self.name.hex()}>"

    def decrypt(self, payload: bytes) -> bytes:
        """Return the plain text of a client's payload; raise `SessionError` if this key cannot decrypt it."""
        length = len(payload) - 24
        if length < 48 or length % 16:
            raise SessionError(f"an encrypted message cannot have {length} bytes")
        msg_key = payload[8:24]
        one, two, check = self._to_server
        plain: bytes = cryptg.decrypt_ige(payload[24:], *_aes(one, two, msg_key))
        if sha256(check + plain).digest()[8:24] != msg_key:
            raise SessionError("msg_key is not that of the message")
        return plain

    def ack_token(self, plain: bytes) -> int:
        """Return the token of the quick ack for a client's decrypted message."""
        return int.from_bytes(sha256(self._to_server[2] + plain).digest()[:4], "little")

    def encrypt(self, plain: bytes, padding: bytes) -> bytes:
        """Return the payload for a client; the length of plain text and padding must be a multiple of 16."""
        plain += padding
        one, two, check = self._to_client
        msg_key = sha256(check + plain).digest()[8:24]
        return self.name + msg_key + bytes(cryptg.encrypt_ige(plain, *_aes(one, two, msg_key)))

    def salt(self, now: float) -> int:
        """Return the salt that is valid at this time."""
        self._turn(now)
        return self._salts[0]

    def takes(self, salt: int, now: float) -> bool:
        """Return whether a client may use this salt at this time."""
        self._turn(now)
        return salt in self._salts or (
            salt == self._first_salt and self._since <= now < self._since + 2 * _SALT_SECONDS
        )

    def future_salts(self, now: float, count: int) -> list[tuple[int, int, int]]:
        """Return (valid since, valid until, salt) for the current half hour and the following ones."""
        slot = int(now) // _SALT_SECONDS
        return [
            (s * _SALT_SECONDS, (s + 2) * _SALT_SECONDS, self._at(s))
            for s in range(slot, slot + max(1, min(count, 64)))
        ]

    def _turn(self, now: float) -> None:
        slot = int(now) // _SALT_SECONDS
        if slot != self._slot:
            self._slot = slot
            self._salts = (self._at(slot), self._at(slot - 1))

    def _at(self, slot: int) -> int:
        # Derived from the key, so that nothing has to be stored for a restart.
        digest = sha256(b"salt" + self.key + struct.pack("<q", slot)).digest()
        return int.from_bytes(digest[:8], "little", signed=True)


def _aes(one: bytes, two: bytes, msg_key: bytes) -> tuple[bytes, bytes]:
    a, b = sha256(msg_key + one).digest(), sha256(two + msg_key).digest()
    return a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32]
