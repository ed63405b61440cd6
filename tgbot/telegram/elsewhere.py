"""Other data centres, where files are: a connection to each while it is of use, with the bot's login."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from telethon.errors import AuthKeyNotFound, RPCError
from telethon.tl import TLObject, TLRequest, functions

from tgbot.core.clock import ServerClock
from tgbot.telegram.calls.call import Call, Caller
from tgbot.telegram.calls.link import introduced
from tgbot.telegram.refusals import ends_login
from tgbot.telegram.server import data_centre
from tgbot.telegram.wire.connection import BotConnection
from tgbot.telegram.wire.link import LinkState, Sender
from tgbot.telegram.wire.sender import BotSender

#: How long connecting to another data centre may take, in seconds.
CONNECT_SECONDS = 30.0
#: How long a connection stays that nobody uses, in seconds.
IDLE_SECONDS = 60.0


class _Centre:
    """A data centre: the sender to it, and whether it takes requests over that."""

    def __init__(self, dc_id: int) -> None:
        self.dc_id = dc_id
        self.state = LinkState()
        self.sender = BotSender(
            None,
            state=self.state,
            server_time=ServerClock(wall=time.time, monotonic=time.monotonic),
            updates=lambda updates: None,
            missed=lambda: None,
            reconnected=lambda: None,
            key_made=_forget,
        )
        #: One connects at a time.
        self.opening = asyncio.Lock()
        #: How often the login was taken there; whether it holds, as far as is known.
        self.logins, self.logged_in = 0, False
        #: How many requests are under way, and when the last one ended.
        self.users, self.used = 0, 0.0


async def _forget(key: object) -> None:
    """Keep no auth key: it lasts as long as the process."""


class OtherCentres:
    """Make requests over senders to other data centres, which Telethon borrows for files.

    A sender stays the same for as long as the client, whatever becomes of its connections. Its connection
    and its login are made when they are needed, and made anew once where they have ended; an idle one is
    closed by `tidy`. One data centre that cannot be reached holds up nobody who wants another one, and
    nothing of it concerns the bot's own link. Calls over the bot's own sender are passed on.
    """

    def __init__(
        self,
        then: Caller,
        ask: Callable[[TLRequest], Awaitable[Any]],  # Any: as the request has it
        introduction: functions.InitConnectionRequest,
        connection: Callable[[str, int], BotConnection],
        *,
        ipv6: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask` makes a request over the bot's own link; `connection` returns one to an address."""
        self._then = then
        self._ask = ask
        self._introduction = introduction
        self._ipv6 = ipv6
        self._connection = connection
        self._clock = clock
        self._centres: dict[int, _Centre] = {}
        self._by_sender: dict[Sender, _Centre] = {}

    async def borrow(self, dc_id: int) -> BotSender:
        """Return the sender to a data centre, connected and logged in.

        Raise TimeoutError where there is no connection within `CONNECT_SECONDS`, LookupError where the
        server names no such data centre, and whatever the login raises.
        """
        centre = self._centres.get(dc_id)
        if centre is None:
            centre = self._centres[dc_id] = _Centre(dc_id)
            self._by_sender[centre.sender] = centre
        with self._using(centre):
            await self._open(centre)
        return centre.sender

    async def call(self, call: Call) -> TLObject:
        centre = self._by_sender.get(call.sender)
        if centre is None:
            return await self._then.call(call)
        with self._using(centre):
            await self._open(centre)
            logins = centre.logins
            try:
                return await self._then.call(self._introduced(centre, call))
            except ConnectionError:  # somebody else's request ended the login
                pass
            except (RPCError, AuthKeyNotFound) as error:
                if isinstance(error, RPCError) and not ends_login(error):
                    raise
                if centre.logins == logins:
                    centre.logged_in = False
            await self._open(centre)
            return await self._then.call(self._introduced(centre, call))

    async def tidy(self) -> None:
        """Close the connections that nobody has used for `IDLE_SECONDS`."""
        for centre in self._centres.values():
            if not centre.users and self._clock() - centre.used >= IDLE_SECONDS:
                await centre.sender.disconnect()

    async def close(self) -> None:
        """Close all connections."""
        for centre in self._centres.values():
            await centre.sender.disconnect()

    @contextmanager
    def _using(self, centre: _Centre) -> Iterator[None]:
        centre.users += 1
        try:
            yield
        finally:
            centre.users -= 1
            centre.used = self._clock()

    async def _open(self, centre: _Centre) -> None:
        """Connect and log in, as far as that is not done."""
        async with centre.opening:
            if centre.logged_in and centre.sender.is_connected():
                return
            try:
                await self._connect(centre)
                if not centre.logged_in:
                    await self._log_in(centre)
            except BaseException:
                await centre.sender.disconnect()
                raise

    async def _connect(self, centre: _Centre) -> None:
        option = data_centre(
            await self._ask(functions.help.GetConfigRequest()), centre.dc_id, ipv6=self._ipv6
        )
        sender = centre.sender
        if not centre.logged_in:
            await sender.disconnect()
            sender.auth_key.key = None
        async with asyncio.timeout(CONNECT_SECONDS):
            if await sender.connect(self._connection(option.ip_address, option.port)):
                centre.state.fresh_session = True

    async def _log_in(self, centre: _Centre) -> None:
        login = await self._ask(functions.auth.ExportAuthorizationRequest(centre.dc_id))
        request = functions.auth.ImportAuthorizationRequest(login.id, login.bytes)
        await self._then.call(self._introduced(centre, Call(centre.sender, request, 0, 0.0)))
        centre.logins += 1
        centre.logged_in = True

    def _introduced(self, centre: _Centre, call: Call) -> Call:
        """Return the call; the first of an MTProto session names our layer."""
        if not centre.state.fresh_session:
            return call
        centre.state.fresh_session = False
        request = introduced(self._introduction, call.request)
        return Call(call.sender, request, call.chat_id, call.flood_threshold)
