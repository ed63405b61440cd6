"""A private copy of a program or a library, with the sandbox's public key in the place of Telegram's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

#: A public key of 2048 bits, as programs and libraries have it compiled in.
_PEM: Final = re.compile(rb"-----BEGIN RSA PUBLIC KEY-----[A-Za-z0-9+/=\n]{367}-----END RSA PUBLIC KEY-----")


class CopyError(Exception):
    """There can be no private copy; the message says why."""


def with_key(content: bytes, pem: str) -> bytes:
    """Return the content of a file with the key `pem` in the place of each of its keys; the length stays.

    Raise CopyError if it has no key of 2048 bits, or if `pem` is not one.
    """
    key = pem.strip().encode()
    if not _PEM.fullmatch(key):
        raise CopyError(f"the sandbox's key has no 2048 bits: {len(key)} bytes as PEM, where 425 are needed")
    changed, count = _PEM.subn(lambda _: key, content)
    if not count:
        raise CopyError("no public key of 2048 bits is in it")
    return changed


def private_copy(original: Path, pem: str, to: Path) -> None:
    """Write a copy of a file with another key, which runs if the original does; raise CopyError as above."""
    try:
        to.write_bytes(with_key(original.read_bytes(), pem))
    except CopyError as error:
        raise CopyError(f"{original} cannot be made to know the sandbox: {error}") from None
    to.chmod(original.stat().st_mode & 0o777)
