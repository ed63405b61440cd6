"""The one place where the parts meet: open all of them in order, and close them in reverse."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from telethon.tl import TLRequest, types

from tgbot.config.settings import Config
from tgbot.core.clock import ServerClock
from tgbot.core.errors import BotRunningError, SessionInUseError
from tgbot.core.links import signing_key
from tgbot.core.names import usernames_of
from tgbot.core.users import UserRegistry
from tgbot.handlers import admin, allowed, evidence, help, join_requests, language, link, privacy, start
from tgbot.locales.texts import Texts
from tgbot.messaging.outcomes import record_outcome
from tgbot.messaging.profile import Profile
from tgbot.messaging.resolve import Peers
from tgbot.messaging.sender import Sender
from tgbot.operate.alerts import Alerts
from tgbot.operate.health import Health
from tgbot.plugins.loading import Plugin, load
from tgbot.plugins.parts import Approve, Parts
from tgbot.store.lock import InstanceLock
from tgbot.store.sqlite.session import RESOLVES_A_DAY, DurableSession
from tgbot.store.sqlite.store import SqliteStore
from tgbot.telegram import BotClient, Server

logger = logging.getLogger(__name__)

#: The DC id of a server other than Telegram's, unless the configuration names one.
USUAL_DC_ID = 2


@dataclass(frozen=True, slots=True)
class Bot:
    """The parts of an open bot."""

    client: BotClient
    store: SqliteStore
    sender: Sender
    peers: Peers
    texts: Texts
    #: Telegram's time in unix seconds.
    clock: ServerClock

    @property
    def session(self) -> DurableSession:
        """Return what Telethon keeps: the login, peers and their usernames."""
        return self.store.session

    @property
    def users(self) -> UserRegistry:
        """Return everyone the bot has met."""
        return self.store.users


@asynccontextmanager
async def open_bot(config: Config, *, serve: bool = False) -> AsyncIterator[Bot]:
    """Open the bot's files, log in, and with `serve` handle updates until the block is left.

    Without `serve` updates stay at Telegram for the bot itself. Leaving the block finishes what is in flight
    within `[bot] grace_seconds`, and puts everything on disk. Wait for as long as Telegram cannot be reached.

    Raise CredentialsMissingError, TextError, BotRunningError (SessionInUseError with `serve`), any
    StorageError, WrongBotError, LoginRefusedError and PluginError; on leaving, the StorageError that keeps
    something from the disk and the error that ended the bot.
    """
    credentials = config.telegram.credentials()
    texts = Texts.load(config.bot.texts)
    plugins = [load(module) for module in config.bot.plugins] if serve else []
    clock = ServerClock(wall=time.time, monotonic=time.monotonic)
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(InstanceLock(config.storage.session))
        except SessionInUseError:
            if serve:
                raise
            raise BotRunningError("This", "ask it in the chat, or stop it first") from None
        store = SqliteStore(config.storage.session, config.storage.registry, clock=clock)
        stack.callback(store.close)
        session, users = store.session, store.users
        alerts = Alerts(users, texts, config.bot.admins)
        listener = BotListener(users, clock, alerts)
        client = BotClient(
            session,
            credentials.api_id,
            credentials.api_hash,
            server=_server(config),
            store=store,
            listener=listener,
            server_time=clock,
            concurrency=config.bot.concurrency,
            handler_seconds=config.bot.handler_seconds,
        )
        stack.push_async_callback(_close, client, config.bot.grace_seconds)
        await client.login(credentials.bot_token)
        sender = Sender(client, users, clock=clock)
        peers = Peers(client, session, users, clock=clock, daily_resolves=RESOLVES_A_DAY)
        bot = Bot(client, store, sender, peers, texts, clock)
        if serve:
            _register(_parts(bot, config), plugins)
            await client.start_updates()
            client.spawn(alerts.send(sender))
            client.spawn(Profile(client, texts, config.bot.admins).show())
            if config.login.listen is not None:
                await stack.enter_async_context(_login_page(config, bot))
        yield bot


class BotListener:
    """Pass on what the client reports: users and outcomes to the registry, losses to the admins."""

    def __init__(self, users: UserRegistry, clock: ServerClock, alerts: Alerts) -> None:
        self._users = users
        self._alerts = alerts
        self._seen = evidence.seen_by(users, clock)

    def seen(self, users: Sequence[types.User], source: str) -> None:
        """Record the profiles of full users that arrived, and how they became known."""
        self._seen(users, source)

    def finished(self, chat_id: int, message_id: int) -> None:
        """Record that a private message was handled to its end."""
        self._users.finished(chat_id, message_id)

    def last_finished(self, chat_id: int) -> int:
        """Return the id of the last message of a dialog that was handled to its end, or 0."""
        return self._users.last_finished(chat_id)

    def outcome(self, request: TLRequest, user_id: int, error_name: str | None, at: int) -> None:
        """Record what a call about a private user says about access; `error_name` is None for success."""
        record_outcome(self._users, request, user_id, error_name, at)

    def lost(self, what: str) -> None:
        """Report to the admins that something is lost for good."""
        self._alerts.lost(what)


@dataclass(frozen=True, slots=True)
class _Forget:
    """Delete a user from the store; done on disk on return."""

    store: SqliteStore
    client: BotClient

    async def __call__(self, user_id: int, /) -> None:
        await self.store.forget(user_id)
        await self.client.checkpoint()


def _parts(bot: Bot, config: Config) -> Parts:
    return Parts(
        client=bot.client,
        users=bot.users,
        sender=bot.sender,
        peers=bot.peers,
        texts=bot.texts,
        admins=frozenset(config.bot.admins),
        clock=bot.clock,
        checkpoint=bot.client.checkpoint,
        forget=_Forget(bot.store, bot.client),
        approve=Approve(config.join_requests.approve),
        payload_key=signing_key(config.telegram.credentials().bot_token),
        greeted_elsewhere=_login_domain(config),
    )


def _register(parts: Parts, plugins: Iterable[Plugin]) -> None:
    """Register all handlers, in the order in which they are called.

    Evidence comes first: it records what an update says. Plugins come before the bot's own handlers, so that
    they can answer instead of them (StopPropagation). Help comes last: it answers what nobody answered.
    """
    evidence.register(parts)
    for plugin in plugins:
        plugin.add_to(parts)
    for built_in in (start, join_requests, allowed, language, privacy, admin, link, help):
        built_in.register(parts)


async def _close(client: BotClient, grace: float) -> None:
    if not await client.stop(grace) and not client.failed.done():
        logger.warning("not everything finished within %g s; the rest is done after the next start", grace)
    if client.failed.done():
        raise client.failed.result()  # it may have failed while it stopped


def _login_domain(config: Config) -> str:
    """Return the domain whose logins the login page greets; "" without a page."""
    return "" if config.login.listen is None else urlsplit(config.login.public).hostname or ""


def _login_page(config: Config, bot: Bot) -> AbstractAsyncContextManager[object]:
    # Imported here: most bots have no login page, and importing aiohttp takes a tenth of a second.
    from tgbot.web import Settings, open_site

    me, login = bot.client.me, config.login
    assert login.listen is not None
    return open_site(
        Settings(
            host=login.listen.host,
            port=login.listen.port,
            public=login.public,
            widget=login.widget,
            max_age=login.max_age,
            used=config.storage.logins,
        ),
        token=config.telegram.credentials().bot_token,
        name=me.first_name or "",
        username=usernames_of(me)[0],
        users=bot.users,
        sender=bot.sender,
        texts=bot.texts,
        knows=lambda user_id: bot.session.access_hash(user_id) is not None,
        # Telethon's is_connected stays true while it tries to connect again.
        health=Health(lambda: bot.client.connected, bot.client.checkpoint),
        clock=bot.clock,
    )


def _server(config: Config) -> Server | None:
    telegram = config.telegram
    if telegram.server is None:
        return None
    return Server(
        telegram.server.host,
        telegram.server.port,
        telegram.dc_id or USUAL_DC_ID,
        telegram.public_key_pem(),
    )
