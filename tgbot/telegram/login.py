"""How a bot logs in, and how it comes back after everything that Telethon gives up at."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from telethon import TelegramClient, errors, functions
from telethon.crypto import rsa
from telethon.errors import AuthKeyNotFound
from telethon.tl import TLObject, TLRequest, types

from tgbot.core.errors import LoginRefusedError, WrongBotError
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram.refusals import LOGIN_ENDED, error_name
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.wire.link import LinkState, making_login

logger = logging.getLogger(__name__)

#: How long a new login waits for the difference from its first state, in seconds.
_FIRST_DIFFERENCE_SECONDS = 5.0

_REFUSED = (
    errors.AccessTokenInvalidError,
    errors.AccessTokenExpiredError,
    errors.ApiIdInvalidError,
    errors.UnauthorizedError,
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server other than Telegram's own: its address, DC id, and the PEM text (PKCS#1) of its public key."""

    host: str
    port: int
    dc_id: int
    public_key: str | None


class PlainClient:
    """Telethon's own client, reduced to what a login does with it."""

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

    async def send_token(self, token: str) -> None:
        """Log in with a bot token; raise Telegram's error if it refuses."""
        api_id, api_hash = self._client.api_id, self._client.api_hash
        await self.ask(functions.auth.ImportBotAuthorizationRequest(0, api_id, api_hash, token))

    async def me(self) -> types.User | None:
        """Return the bot's own user, None if it is not logged in."""
        return await self._client.get_me()

    async def accept(self, me: types.User) -> None:
        """Go on as this user."""
        await self._client._on_login(me)


class Login:
    """Log in with a bot token, and again where Telegram ended the login or does not know the auth key."""

    def __init__(
        self, client: PlainClient, session: DurableSession, intake: Intake, state: LinkState
    ) -> None:
        self._client = client
        self._session = session
        self._intake = intake
        self._state = state
        self._token = ""

    async def log_in(self, token: str) -> types.User:
        """Connect, log in as `BotClient.login` promises, and return the bot's own user."""
        self._token = token
        wanted = int(token.partition(":")[0])
        self._refuse_another_bot(self._session.bot_id(), wanted)
        before = making_login.set(True)
        try:
            me = await self._log_in(wanted)
        except errors.RPCError as error:
            raise LoginRefusedError(error_name(error)) from error
        finally:
            making_login.reset(before)
        self._state.logged_in()
        return me

    async def first_state(self) -> UpdateState:
        """Return the update state that a new login starts from."""
        state = await self._client.ask(functions.updates.GetStateRequest())
        # Its qts may be old; the difference from it has the right one, where the server gives one.
        request = functions.updates.GetDifferenceRequest(pts=state.pts, date=state.date, qts=state.qts)
        try:
            async with asyncio.timeout(_FIRST_DIFFERENCE_SECONDS):
                state = getattr(await self._client.ask(request), "state", None) or state
        except LOGIN_ENDED:
            raise
        except (errors.RPCError, TimeoutError) as error:
            logger.info("no difference from the first state (%s)", type(error).__name__)
        return UpdateState(state.pts, state.qts, int(state.date.timestamp()), state.seq)

    async def keep_up(self) -> None:
        """Make each connection and login that ends anew, and ask for the difference after it.

        Raise LoginRefusedError once Telegram refuses the login.
        """
        making_login.set(True)
        while True:
            if await self._connection_ended():
                await self._connect()
                if await self._client.me() is None:
                    await self._send_token()
            else:
                await self._send_token()
            self._state.logged_in()
            self._intake.begin_difference()

    async def _log_in(self, wanted: int) -> types.User:
        await self._connect()
        fingerprint = sha256(f"tgbot:{self._token}".encode()).hexdigest()
        me = await self._client.me()
        if me is not None:
            self._refuse_another_bot(me.id, wanted)
        if me is None or self._session.value("token") not in (None, fingerprint):
            await self._send_token()
            me = await self._client.me()
            if me is None:  # the login did not last
                await self._send_token()
                me = await self._client.me()
            if me is None:
                raise LoginRefusedError("AUTH_KEY_UNREGISTERED")
            self._refuse_another_bot(me.id, wanted)
        await self._client.accept(me)
        self._session.set_bot_id(me.id)
        self._session.set_value("token", fingerprint)
        return me

    async def _send_token(self) -> None:
        try:
            try:
                await self._client.send_token(self._token)
            except errors.AuthKeyError:
                await self._forget_key()
                await self._connect()
                await self._client.send_token(self._token)
        except _REFUSED as error:
            raise LoginRefusedError(error_name(error)) from None
        known = self._intake.box.mark().pts
        if known:
            with suppress(errors.RPCError):
                state = await self._client.ask(functions.updates.GetStateRequest())
                if state.pts < known:
                    # A log never goes back: this server lost the one that our pts counts.
                    logger.warning("the server's log begins anew (pts %d, ours %d)", state.pts, known)
                    self._intake.box.start_over(state)

    async def _connection_ended(self) -> bool:
        """Return True when the connection is gone, False when it stands but the login was ended."""
        gone = self._client.gone
        ended = asyncio.ensure_future(self._state.login_ended.wait())
        try:
            await asyncio.wait((gone, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if not gone.done():
            return False
        error = gone.exception()
        if isinstance(error, AuthKeyNotFound):
            await self._forget_key()
        elif error is not None:
            logger.warning("disconnected (%s); connecting again", type(error).__name__)
            await asyncio.sleep(1)
            await self._client.drop()
        return True

    async def _connect(self) -> None:
        while True:
            try:
                return await self._client.connect()
            except AuthKeyNotFound:
                await self._forget_key()

    async def _forget_key(self) -> None:
        logger.warning("the server does not accept our auth key; making a new one and logging in again")
        await self._client.forget_key()

    def _refuse_another_bot(self, bot_id: int | None, wanted: int) -> None:
        if bot_id is not None and bot_id != wanted:
            raise WrongBotError(self._session.path, bot_id, wanted)


def use_server(session: DurableSession, server: Server | None) -> None:
    """Have the session connect to a server, None for Telegram's own."""
    if server is None:
        if session.value("server"):
            # The session was on another server than Telegram's until now.
            session.set_dc(0, "", 0)  # without an address, Telethon connects to Telegram
            session.set_value("server", 0)
        return
    session.set_value("server", 1)
    if server.public_key is not None:
        rsa.add_key(server.public_key, old=False)
    if (session.dc_id, session.server_address, session.port) != (server.dc_id, server.host, server.port):
        session.set_dc(server.dc_id, server.host, server.port)
