"""How a bot logs in, and logs in again: everything but a refusal for good is waited out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256

from telethon import TelegramClient, errors, functions
from telethon.errors import AuthKeyNotFound
from telethon.tl import TLObject, TLRequest, types

from tgbot.core.errors import LoginRefusedError, StorageUnreachableError, TgbotError, WrongBotError
from tgbot.core.places import places
from tgbot.store.base import UpdateState
from tgbot.store.session import BotSession
from tgbot.telegram.refusals import answer_of, ends_login, error_name, wait_of
from tgbot.telegram.server import Server, data_centre, is_home, is_there
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.job import waiting
from tgbot.telegram.updates.requests import LoginOverError
from tgbot.telegram.wire.link import LinkState, making_login
from tgbot.telegram.wire.proxy import Proxy

logger = logging.getLogger(__name__)

#: How long a request of a login may take, in seconds.
_ANSWER_SECONDS = 30.0
#: How long a new login waits for the difference from its first state, in seconds.
_FIRST_DIFFERENCE_SECONDS = 5.0
#: The pause before the third attempt to log in, in seconds (the second is at once); each further one is
#: twice as long, up to the second number where Telegram failed, the third where logins do not last.
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_BETWEEN_LOGINS = 1.0, 60.0, 300.0
#: A login that holds for this many seconds has lasted: pauses begin anew after it.
_LASTING_SECONDS = 60.0
#: How long another data center may be out of reach before the configured server is tried, in seconds.
_AWAY_SECONDS = 30.0
#: After that many logins in a row that did not last, the auth key is made anew.
_LOGINS_WITH_A_KEY = 2

#: What ends the bot: its token is refused, it was deleted or banned, the api_id is wrong.
_REFUSED = (
    errors.AccessTokenInvalidError,
    errors.AccessTokenExpiredError,
    errors.ApiIdInvalidError,
    errors.ApiIdPublishedFloodError,
    errors.UserDeactivatedError,
    errors.UserDeactivatedBanError,
)


class MovedError(Exception):
    """The bot belongs to another data center of the server."""

    def __init__(self, dc_id: int) -> None:
        super().__init__(f"the bot belongs to data center {dc_id}")
        self.dc_id = dc_id


class PlainClient:
    """Telethon's own client, reduced to what a login does with it."""

    def __init__(self, client: TelegramClient) -> None:
        self._client = client

    @property
    def gone(self) -> asyncio.Future[None]:
        """Done once the sender gave the connection up, with the error that ended it."""
        gone: asyncio.Future[None] = self._client.disconnected
        return gone

    async def connect(self) -> None:
        """Connect, however long that takes; do nothing if there is a connection."""
        await self._client.connect()

    async def forget_key(self) -> None:
        """Disconnect and forget the auth key: the next connection makes a new one."""
        client = self._client
        if not client.is_connected():
            with suppress(Exception):  # the sender is still closing down when it raises AuthKeyNotFound
                await client.disconnected
        await client._disconnect()
        client._sender.auth_key.key = None
        client.session.auth_key = None

    async def move(self, dc_id: int) -> None:
        """Disconnect and forget the auth key: the next connection goes to another data center."""
        config = await self.ask(functions.help.GetConfigRequest())
        ipv6 = ":" in self._client.session.server_address
        option = data_centre(config, dc_id, ipv6=ipv6)
        await self.forget_key()
        self._client.session.set_dc(dc_id, option.ip_address, option.port)

    async def ask(self, request: TLRequest) -> TLObject:
        """Return Telegram's answer, or raise its error; raise TimeoutError if there is none in time."""
        client = self._client
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await client._call(client._sender, request, flood_sleep_threshold=0)

    async def send_token(self, token: str) -> None:
        """Log in with a bot token; raise Telegram's error if it refuses."""
        api_id, api_hash = self._client.api_id, self._client.api_hash
        await self.ask(functions.auth.ImportBotAuthorizationRequest(0, api_id, api_hash, token))

    async def me(self) -> types.User:
        """Return the bot's own user; raise UnauthorizedError if it is not logged in."""
        me = (await self.ask(functions.users.GetUsersRequest([types.InputUserSelf()])))[0]
        if type(me) is not types.User:
            raise LookupError("Telegram does not say who the bot is")
        return me

    async def accept(self, me: types.User) -> None:
        """Go on as this user."""
        await self._client._on_login(me)


class Login:
    """Log in with a bot token, and again where Telegram ended the login or does not know the auth key."""

    def __init__(
        self,
        client: PlainClient,
        session: BotSession,
        intake: Intake,
        state: LinkState,
        server_time: Callable[[], int],
        server: Server | None,
        proxy: Proxy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._session = session
        self._intake = intake
        self._state = state
        self._server_time = server_time
        self._clock = clock
        self._proxy = proxy
        #: The configured server, None for Telegram's own.
        self._home = server
        self._token = ""
        #: Attempts, and logins, since the last login that lasted.
        self._attempts, self._logins = 0, 0
        #: Whether the token has to be sent although the bot may be logged in.
        self._anew = False
        #: When the bot was logged in, by `clock`.
        self._since = 0.0
        #: The trouble that was logged last.
        self._said = ""
        #: The data center that the bot has to go to, None to stay.
        self._move_to: int | None = None

    async def log_in(self, token: str) -> types.User:
        """Connect, log in as `BotClient.login` promises, and return the bot's own user."""
        self._token = token
        self._refuse_another_bot(self._session.bot_id())
        before = making_login.set(True)
        try:
            await self._wait_as_noted()
            fingerprint = sha256(f"tgbot:{self._token}".encode()).hexdigest()
            me = await self._persist(anew=self._session.value("token") not in (None, fingerprint))
        finally:
            making_login.reset(before)
        self._session.set_bot_id(me.id)
        self._session.set_value("token", fingerprint)
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
        except Exception as error:
            if ends_login(error) or answer_of(error) is None:
                raise
            logger.info("no difference from the first state (%s)", type(error).__name__)
        held = self._intake.pts_before_held()
        # What is held arrived between the login and the state.
        pts = state.pts if held is None else min(held, state.pts)
        return UpdateState(pts, state.qts, int(state.date.timestamp()), state.seq)

    async def keep_up(self) -> None:
        """Make each connection and login that ends anew, and ask for the difference after it.

        Raise LoginRefusedError once Telegram refuses the login.
        """
        making_login.set(True)
        while True:
            over = await self._connection_or_login_ended()
            if self._clock() - self._since > _LASTING_SECONDS:
                self._attempts = self._logins = 0
            await asyncio.sleep(_pause(self._attempts, _LONGEST_BETWEEN_LOGINS))
            await self._persist(anew=over)
            self._state.logged_in()
            self._intake.begin_difference()

    async def across_logins(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run something that ends with each login, again after the next one, until cancelled."""
        while True:
            try:
                await work()
            except AuthKeyNotFound:
                pass  # a new key is made
            except LoginOverError:
                self._state.end_login(self._state.logins)
            await self._state.ready.wait()

    async def switch_dc(self, dc_id: int) -> None:
        """Have the login made again in another data center, and wait for that; a login itself is told."""
        if making_login.get():
            raise MovedError(dc_id)
        self._move_to = dc_id
        self._state.end_login(self._state.logins)
        async with waiting():
            await self._state.ready.wait()

    # ---- attempts --------------------------------------------------------------------------------

    async def _persist(self, *, anew: bool) -> types.User:
        """Try until the bot is logged in, with `anew` by a login of its own; return the bot's own user."""
        self._anew = anew
        while True:
            self._attempts += 1
            try:
                if self._move_to is not None:
                    await self._connect()
                    await self._client.move(self._move_to)
                    self._move_to = None
                me = await self._attempt()
            except StorageUnreachableError as error:
                pause = self._pause_after(error)
            except TgbotError:
                raise
            except _REFUSED as error:
                raise LoginRefusedError(error_name(error)) from None
            except MovedError as moved:
                self._move_to = moved.dc_id
                pause = _pause(self._attempts, _LONGEST_BETWEEN_LOGINS)
            except Exception as error:  # the loop is owned here: nothing else ends the bot
                if isinstance(error, AuthKeyNotFound) or ends_login(error):
                    await self._forget_key(error)
                    pause = _pause(self._attempts, _LONGEST_BETWEEN_LOGINS)
                else:
                    pause = self._pause_after(error)
            else:
                self._logged_in()
                return me
            await asyncio.sleep(pause)

    async def _attempt(self) -> types.User:
        if self._anew and self._logins >= _LOGINS_WITH_A_KEY:
            await self._client.forget_key()
        await self._connect()
        me = None
        try:
            me = await self._client.me()
            self._refuse_another_bot(me.id)
        except errors.UnauthorizedError as error:
            if not ends_login(error):
                raise
        if me is None or self._anew:
            await self._send_token()
            me = await self._client.me()
            self._refuse_another_bot(me.id)
        await self._client.accept(me)
        return me

    async def _connect(self) -> None:
        """Connect; if the data center is not there, but the configured server is, go back to that one."""
        while self._home is not None and not is_home(self._session, self._home):
            with suppress(TimeoutError):
                async with asyncio.timeout(_AWAY_SECONDS):
                    await self._client.connect()
                return
            away = self._session.server_address, self._session.port
            # In this order: what is found there first may have come up after the last attempt.
            home = self._home.host, self._home.port
            if await is_there(*home, self._proxy) and not await is_there(*away, self._proxy):
                logger.warning("data center %d of the server is not there; going back to the configured one",
                               self._session.dc_id)  # fmt: skip
                await self._client.forget_key()
                self._session.set_dc(self._home.dc_id, self._home.host, self._home.port)
        await self._client.connect()

    async def _send_token(self) -> None:
        self._logins += 1
        await self._client.send_token(self._token)
        self._anew = False
        known = self._intake.log.mark().pts
        if known:
            state = await self._client.ask(functions.updates.GetStateRequest())
            if state.pts < known:
                # A log never goes back: this server lost the one that our pts counts.
                logger.warning("the server's log begins anew (pts %d, ours %d)", state.pts, known)
                self._intake.start_over(state)

    def _logged_in(self) -> None:
        self._since = self._clock()
        if self._said:
            self._said = ""
            logger.warning("the login succeeded")
        if self._session.value("login_wait"):
            self._session.set_value("login_wait", 0)

    # ---- waiting ---------------------------------------------------------------------------------

    def _pause_after(self, error: Exception) -> float:
        """Return how long to wait after an attempt that failed, and log why, once."""
        if wait := wait_of(error):
            self._note_wait(wait)
            return wait
        name = _name(error)
        if name != self._said:
            self._said = name
            what = name if answer_of(error) is not None else places(error)
            logger.warning(
                "the login failed (%s); trying again, with pauses of up to %d s", what, _LONGEST_PAUSE
            )
        if isinstance(error, TimeoutError):
            self._state.renew(f"no answer to a request of the login within {_ANSWER_SECONDS:g} s")
        return max(_FIRST_PAUSE, _pause(self._attempts, _LONGEST_PAUSE))

    def _note_wait(self, seconds: int) -> None:
        """Say and store how long Telegram wants to be left alone: a restart must not ask earlier."""
        until = self._server_time() + seconds
        self._session.set_value("login_wait", seconds)
        self._session.set_value("login_wait_until", until)
        self._say_wait(seconds)

    async def _wait_as_noted(self) -> None:
        """Wait for the rest of what Telegram asked an earlier run to wait.

        The clock may have been set meanwhile: never wait for longer than Telegram said.
        """
        asked, until = self._session.value("login_wait"), self._session.value("login_wait_until")
        if not isinstance(asked, int) or not isinstance(until, int):
            return
        left = min(asked, until - self._server_time())
        if left > 0:
            self._say_wait(left)
            await asyncio.sleep(left)

    def _say_wait(self, seconds: int) -> None:
        self._said = "a wait"
        until = datetime.fromtimestamp(self._server_time() + seconds, UTC)
        logger.warning("Telegram asks to wait %s s before the login; waiting until %s",
                       f"{seconds:,}", f"{until:%Y-%m-%d %H:%M:%S} UTC")  # fmt: skip

    async def _forget_key(self, error: Exception) -> None:
        logger.warning("the server does not accept our auth key (%s); logging in again with a new one",
                       _name(error))  # fmt: skip
        await self._client.forget_key()

    async def _connection_or_login_ended(self) -> bool:
        """Wait until one of the two has ended; return True if it is the login."""
        gone = self._client.gone
        ended = asyncio.ensure_future(self._state.login_ended.wait())
        try:
            await asyncio.wait((gone, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if not gone.done():
            return True
        error = gone.exception()
        if isinstance(error, AuthKeyNotFound):
            await self._forget_key(error)
        elif error is not None:
            logger.warning("disconnected (%s); connecting again", type(error).__name__)
        return self._state.login_ended.is_set()

    def _refuse_another_bot(self, bot_id: int | None) -> None:
        wanted = int(self._token.partition(":")[0])
        if bot_id is not None and bot_id != wanted:
            raise WrongBotError(self._session.place, bot_id, wanted)


def _pause(attempts: int, longest: float) -> float:
    """Return the pause after that many attempts: the second one is made at once."""
    return 0.0 if attempts < 2 else min(longest, _FIRST_PAUSE * float(2 ** min(attempts - 2, 20)))


def _name(error: BaseException) -> str:
    return error_name(error) if isinstance(error, errors.RPCError) else type(error).__name__
