"""The proof of auth.bindTempAuthKey: who binds a temporary auth key has the permanent one as well.

Source: https://core.telegram.org/method/auth.bindTempAuthKey, /mtproto/description_v1
"""

from __future__ import annotations

import struct
from hashlib import sha1
from typing import NamedTuple

import cryptg

_BIND_AUTH_KEY_INNER = 0x75A3F765
_PROOF = struct.Struct("<16xqiiI4qi")
#: The length of bind_auth_key_inner.
_INNER_LENGTH = 40


class Binding(NamedTuple):
    """What a proof says; keys are given by their ids."""

    msg_id: int
    nonce: int
    temporary: int
    permanent: int
    session_id: int
    expires_at: int


def read_proof(key: bytes, encrypted: bytes) -> Binding | None:
    """Return what the proof says, None if it is not encrypted with this permanent auth key.

    It is one message of MTProto 1.0, with 16 random bytes in place of salt and session id.
    """
    body = encrypted[24:]
    if encrypted[:8] != sha1(key).digest()[12:] or not _PROOF.size <= len(body) or len(body) % 16:
        return None
    msg_key = encrypted[8:24]
    plain: bytes = cryptg.decrypt_ige(body, *_aes(key, msg_key))
    if len(plain) - _PROOF.size >= 16 or sha1(plain[: _PROOF.size]).digest()[4:20] != msg_key:
        return None
    msg_id, _, length, constructor, *said = _PROOF.unpack_from(plain)
    if length != _INNER_LENGTH or constructor != _BIND_AUTH_KEY_INNER:
        return None
    return Binding(msg_id, *said)


def _aes(key: bytes, msg_key: bytes) -> tuple[bytes, bytes]:
    """Return key and initialization vector of MTProto 1.0, from the client to the server."""
    a = sha1(msg_key + key[:32]).digest()
    b = sha1(key[32:48] + msg_key + key[48:64]).digest()
    c = sha1(key[64:96] + msg_key).digest()
    d = sha1(msg_key + key[96:128]).digest()
    return a[:8] + b[8:20] + c[4:16], a[8:20] + b[:8] + c[16:20] + d[:8]
