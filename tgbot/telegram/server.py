"""The server that a session connects to: Telegram's own, or one of the configuration."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from telethon.crypto import rsa
from telethon.tl import types

from tgbot.store.session import BotSession
from tgbot.telegram.wire.connection import BotConnection
from tgbot.telegram.wire.proxy import Proxy

#: The data center of Telegram's that knows where all others are.
TELEGRAM = (2, "149.154.167.51", 443)
#: How long a server may take to accept a connection, in seconds.
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server other than Telegram's own: its address, DC id, and the PEM text (PKCS#1) of its public key."""

    host: str
    port: int
    dc_id: int
    public_key: str | None


def use_server(session: BotSession, server: Server | None) -> None:
    """Have the session connect to a server, None for Telegram's own.

    A session that this server moved to another of its data centers stays there.
    """
    if server is None:
        if session.value("server") or not session.server_address:
            # The session is new, or was on another server than Telegram's until now.
            session.set_dc(*TELEGRAM)
            session.set_value("server", 0)
        return
    if server.public_key is not None:
        rsa.add_key(server.public_key, old=False)
    configured = f"{server.host}:{server.port}/{server.dc_id}"
    if session.value("server") != configured:
        session.set_value("server", configured)
        if not is_home(session, server):
            session.set_dc(server.dc_id, server.host, server.port)


def is_home(session: BotSession, server: Server) -> bool:
    """Return whether the session connects to the configured address, not to another data center."""
    there = (server.dc_id, server.host, server.port)
    return (session.dc_id, session.server_address, session.port) == there


def data_centre(config: types.Config, dc_id: int, *, ipv6: bool) -> types.DcOption:
    """Return an address of a data centre for connections like ours, of the wanted kind if there is one.

    Raise LookupError if the server names none.
    """
    options = [
        one
        for one in config.dc_options
        if one.id == dc_id and not (one.cdn or one.media_only or one.tcpo_only)
    ]
    if not options:
        raise LookupError(f"the server names no data centre {dc_id}")
    return min(options, key=lambda one: bool(one.ipv6) != ipv6)


async def is_there(host: str, port: int, proxy: Proxy | None) -> bool:
    """Return whether somebody accepts connections at an address."""
    connection = BotConnection(host, port, proxy)
    with suppress(OSError):
        await connection.connect(_CONNECT_SECONDS)
        connection.abort()
        return True
    return False
