"""The one place where the parts meet: open all of them in order, and close them in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from telethon.tl import types

from tgbot import reload
from tgbot.config.settings import Config
from tgbot.core.admins import Admins
from tgbot.core.clock import ServerClock
from tgbot.core.links import signing_key
from tgbot.core.names import usernames_of
from tgbot.core.users import Keep, UserRegistry
from tgbot.handlers import evidence
from tgbot.handlers.order import register_all
from tgbot.locales.library import Library
from tgbot.messaging.broadcast.broadcasts import Broadcasts
from tgbot.messaging.outcomes import record_outcome
from tgbot.messaging.pace import Pace
from tgbot.messaging.profile import Manage, Profile
from tgbot.messaging.rebuild import rebuild as rebuilding
from tgbot.messaging.rebuild.reading import Reading
from tgbot.messaging.rebuild.rebuild import Rebuild
from tgbot.messaging.resolve import Peers
from tgbot.messaging.sender import Sender
from tgbot.messaging.sweep import Sweep
from tgbot.operate.alerts import Alerts, Posts
from tgbot.operate.conditions import Conditions
from tgbot.operate.control import Command, listening
from tgbot.operate.descriptors import share
from tgbot.operate.desk import after_login, before_login
from tgbot.operate.health import Health
from tgbot.operate.supervisor import supervised
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs import Jobs
from tgbot.plugins.jobs.tries import Tries
from tgbot.plugins.lifecycle import Plugins
from tgbot.plugins.loading import load_all
from tgbot.plugins.parts import Approve, Parts
from tgbot.plugins.talks import Talks
from tgbot.store.base import Account
from tgbot.store.lock import instance_lock
from tgbot.store.opened import OpenStore
from tgbot.store.sqlite.locks import patiently
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.worker import run_aside
from tgbot.telegram import BotClient, Proxy, Server
from tgbot.telegram.meter import Meter
from tgbot.telegram.tasks import log_escaped
from tgbot.telegram.updates.missed import Missed

logger = logging.getLogger(__name__)

#: The part of the file descriptors that visitors of the login page may take.
PAGE_SHARE: Final = 0.25

#: How long a stop waits for the sends of a broadcast that are under way, and for jobs, in seconds; what is
#: cut off is done again, and Telegram returns the earlier messages.
WORK_GRACE: Final = 3.0

#: How long plugins may take to stop, in seconds, where the updates in flight took all of the grace time.
LEAST_GRACE: Final = 1.0

#: What `open_bot` opens.
Bot: TypeAlias = Parts


@asynccontextmanager
async def open_bot(
    config: Config,
    *,
    serve: bool = False,
    closing: Callable[[], object] = lambda: None,
    read: reload.Read | None = None,
) -> AsyncIterator[Bot]:
    """Open the bot's files, log in, and with `serve` handle updates until the block is left.

    Without `serve` updates stay at Telegram for the bot itself. Leaving the block finishes what is in flight
    within `[bot] grace_seconds`, and puts everything on disk. Wait for as long as Telegram cannot be reached.
    `closing` is called when the client begins to close, also after a start that failed. `read` reads the
    configuration again, for the command `reload`.

    Raise CredentialsMissingError, TextError, any StorageError, WrongBotError, LoginRefusedError and
    PluginError; on leaving, the StorageError that keeps something from the disk and the error that ended the
    bot.
    """
    credentials = config.telegram.credentials()
    plugins = Plugins(load_all(config.bot.plugins, config.plugins.read) if serve else [])
    library = Library.load(config.bot.texts, config.bot.plugins if serve else ())
    texts = library.bot
    clock = ServerClock(wall=time.time, monotonic=time.monotonic)
    async with AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        stack.callback(loop.set_exception_handler, loop.get_exception_handler())
        loop.set_exception_handler(log_escaped)
        supervisor = await stack.enter_async_context(supervised(os.environ if serve else {}))
        lock = stack.enter_context(instance_lock(config.storage.session))
        # In a thread, because another program may have a lock on a file.
        store = await run_aside(partial(patiently, partial(_open_store, config, clock)))
        stack.callback(store.close)
        store.watch(lock)
        users = store.users
        admins = Admins(config.bot.admins)
        kinds, webhook = config.operate.alerts, _webhook(config, clock) if serve else None
        alerts = Alerts(users, texts, admins, kinds=kinds, webhook=webhook)
        meter = Meter(clock) if serve and config.operate.listen is not None else None
        client = BotClient(
            store.session,
            credentials.api_id,
            credentials.api_hash,
            server=server_of(config),
            proxy=proxy_of(config),
            store=store,
            parked=store.parked,
            keep_failed=config.bot.parked > 0,
            marks=config.storage.marks,
            listener=BotListener(users, alerts, Keep(config.bot.keep)),
            server_time=clock,
            concurrency=config.bot.concurrency,
            handler_seconds=config.bot.handler_seconds,
            meter=meter,
            missed=partial(
                Missed,
                now=clock,
                seconds=config.bot.answer_missed,
                learn=lambda first, last: rebuild.learn(first, last),
            ),
        )
        tries = Tries(clock)
        health = Health(client)  # before the first proof that updates arrive
        if meter is not None:
            await stack.enter_async_context(_pages(config, client, meter, health, store, tries))
        stack.push_async_callback(_close, client, config.bot.grace_seconds, plugins)
        stack.callback(closing)
        stack.callback(supervisor.stopping)
        supervisor.waiting()
        given: dict[str, Command] = {}
        if serve:
            # Before the login, which may take for as long as Telegram cannot be reached.
            directory, figures = config.storage.directory, client.figures.read
            conditions = Conditions(alerts, trouble=health.trouble, read=figures, directory=directory)
            client.spawn(conditions.watch())
            client.spawn(alerts.post())
            given |= before_login(client, store, clock, health.trouble)
            await stack.enter_async_context(listening(config.storage.control, given))
        await client.login(credentials.bot_token)
        store.belongs_to(_account(client.me))

        async def forget(user_id: int, /, *, again: bool = False) -> None:
            talks.forget(user_id)
            for plugin in [] if again else await plugins.forget(user_id):
                alerts.forget_failed(plugin)
            await store.forget(user_id)
            await client.checkpoint()

        payload_key = signing_key(credentials.bot_token)
        pace = Pace(overall=config.bot.pace, sends=client.figures.sends)
        sender = Sender(client, users, clock=clock, pace=pace)
        alarm = Alarm(store.planned, clock, client.spawn, draining=lambda: client.drain.begun)
        talks = Talks(client, users, texts, alarm, checkpoint=client.checkpoint, clock=clock)
        bot = Parts(
            client=client,
            users=users,
            sender=sender,
            sweep=Sweep(
                users,
                sender.probe,
                pace.probes,
                load=store.load,
                save=client.checkpoint,
                spawn=client.spawn,
                clock=clock,
            ),
            peers=Peers(client, users, clock=clock),
            broadcasts=Broadcasts(
                client,
                store.broadcasts,
                users,
                pace.leftover,
                pace=config.bot.pace,
                admins=admins,
                key=payload_key,
                load=store.load,
                checkpoint=client.checkpoint,
                clock=clock,
            ),
            alarm=alarm,
            jobs=Jobs(
                alarm, store.planned, tries, checkpoint=client.checkpoint, load=store.load, notes=users
            ),
            texts=texts,
            admins=admins,
            clock=clock,
            checkpoint=client.checkpoint,
            talks=talks,
            forget=forget,
            parked=store.parked.count,
            planned=store.planned.about,
            right_missing=alerts.right_missing,
            approve=Approve(config.join_requests.approve),
            payload_key=payload_key,
            greeted_elsewhere=urlsplit(config.login.public).hostname or "" if config.login.listen else "",
        )
        rebuild: Rebuild = _rebuild(bot, store)
        if serve:
            await register_all(bot, plugins, library.plugins, config.bot.handlers, config.bot.per_user)
            client.on_handler_error(plugins.failed)
            await client.start_updates()
            await plugins.start()
            client.spawn(bot.broadcasts.run())
            stack.push_async_callback(bot.broadcasts.close, min(WORK_GRACE, config.bot.grace_seconds))
            await bot.jobs.start()
            client.spawn(alarm.run())
            stack.push_async_callback(alarm.close, min(WORK_GRACE, config.bot.grace_seconds))
            client.spawn(rebuild.run())
            given |= after_login(bot, store, rebuild)
            bot.sweep.go_on()
            client.spawn(alerts.send(bot.sender))

            def show_profile() -> None:
                manage = Manage(config.profile.manage)
                profile = Profile(client, texts, bot.commands, admins, manage=manage, notes=users)
                client.spawn(profile.show())

            show_profile()
            if read is not None:
                given["reload"] = reload.command(
                    _checked(read, plugins), config, library, admins, show_profile
                )
            if config.login.listen is not None:
                await stack.enter_async_context(_login_page(config, bot, health.trouble))
                store.watch(config.storage.logins)
            supervisor.running(health.trouble)
        yield bot


def _checked(read: reload.Read, plugins: Plugins) -> reload.Read:
    """Have the settings of plugins checked where the configuration is read again."""

    def checked(warn: Callable[[str], None]) -> Config:
        config = read(warn)
        plugins.check(config.plugins.read)
        return config

    return checked


def _open_store(config: Config, clock: ServerClock) -> OpenStore:
    storage = config.storage
    keep = Keep(config.bot.keep)
    return SqliteStore(storage.session, storage.registry, clock=clock, parked=config.bot.parked, keep=keep)


def _account(me: types.User) -> Account:
    inline = me.bot_inline_placeholder is not None
    return Account(me.id, not me.bot_nochats, bool(me.bot_chat_history), inline)


class BotListener:
    """What the client reports, passed on: users and outcomes to the registry, losses to the admins."""

    def __init__(self, users: UserRegistry, alerts: Alerts, keep: Keep) -> None:
        # Not methods: what is called for each message goes there in one step.
        self.seen = partial(evidence.record_seen, users, keep)
        self.outcome = partial(record_outcome, users, keep)
        self.finished = users.finished
        self.last_finished = users.last_finished
        self.lost = alerts.lost


def _rebuild(parts: Parts, store: OpenStore) -> Rebuild:
    client, users, sweep = parts.client, store.users, parts.sweep

    async def probe() -> None:
        progress = sweep.status()
        if progress is None or not progress.open:
            await sweep.start()
        await sweep.ended()

    rate, burst = rebuilding.CALLS_A_SECOND, rebuilding.CALLS_AT_ONCE
    pace = Pace(overall=rate, per_chat=rate, overall_burst=burst, chat_burst=burst)
    return Rebuild(
        client.history,
        Reading(users, evidence.sources(parts), parts.clock),
        users,
        checkpoint=parts.checkpoint,
        load=store.load,
        turn=partial(pace.turn, 0),
        people=lambda: users.count().total,
        has_hash=lambda user_id: client.session.access_hash(user_id) is not None,
        now=parts.clock,
        probe=probe,
    )


async def _close(client: BotClient, grace: float, plugins: Plugins) -> None:
    time, least = asyncio.get_running_loop().time, min(LEAST_GRACE, grace)
    until = time() + grace

    async def drained() -> None:
        client.cut.extend(await plugins.stop(max(least, until - time())))

    if not await client.stop(grace, drained) and not client.failed.done():
        logger.warning("not everything finished within %g s; the rest is done after the next start", grace)
    if client.failed.done():
        raise client.failed.result()  # it may have failed while it stopped


def _login_page(
    config: Config, bot: Bot, trouble: Callable[[], Awaitable[str | None]]
) -> AbstractAsyncContextManager[object]:
    # Imported here: most bots have no login page, and importing aiohttp takes a tenth of a second.
    from tgbot.store.sqlite.logins import UsedLogins
    from tgbot.web import Settings, open_site

    me, login = bot.client.me, config.login
    assert login.listen is not None
    return open_site(
        Settings(
            host=login.listen.host,
            port=login.listen.port,
            public=login.public,
            then=login.then,
            widget=login.widget,
            max_age=login.max_age,
            connections=share(PAGE_SHARE, 100),  # the rest is for the link to Telegram and the files
        ),
        token=config.telegram.credentials().bot_token,
        name=me.first_name or "",
        username=usernames_of(me)[0],
        users=bot.users,
        sender=bot.sender,
        logins=partial(patiently, partial(UsedLogins, config.storage.logins)),
        texts=bot.texts,
        knows=lambda user_id: bot.client.session.access_hash(user_id) is not None,
        trouble=trouble,
        clock=bot.clock,
    )


def _pages(
    config: Config, client: BotClient, meter: Meter, health: Health, store: OpenStore, jobs: Tries
) -> AbstractAsyncContextManager[object]:
    # Imported here: few bots have these pages, and the imports take 50 ms.
    from tgbot.operate.metrics import Metrics
    from tgbot.operate.pages import open_pages

    listen = config.operate.listen
    assert listen is not None
    metrics = Metrics(
        *(client.figures, meter, health, store.parked, store.users, store.broadcasts, jobs),
        config.storage.directory,
    )
    return open_pages(
        listen.host, listen.port, trouble=health.trouble, read=metrics.read, render=metrics.render
    )


def _webhook(config: Config, clock: ServerClock) -> Posts | None:
    url = config.operate.webhook
    if url is None:
        return None
    # Imported here: few bots have one, and importing aiohttp takes a tenth of a second.
    from tgbot.operate.webhook import Webhook

    return Webhook(url.get_secret_value(), config.telegram.bot_id, clock)


def proxy_of(config: Config) -> Proxy | None:
    """Return the configured way to Telegram, None for the direct one."""
    url = config.telegram.proxy
    return Proxy(url.get_secret_value()) if url else None


def server_of(config: Config) -> Server | None:
    """Return the configured server, None for Telegram's own."""
    telegram = config.telegram
    if telegram.server is None:
        return None
    return Server(telegram.server.host, telegram.server.port, telegram.dc_id or 2, telegram.public_key_pem())
