"""Clients that call methods directly, without a wire."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import TLRequest, types
from telethon.tl.functions import InitConnectionRequest, InvokeWithLayerRequest, help, messages, updates

from tgbot.sandbox.methods import Caller, Login, RpcError, invoke
from tgbot.sandbox.world import World

TYPING = types.SendMessageTypingAction()
WRONG = 12345


class Clock:
    """A clock that moves only when it is set."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


class Client:
    """A session in this process that calls methods for one account."""

    def __init__(self, world: World, language: str = "en") -> None:
        self.world = world
        self.caller = Caller(Login())
        connect = InitConnectionRequest(1, "x", "x", "x", language, "", language, help.GetConfigRequest())
        self(InvokeWithLayerRequest(229, connect))

    def __call__(self, request: TLRequest) -> Any:
        return invoke(self.world, self.caller, request)

    @property
    def id(self) -> int:
        assert self.caller.login.account is not None
        return self.caller.login.account

    def peer(self, other: Client | int) -> Any:
        """Return the InputPeerUser of another account, with this account's access hash."""
        number = other.id if isinstance(other, Client) else other
        return types.InputPeerUser(number, self.world.accounts.access_hash(self.id, number))

    def user(self, other: Client | int) -> Any:
        peer = self.peer(other)
        return types.InputUser(peer.user_id, peer.access_hash)

    def send(self, to: Client, text: str = "hi", random_id: int | None = None, **options: Any) -> Any:
        request = messages.SendMessageRequest(self.peer(to), text, random_id=random_id, **options)
        return self(request)

    def difference(self, pts: int = 1, qts: int = 1, **options: Any) -> Any:
        return self(updates.GetDifferenceRequest(pts, 1, qts, **options))


def refused(name: str, code: int = 400) -> Any:
    """Expect an RPC error with this name and code."""
    return pytest.raises(RpcError, match=rf"^{name} \({code}\)$")
