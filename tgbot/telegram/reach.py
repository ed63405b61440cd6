"""How fast a server of Telegram's answers, and what time it has; without a login."""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple

from telethon.crypto import rsa
from telethon.errors import SecurityError

from tgbot.core.errors import NotTelegramError
from tgbot.telegram.server import TELEGRAM, Server
from tgbot.telegram.wire.connection import BotConnection
from tgbot.telegram.wire.keyexchange import make_key
from tgbot.telegram.wire.proxy import Proxy

#: How long a server may take to accept a connection, and to agree on a key, in seconds.
CONNECT_SECONDS: Final = 10.0
EXCHANGE_SECONDS: Final = 20.0


class Reached(NamedTuple):
    """A server that answered."""

    #: Its address, "host:port".
    address: str
    #: How long the connection took, and the exchange of a key after it, in seconds.
    connecting: float
    exchange: float
    #: By how many seconds its clock is ahead of this machine's, to within the time of an answer.
    ahead: int


async def reach(server: Server | None, proxy: Proxy | None) -> Reached:
    """Connect to a server (None: Telegram's own), agree on a key that is then forgotten, and disconnect.

    Raise OSError, EOFError or TimeoutError if it cannot be reached, SecurityError if it does not have the
    public key, NotTelegramError for what answers in another protocol.
    """
    host, port = (server.host, server.port) if server is not None else TELEGRAM[1:]
    if server is not None and server.public_key is not None:
        rsa.add_key(server.public_key, old=False)
    connection = BotConnection(host, port, proxy)
    began = time.monotonic()
    await connection.connect(CONNECT_SECONDS)
    try:
        connected = time.monotonic()
        async with asyncio.timeout(EXCHANGE_SECONDS):
            _, ahead = await make_key(connection)
        return Reached(str(connection), connected - began, time.monotonic() - connected, ahead)
    except (OSError, EOFError, SecurityError):
        raise
    except Exception as error:  # bytes of another protocol fail in many ways
        raise NotTelegramError(str(connection), type(error).__name__) from error
    finally:
        connection.abort()
