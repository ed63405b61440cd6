"""Parts of a call: logins, callers, RPC errors, answers that come later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BOT_ANSWER_SECONDS = 15.0
"""Seconds that a pressed button waits for the bot's answer."""


class RpcError(Exception):
    """An RPC error with Telegram's `code` and `name`, such as 400 and PEER_ID_INVALID."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"{name} ({code})")
        self.code = code
        self.name = name

    def __reduce__(self) -> tuple[type[RpcError], tuple[int, str]]:
        return RpcError, (self.code, self.name)


@dataclass(slots=True, eq=False)
class Login:
    """The login of an auth key. It outlasts connections and a restart of the server."""

    account: int | None = None
    #: The account's `generation` at the login; the login is valid while the account has the same.
    generation: int = 0
    #: The data centre of the auth key; 0: the first one of the sandbox.
    dc_id: int = 0
    #: True: that of a temporary key which is not bound to a permanent one.
    temporary: bool = False
    layer: int = 0
    #: The layer that was refused last; 0: none.
    refused_layer: int = 0
    api_id: int = 0
    language: str = ""
    #: Sign-in by phone: number, hash of the code that was sent, and whether the right code was entered.
    phone: str = field(default="", repr=False)
    code_hash: str = field(default="", repr=False)
    code_right: bool = False


@dataclass(slots=True, eq=False)
class Caller:
    """One MTProto session of a login; `updates` is True after its first authorised call."""

    login: Login
    updates: bool = False


class Later:
    """An answer that another account has to give: a pressed button waits for its bot.

    The server keeps the call open, gets the answer through `then`, and calls `expire` when the world's clock
    reaches `expires`.
    """

    def __init__(self, expires: float, late: str = "BOT_RESPONSE_TIMEOUT") -> None:
        self.expires = expires
        self._late = late
        self._answer: object = None
        self._done = False
        self._callbacks: list[Callable[[object], None]] = []

    def then(self, callback: Callable[[object], None]) -> None:
        """Call `callback` once with the answer or an RpcError: now if it exists, else later."""
        if self._done:
            callback(self._answer)
        else:
            self._callbacks.append(callback)

    def answer(self, value: object) -> None:
        """Set the answer; ignore all but the first one."""
        if self._done:
            return
        self._done, self._answer = True, value
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(value)

    def expire(self) -> None:
        """Set the error that Telegram returns if the bot does not answer."""
        self.answer(RpcError(400, self._late))
