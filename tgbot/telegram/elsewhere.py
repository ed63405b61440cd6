"""Connections to other data centres, which Telethon borrows for files."""

from __future__ import annotations

import asyncio

from telethon import TelegramClient
from telethon.network.mtprotosender import MTProtoSender
from telethon.tl import functions

from tgbot.telegram.calls.link import introduced
from tgbot.telegram.wire.connection import BotConnection

#: How long connecting to another data centre may take, in seconds.
CONNECT_SECONDS = 30.0


async def open_sender(
    client: TelegramClient, dc_id: int, introduction: functions.InitConnectionRequest
) -> MTProtoSender:
    """Connect to another data centre, take the client's login along, and return the sender.

    Unlike Telethon's own it has limits: all connections to other data centres wait for this one. Raise
    TimeoutError where there is no connection in time, and whatever the login raises.
    """
    dc = await client._get_dc(dc_id)
    sender = MTProtoSender(None, loggers=client._log, retries=2, connect_timeout=10)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await sender.connect(BotConnection(dc.ip_address, dc.port))
        login = await client(functions.auth.ExportAuthorizationRequest(dc_id))
        request = functions.auth.ImportAuthorizationRequest(login.id, login.bytes)
        await client._call(sender, introduced(introduction, request))
    except BaseException:
        await sender.disconnect()
        raise
    return sender
