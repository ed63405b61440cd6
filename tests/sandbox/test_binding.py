"""Temporary auth keys and their binding to permanent ones, by a client that makes the proof itself."""

from __future__ import annotations

import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha1
from types import SimpleNamespace
from typing import Any, cast

import cryptg
import pytest
from telethon.crypto import AuthKey
from telethon.tl import functions, types

from tgbot.sandbox.connection import Connection
from tgbot.sandbox.server import Sandbox

from .conftest import Person
from .rawclient import SELF, RawClient, layered, raw
from .test_exchange import ByHand

#: How long a temporary key lasts.
SECONDS = 3600


class FromClient:
    """The keys of MTProto 1.0 from the client to the server, which the proof is encrypted with."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.name = sha1(key).digest()[12:]

    def encrypt(self, plain: bytes, padding: bytes = b"", msg_key: bytes = b"") -> bytes:
        msg_key = msg_key or sha1(plain).digest()[4:20]
        key = self.key
        a, d = sha1(msg_key + key[0:32]).digest(), sha1(msg_key + key[96:128]).digest()
        b = sha1(key[32:48] + msg_key + key[48:64]).digest()
        c = sha1(key[64:96] + msg_key).digest()
        aes, iv = a[:8] + b[8:20] + c[4:16], a[8:20] + b[:8] + c[16:20] + d[:8]
        padding = padding or os.urandom(-len(plain) % 16)
        return self.name + msg_key + bytes(cryptg.encrypt_ige(plain + padding, aes, iv))


def signed(name: bytes) -> int:
    return int.from_bytes(name, "little", signed=True)


@asynccontextmanager
async def temporary(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RawClient]:
    """Yield a session of a new temporary key."""
    now = sandbox.world.date()
    monkeypatch.setattr("tests.sandbox.test_exchange.KEY", sandbox.key)
    monkeypatch.setattr("tests.sandbox.test_exchange.NOW", now)
    monkeypatch.setattr(sandbox.world, "_true_time", lambda: now)
    at = cast(Connection, SimpleNamespace(dc_id=2))
    exchange = sandbox.exchange(at, bytes(24))
    client = ByHand(int.from_bytes(os.urandom(4), "big"))
    client.expires = SECONDS
    client.begin(exchange)
    client.params(exchange, client.rsa_pad(client.inner()))
    client.finish(exchange)
    sandbox.exchanged(at, exchange)
    state = SimpleNamespace(salt=exchange.salt)
    session = SimpleNamespace(auth_key=AuthKey(client.key))
    telethon = SimpleNamespace(session=session, _sender=SimpleNamespace(_state=state))
    async with raw(sandbox, telethon) as opened:
        yield opened


class Binder:
    """What a right client says; a test makes any of it wrong."""

    def __init__(self, sandbox: Sandbox, client: RawClient, permanent: bytes) -> None:
        self.client = client
        self.permanent = FromClient(permanent)
        self.expires_at = sandbox.world.date() + 600
        self.nonce = self.said_nonce = 77
        self.session_id = client.state.id
        self.temporary = sha1(client.state.auth_key.key).digest()[12:]
        self.length = 40
        self.padding = b""
        #: A key that opens the message and is not its SHA1.
        self.msg_key = b""
        self.msg_id: int | None = None
        self.spoiled = 0

    async def bind(self) -> Any:
        """Return the answer to auth.bindTempAuthKey."""
        client, own = self.client, self.client.state._get_new_msg_id()
        inner = struct.pack(
            "<I4qi",
            0x75A3F765,
            self.nonce,
            signed(self.temporary),
            signed(self.permanent.name),
            self.session_id,
            self.expires_at,
        )
        plain = os.urandom(16) + struct.pack("<qii", self.msg_id or own, 0, self.length) + inner
        proof = bytearray(self.permanent.encrypt(plain, self.padding, self.msg_key))
        proof[-1] ^= self.spoiled
        call = functions.auth.BindTempAuthKeyRequest(
            signed(self.permanent.name), self.said_nonce, self.expires_at, bytes(proof)
        )
        client.send(call, msg_id=own)
        answer = await client.result(own)
        return answer.error_message if isinstance(answer, types.RpcError) else answer


async def test_a_temporary_key_takes_over_the_login_it_is_bound_to(
    sandbox: Sandbox, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await person("Ann")
    async with temporary(sandbox, monkeypatch) as client:
        binder = Binder(sandbox, client, ann.session.auth_key.key)
        me = layered(functions.users.GetUsersRequest([SELF]))
        refused = await client.result(client.send(me))
        assert (refused.error_code, refused.error_message) == (401, "AUTH_KEY_PERM_EMPTY")
        assert await binder.bind() is True
        [user] = await client.result(client.send(me))
        assert user.first_name == "Ann"
        # The same again, as a client asks whose answer was lost.
        assert await binder.bind() is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"said_nonce": 78},
        {"session_id": 5},
        {"temporary": b"another!"},
        {"msg_id": 4 << 32},
        {"length": 44},
        {"padding": bytes(24)},
        {"spoiled": 1},
        {"msg_key": bytes(16)},
        {"permanent": FromClient(bytes(256))},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_proof_with_anything_wrong_is_refused(
    sandbox: Sandbox, person: Person, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    ann = await person("Ann")
    async with temporary(sandbox, monkeypatch) as client:
        binder = Binder(sandbox, client, ann.session.auth_key.key)
        for name, value in wrong.items():
            setattr(binder, name, value)
        assert await binder.bind() == "ENCRYPTED_MESSAGE_INVALID"


async def test_a_key_that_is_not_temporary_cannot_be_bound(sandbox: Sandbox, person: Person) -> None:
    ann, bob = await person("Ann"), await person("Bob")
    async with raw(sandbox, bob) as client:
        assert await Binder(sandbox, client, ann.session.auth_key.key).bind() == "TEMP_AUTH_KEY_EMPTY"


async def test_a_bound_key_cannot_be_bound_to_another(
    sandbox: Sandbox, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await person("Ann"), await person("Bob")
    async with temporary(sandbox, monkeypatch) as client:
        assert await Binder(sandbox, client, ann.session.auth_key.key).bind() is True
        refused = await Binder(sandbox, client, bob.session.auth_key.key).bind()
        assert refused == "TEMP_AUTH_KEY_ALREADY_BOUND"


async def test_a_bound_key_ends_at_its_time_and_with_the_permanent_one(
    sandbox: Sandbox, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await person("Ann")
    unknown = struct.pack("<i", -404)
    async with temporary(sandbox, monkeypatch) as client:
        binder = Binder(sandbox, client, ann.session.auth_key.key)
        binder.expires_at = sandbox.world.date()
        assert await binder.bind() == "EXPIRES_AT_INVALID"
        binder.expires_at += 60
        assert await binder.bind() is True
        sandbox.faults.set_clock(60)
        client.send(functions.PingRequest(1))
        assert await client.payload() == unknown
    sandbox.faults.set_clock(0)
    async with temporary(sandbox, monkeypatch) as client, raw(sandbox, ann) as owner:
        assert await Binder(sandbox, client, ann.session.auth_key.key).bind() is True
        owner.send(functions.DestroyAuthKeyRequest())
        await owner.until(types.DestroyAuthKeyOk)
        client.send(functions.PingRequest(1))
        assert await client.payload() == unknown
