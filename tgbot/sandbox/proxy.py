"""MTProto proxy secrets: by the proxy setting of Telegram's apps the sandbox is reached as its own proxy.

Source: https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

#: The first byte of a secret that asks for the padded intermediate transport.
_PADDED = 0xDD
#: The first byte of a secret that asks for TLS around the connection.
_TLS = 0xEE
_LENGTH = 16


class SecretError(ValueError):
    """The bytes are no secret that the sandbox has; the message says why, without the bytes."""


@dataclass(frozen=True, slots=True)
class ProxySecret:
    """The secret of a proxy: 16 bytes, and whether its link asks clients for the padded transport."""

    key: bytes = field(repr=False)
    padded: bool = False

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Read 16 bytes, or 0xdd and 16 bytes; raise SecretError for anything else."""
        if secret[:1] == bytes([_TLS]) and len(secret) > _LENGTH:
            raise SecretError("a secret that begins with ee asks for TLS, which the sandbox does not have")
        if len(secret) == _LENGTH:
            return cls(secret)
        if len(secret) == _LENGTH + 1 and secret[0] == _PADDED:
            return cls(secret[1:], padded=True)
        raise SecretError(f"a proxy secret has 16 bytes, or dd and 16 bytes, not {len(secret)}")

    @classmethod
    def derive(cls, seed: bytes) -> Self:
        """Return the secret that belongs to a private key, so that it need not be kept beside the key."""
        return cls(sha256(b"proxy secret" + seed).digest()[:_LENGTH])

    @property
    def hex(self) -> str:
        """The digits that clients are given."""
        return ("dd" if self.padded else "") + self.key.hex()

    def link(self, host: str, port: int) -> str:
        """Return the link that sets this proxy in Telegram's apps."""
        return f"tg://proxy?server={host}&port={port}&secret={self.hex}"


def secret_bytes(text: str) -> bytes:
    """Return the bytes of a secret in hexadecimal digits; raise SecretError if the text is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise SecretError("a proxy secret is written in hexadecimal digits") from None
