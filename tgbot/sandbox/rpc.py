"""What a call to the pretended Telegram is made of: who calls, and how it may fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BOT_ANSWER_SECONDS = 15.0
"""How long a pressed button waits for the bot's answer."""


class RpcError(Exception):
    """A call failed as Telegram says it: `code` and `name`, such as 400 and PEER_ID_INVALID."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"{name} ({code})")
        self.code = code
        self.name = name

    def __reduce__(self) -> tuple[type[RpcError], tuple[int, str]]:
        return RpcError, (self.code, self.name)


@dataclass(slots=True, eq=False)
class Login:
    """What the server knows of one auth key. It outlives connections and a restart of the server."""

    account: int | None = None
    #: The account's `generation` at the login; an account whose generation moved on has ended this login.
    generation: int = 0
    layer: int = 0
    api_id: int = 0
    language: str = ""
    #: Sign-in by phone: number, hash of the code that was sent, and whether the right code came back.
    phone: str = field(default="", repr=False)
    code_hash: str = field(default="", repr=False)
    code_right: bool = False


@dataclass(slots=True, eq=False)
class Caller:
    """One MTProto session of a login; `updates` becomes True by its first authorised call."""

    login: Login
    updates: bool = False


class Later:
    """An answer that another account has yet to give (a pressed button waits for its bot).

    The server keeps the call open, takes the answer through `then`, and calls `expire` when the world's
    clock has passed `expires`.
    """

    def __init__(self, expires: float) -> None:
        self.expires = expires
        self._answer: object = None
        self._done = False
        self._callbacks: list[Callable[[object], None]] = []

    def then(self, callback: Callable[[object], None]) -> None:
        """Calls back once with the answer or an RpcError; at once if it is there."""
        if self._done:
            callback(self._answer)
        else:
            self._callbacks.append(callback)

    def answer(self, value: object) -> None:
        """Gives the answer; only the first one counts."""
        if self._done:
            return
        self._done, self._answer = True, value
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(value)

    def expire(self) -> None:
        """Ends the wait as Telegram does when a bot stays silent."""
        self.answer(RpcError(400, "BOT_RESPONSE_TIMEOUT"))
