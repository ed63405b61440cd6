"""The auth keys of a server and their logins, and the binding of temporary keys to permanent ones.

Source: https://core.telegram.org/api/pfs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from telethon.tl import functions

from .authkey import AuthKey
from .binding import Binding, read_proof
from .rpc import Login, RpcError


@dataclass(slots=True)
class Key:
    """An auth key and its login; a temporary key has the login of the permanent key that it is bound to."""

    key: AuthKey
    login: Login
    #: The data centre in which it is valid.
    dc_id: int
    #: The time at which a temporary key expires, by the server's clock.
    until: float | None = None


class Keys:
    """All auth keys. `now` is the server's clock; `known` are the keys that there are already."""

    def __init__(self, now: Callable[[], float], known: dict[bytes, Key] | None = None) -> None:
        self._now = now
        #: By their ids as eight bytes.
        self.known: dict[bytes, Key] = {} if known is None else known

    def add(self, key: Key) -> None:
        """Keep a key that was made."""
        self.known[key.key.name] = key

    def get(self, name: bytes) -> Key | None:
        """Return a key that has not expired; None if there is none."""
        known = self.known.get(name)
        if known is not None and known.until is not None and known.until <= self._now():
            return None
        return known

    def takes(self, key_id: int) -> bool:
        """Return whether a key with this id was made."""
        return key_id.to_bytes(8, "little") in self.known

    def names(self, account: int | None = None) -> list[bytes]:
        """Return the ids of the keys that are logged in to an account; None: of all keys."""
        known = self.known.items()
        return [name for name, key in known if account is None or key.login.account == account]

    def destroy(self, name: bytes) -> None:
        """Forget a key, and with a permanent one the temporary ones that are bound to it."""
        gone = self.known.pop(name, None)
        if gone is not None and gone.until is None:
            for other in [other for other, key in self.known.items() if key.login is gone.login]:
                del self.known[other]

    def bind(
        self,
        name: bytes,
        session_id: int,
        call: functions.auth.BindTempAuthKeyRequest,
        waits: Callable[[int], bool],
    ) -> Login:
        """Give a temporary key the login of the permanent one that the call proves to have; return it.

        `waits` tells whether a msg_id is that of a call of this session which has no answer yet: the proof
        names the message that it comes with. A permanent key may have several temporary ones, as TDLib makes
        one for each of its sessions.
        """
        temporary = self.known[name]
        if temporary.until is None:
            raise RpcError(400, "TEMP_AUTH_KEY_EMPTY")
        permanent = self.known.get(call.perm_auth_key_id.to_bytes(8, "little", signed=True))
        if permanent is None or permanent.until is not None or permanent.dc_id != temporary.dc_id:
            raise RpcError(400, "ENCRYPTED_MESSAGE_INVALID")
        expires_at = int(call.expires_at.timestamp()) if isinstance(call.expires_at, datetime) else 0
        said = read_proof(permanent.key.key, call.encrypted_message)
        due = Binding(
            msg_id=0 if said is None else said.msg_id,
            nonce=call.nonce,
            temporary=int.from_bytes(name, "little", signed=True),
            permanent=call.perm_auth_key_id,
            session_id=session_id,
            expires_at=expires_at,
        )
        if said is None or said != due or not waits(said.msg_id):
            raise RpcError(400, "ENCRYPTED_MESSAGE_INVALID")
        if expires_at <= self._now():
            raise RpcError(400, "EXPIRES_AT_INVALID")
        was, login = temporary.login, permanent.login
        if not was.temporary and was is not login:
            raise RpcError(400, "TEMP_AUTH_KEY_ALREADY_BOUND")
        login.layer = login.layer or was.layer
        temporary.login, temporary.until = login, expires_at
        return login
