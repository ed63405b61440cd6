"""The one place where the parts meet: opens all of them in order, and closes them in reverse."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from telethon import errors

from tgbot.config.settings import Config
from tgbot.core.errors import BotRunningError, PluginError, SessionInUseError
from tgbot.core.links import signing_key
from tgbot.core.names import usernames_of
from tgbot.handlers import admin, allowed, evidence, help, join_requests, language, link, privacy, start
from tgbot.locales.texts import Texts
from tgbot.messaging.profile import Profile
from tgbot.messaging.resolve import Peers
from tgbot.messaging.sender import Sender
from tgbot.plugins.parts import Approve, Forget, Parts
from tgbot.store.lock import InstanceLock
from tgbot.store.sqlite.session import RESOLVES_A_DAY, DurableSession
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.telegram import BotClient, Hooks, Server

logger = logging.getLogger(__name__)

#: The DC id that a server of one's own is taken to have, unless the configuration names one.
USUAL_DC_ID = 2


@dataclass(frozen=True, slots=True)
class Bot:
    """The parts of an open bot."""

    client: BotClient
    session: DurableSession
    users: SqliteRegistry
    sender: Sender
    peers: Peers
    texts: Texts


@asynccontextmanager
async def open_bot(config: Config, *, serve: bool = False) -> AsyncIterator[Bot]:
    """Open the bot's files, log in, and with `serve` handle updates until the block is left.

    Without `serve` updates stay at Telegram for the bot itself. Leaving finishes what is under way within
    `[bot] grace_seconds`, and puts everything on disk. Raises CredentialsMissingError, BotRunningError (or
    SessionInUseError with `serve`), any StorageError, WrongBotError, LoginRefusedError and PluginError;
    waits for as long as Telegram cannot be reached.
    """
    credentials = config.telegram.credentials()
    plugins = [_imported(module) for module in config.bot.plugins] if serve else []
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(InstanceLock(config.storage.session))
        except SessionInUseError:
            if serve:
                raise
            raise BotRunningError("This", "ask it in the chat, or stop it first") from None
        session = DurableSession(config.storage.session)
        stack.callback(session.close)
        users = SqliteRegistry(config.storage.registry)
        stack.callback(users.close)
        client: BotClient | None = None
        sender: Sender | None = None

        def clock() -> float:
            return client.server_time() if client is not None else time.time()

        def observe(request: Any, user_id: int, error: str | None, at: int) -> None:
            if sender is not None:
                sender.observe(request, user_id, error, at)

        def lost(what: str) -> None:
            if client is not None and sender is not None:
                client.spawn(_tell_admins(sender, users, texts, config.bot.admins, what))

        client = BotClient(
            session,
            credentials.api_id,
            credentials.api_hash,
            server=_server(config),
            hooks=Hooks(
                flush=users.flush,
                finished=users.finished,
                last_finished=users.last_finished,
                last_own=users.last_own,
                seen=evidence.seen_by(users, clock),
                outcome=observe,
                lost=lost,
            ),
            concurrency=config.bot.concurrency,
            handler_seconds=config.bot.handler_seconds,
        )
        stack.push_async_callback(_close, client, config.bot.grace_seconds)
        await client.login(credentials.bot_token)
        texts = Texts.load(config.bot.texts)
        sender = Sender(client, users, clock=clock)
        peers = Peers(client, session, users, clock=clock, daily_resolves=RESOLVES_A_DAY)
        bot = Bot(client, session, users, sender, peers, texts)
        if serve:
            parts = Parts(
                client=client,
                users=users,
                sender=sender,
                peers=peers,
                texts=texts,
                admins=frozenset(config.bot.admins),
                clock=clock,
                checkpoint=client.checkpoint,
                forget=_forgetting(client, session, users),
                approve=Approve(config.join_requests.approve),
                payload_key=signing_key(credentials.bot_token),
                greeted_elsewhere=_login_domain(config),
            )
            # The order counts: what an update says is recorded first; a plugin may answer in the bot's
            # stead (StopPropagation); help comes when nobody did.
            evidence.register(parts)
            for module, register in plugins:
                _register(module, register, parts)
            for built_in in (start, join_requests, allowed, language, privacy, admin, link, help):
                built_in.register(parts)
            await client.start_updates()
            client.spawn(Profile(client, texts, config.bot.admins).show())
            if config.login.listen is not None:
                await stack.enter_async_context(_login_page(config, bot, clock))
        yield bot


async def _close(client: BotClient, grace: float) -> None:
    if not await client.stop(grace) and not client.failed.done():
        logger.warning("not everything finished within %g s; the rest is done after the next start", grace)
    if client.failed.done():
        raise client.failed.result()  # it may have failed while it stopped


def _login_domain(config: Config) -> str:
    """The site whose logins the login page greets; "" if there is no page."""
    return "" if config.login.listen is None else urlsplit(config.login.public).hostname or ""


def _forgetting(client: BotClient, session: DurableSession, users: SqliteRegistry) -> Forget:
    async def forget(user_id: int, /) -> None:
        users.forget(user_id)
        await asyncio.to_thread(session.forget, user_id)  # It waits for the disk.
        await client.checkpoint()

    return forget


def _login_page(config: Config, bot: Bot, clock: Callable[[], float]) -> AbstractAsyncContextManager[Any]:
    # Imported here: most bots have no login page, and aiohttp takes a tenth of a second.
    from tgbot.web import Settings, open_site
    from tgbot.web.health import Health

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
        clock=clock,
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


def _imported(module: str) -> tuple[str, Callable[..., Any]]:
    try:
        register = getattr(importlib.import_module(module), "register", None)
    except ImportError as error:
        raise PluginError(module, str(error)) from error
    except Exception as error:
        raise PluginError(module, f"importing it raised {type(error).__name__}: {error}") from error
    if not callable(register):
        raise PluginError(module, "it has no function register")
    if inspect.iscoroutinefunction(register):
        raise PluginError(module, "its register is a coroutine function, and nobody would await it")
    return module, register


def _register(module: str, register: Callable[..., Any], parts: Parts) -> None:
    """Call a plugin's `register` with those of the parts that it names."""
    wanted = inspect.signature(register).parameters
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in wanted.values())
    given = {
        name: getattr(parts, name)
        for name in (field.name for field in fields(parts) if field.name != "client")
        # What comes of the token is given to those only who ask for it by its name.
        if name in wanted or (takes_all and name != "payload_key")
    }
    try:
        register(parts.client, **given)
    except Exception as error:
        raise PluginError(module, f"register raised {type(error).__name__}: {error}") from error


async def _tell_admins(
    sender: Sender, users: SqliteRegistry, texts: Texts, admins: tuple[int, ...], what: str
) -> None:
    for admin_id in admins:
        user = users.get(admin_id)
        if user is not None:
            language = user.chosen_language or user.language
            try:
                await sender.send(admin_id, texts.render(language, f"lost-{what.replace('_', '-')}"))
            except errors.RPCError as error:
                logger.warning("could not tell admin %d of a loss (%s)", admin_id, type(error).__name__)
