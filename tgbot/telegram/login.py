"""How a bot logs in, and comes back after what Telethon gives up at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from telethon import errors, functions
from telethon.client.telegrambaseclient import DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT
from telethon.crypto import rsa
from telethon.errors import AuthKeyNotFound

from tgbot.core.errors import LoginRefusedError, WrongBotError
from tgbot.store.sqlite.session import UpdateState
from tgbot.telegram.calls.chain import error_name

if TYPE_CHECKING:
    from tgbot.telegram.client import BotClient

logger = logging.getLogger(__name__)

#: Whether the running task is the one that connects and logs in, whose requests wait for nobody.
making_login: ContextVar[bool] = ContextVar("making_login", default=False)

#: How long a new login waits for the difference from its first state, in seconds.
_FIRST_DIFFERENCE_SECONDS = 5.0

#: Telegram's answers to any request once the login is over.
LOGIN_ENDED = (
    errors.AuthKeyUnregisteredError,
    errors.AuthKeyInvalidError,
    errors.SessionExpiredError,
    errors.SessionRevokedError,
    errors.UserDeactivatedError,
    errors.UserDeactivatedBanError,
    errors.AuthKeyError,
)
_REFUSED = (
    errors.AccessTokenInvalidError,
    errors.AccessTokenExpiredError,
    errors.ApiIdInvalidError,
    errors.UserDeactivatedError,
    errors.UserDeactivatedBanError,
    errors.UnauthorizedError,
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server other than Telegram's own: its address, DC id, and the PEM text (PKCS#1) of its public key."""

    host: str
    port: int
    dc_id: int
    public_key: str | None


class Login:
    """Logs a client in with a bot token, and again where Telegram ended the login or forgot the auth key."""

    def __init__(self, client: BotClient, server: Server | None) -> None:
        self._client = client
        self._session = client.session
        self._server = server
        self._token = ""
        #: Set while Telegram takes requests of ours: connected and logged in.
        self.there = asyncio.Event()
        self._ended = asyncio.Event()

    def ended(self) -> None:
        """Note that Telegram no longer knows this login; `keep_up` makes it again."""
        self.there.clear()
        self._ended.set()

    async def log_in(self, token: str) -> Any:
        """Connect, however long that takes, and return the bot's own user.

        A session that is logged in stays so; a token it was not logged in with logs in again.
        WrongBotError if the session, or the login it holds, belong to another bot than the token;
        LoginRefusedError if Telegram refuses the token.
        """
        self._token = token
        wanted = int(token.partition(":")[0])
        self._refuse_another_bot(self._session.bot_id(), wanted)
        self._use_server()
        before = making_login.set(True)
        try:
            me = await self._log_in(wanted)
        except errors.RPCError as error:
            raise LoginRefusedError(error_name(error)) from error
        finally:
            making_login.reset(before)
        self.there.set()
        return me

    async def _log_in(self, wanted: int) -> Any:
        await self._connect()
        fingerprint = sha256(f"tgbot:{self._token}".encode()).hexdigest()
        me = await self._client.get_me()
        if me is not None:
            self._refuse_another_bot(me.id, wanted)
        if me is None or self._session.value("token") not in (None, fingerprint):
            await self.again()
            me = await self._client.get_me()
            if me is None:  # a login that did not last
                await self.again()
                me = await self._client.get_me()
            if me is None:
                raise LoginRefusedError("AUTH_KEY_UNREGISTERED")
            self._refuse_another_bot(me.id, wanted)
        await self._client._on_login(me)
        self._session.set_bot_id(me.id)
        self._session.set_value("token", fingerprint)
        return me

    async def again(self) -> None:
        """Send the token once more; LoginRefusedError if Telegram refuses it."""
        request = functions.auth.ImportBotAuthorizationRequest(
            flags=0,
            api_id=self._client.api_id,
            api_hash=self._client.api_hash,
            bot_auth_token=self._token,
        )
        try:
            try:
                await self._client(request)
            except errors.AuthKeyError as error:
                logger.warning("Telegram refuses the auth key (%s)", error_name(error))
                await self._forget_auth_key()
                await self._connect()
                await self._client(request)
        except _REFUSED as error:
            raise LoginRefusedError(error_name(error)) from None
        box = self._client.intake.box
        known = box.mark().pts
        if known:
            with suppress(errors.RPCError):
                state = await self._client(functions.updates.GetStateRequest())
                if state.pts < known:
                    # A log never goes back: this is another one, of a server that lost its own.
                    logger.warning("the server's log begins anew (pts %d, ours %d)", state.pts, known)
                    box.start_over(state)

    async def first_state(self) -> UpdateState:
        """Return the update state that a new login starts from."""
        state = await self._client(functions.updates.GetStateRequest())
        # Its qts may be old; the difference from it has the right one, where the server gives one.
        request = functions.updates.GetDifferenceRequest(pts=state.pts, date=state.date, qts=state.qts)
        try:
            async with asyncio.timeout(_FIRST_DIFFERENCE_SECONDS):
                state = getattr(await self._client(request), "state", None) or state
        except LOGIN_ENDED:
            raise
        except (errors.RPCError, TimeoutError) as error:
            logger.info("no difference from the first state (%s)", type(error).__name__)
        return UpdateState(state.pts, state.qts, int(state.date.timestamp()), state.seq)

    async def keep_up(self, connected: Callable[[], None]) -> None:
        """Watch the connection until the client disconnects for good; tell of each that was made anew.

        Raises what nobody can mend: LoginRefusedError.
        """
        making_login.set(True)
        while True:
            if await self._lost():
                await self._connect()
                if await self._client.get_me() is None:
                    await self.again()
            else:
                await self.again()
            self._ended.clear()
            self.there.set()
            connected()

    async def _lost(self) -> bool:
        """Return True when the connection is gone, False when it stands but the login was ended."""
        gone = self._client.disconnected
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((gone, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if not gone.done():
            return False
        error = gone.exception()
        if isinstance(error, AuthKeyNotFound):
            await self._forget_auth_key()
        elif error is not None:
            logger.warning("disconnected (%s); connecting again", type(error).__name__)
            await asyncio.sleep(1)
            await self._client._disconnect()
        return True

    async def _connect(self) -> None:
        while True:
            try:
                await self._client.connect()
            except AuthKeyNotFound:
                await self._forget_auth_key()
            else:
                return

    def _use_server(self) -> None:
        server, session = self._server, self._session
        if server is None:
            if session.value("server"):
                # The session had been led to another server than Telegram's, and no longer is.
                session.set_dc(DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT)
                session.set_value("server", 0)
            return
        session.set_value("server", 1)
        if server.public_key is not None:
            rsa.add_key(server.public_key, old=False)
        if (session.dc_id, session.server_address, session.port) != (server.dc_id, server.host, server.port):
            session.set_dc(server.dc_id, server.host, server.port)

    async def _forget_auth_key(self) -> None:
        """Start over with a new key: the server does not know ours (any more)."""
        logger.warning("the server does not take our auth key; logging in anew")
        if not self._client.is_connected():
            with suppress(Exception):  # the sender is still closing down when it raises AuthKeyNotFound
                await self._client.disconnected
        await self._client._disconnect()
        self._client._sender.auth_key.key = None
        self._session.auth_key = None

    def _refuse_another_bot(self, bot_id: int | None, wanted: int) -> None:
        if bot_id is not None and bot_id != wanted:
            raise WrongBotError(self._session.path, bot_id, wanted)
