"""Telethon's own client, reduced to what a login does with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from telethon import TelegramClient
from telethon.tl import TLObject, TLRequest, types


class PlainClient:
    """Connects, asks and logs in through a Telethon client."""

    def __init__(self, client: TelegramClient) -> None:
        self._client = client

    @property
    def gone(self) -> asyncio.Future[None]:
        """Done once Telethon gave the connection up, with the error that ended it."""
        gone: asyncio.Future[None] = self._client.disconnected
        return gone

    async def connect(self) -> None:
        """Connect, however long that takes; raise AuthKeyNotFound if the server does not know the key."""
        await self._client.connect()

    async def drop(self) -> None:
        """Disconnect, to connect again."""
        await self._client._disconnect()

    async def forget_key(self) -> None:
        """Disconnect and forget the auth key: the next connection makes a new one."""
        client = self._client
        if not client.is_connected():
            with suppress(Exception):  # the sender is still closing down when it raises AuthKeyNotFound
                await client.disconnected
        await client._disconnect()
        client._sender.auth_key.key = None
        client.session.auth_key = None

    async def ask(self, request: TLRequest) -> TLObject:
        """Return Telegram's answer, or raise its error."""
        return await self._client(request)

    async def me(self) -> types.User | None:
        """Return the bot's own user, None if it is not logged in."""
        return await self._client.get_me()

    async def accept(self, me: types.User) -> None:
        """Go on as this user."""
        await self._client._on_login(me)
