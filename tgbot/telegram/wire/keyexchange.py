"""The exchange of an auth key, which is Telethon's."""

from __future__ import annotations

from typing import Any

from telethon.crypto import AuthKey
from telethon.errors import SecurityError
from telethon.network.authenticator import do_authentication
from telethon.network.mtprotoplainsender import MTProtoPlainSender
from telethon.tl import TLRequest, functions

from tgbot.telegram.wire.connection import BotConnection
from tgbot.telegram.wire.loggers import SafeLoggers


async def make_key(connection: BotConnection) -> tuple[AuthKey, int]:
    """Return a new auth key, and by how many seconds the server's clock is ahead.

    Raise SecurityError for a server that has another key, or that breaks the rules of the exchange.
    """
    plain = _PlainSender(connection, loggers=SafeLoggers())
    while True:
        try:
            made: tuple[AuthKey, int] = await do_authentication(plain)
        except _NoFactorsError:
            continue
        except SecurityError as error:
            # Telethon drops the zero that one key in 256 begins with: a further key is made.
            if "new nonce hash" not in str(error):
                raise
        else:
            return made


class _NoFactorsError(Exception):
    """Telethon took 1 and pq for the factors of pq, as it does once in some thousands of exchanges."""


class _PlainSender(MTProtoPlainSender):
    """Telethon's, which does not send what the server would close the connection for."""

    async def send(self, request: TLRequest) -> Any:
        if isinstance(request, functions.ReqDHParamsRequest) and request.p == b"\x01":
            raise _NoFactorsError
        return await super().send(request)
