"""The one place where the parts meet: open all of them in order, and close them in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from telethon.tl import types

from tgbot import reload
from tgbot.config.settings import Config
from tgbot.core.admins import Admins
from tgbot.core.clock import ServerClock
from tgbot.core.errors import LeaseLostError, StorageUnreachableError
from tgbot.core.links import signing_key
from tgbot.core.users import Keep, UserRegistry
from tgbot.cutoff import CutOff, ask_for_what_went_elsewhere
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
from tgbot.nodes import leading
from tgbot.operate.alerts import Alerts
from tgbot.operate.conditions import Conditions
from tgbot.operate.control import Command, listening
from tgbot.operate.desk import after_login, before_login
from tgbot.operate.health import Health
from tgbot.operate.nodes import NodeNumbers, handover, numbers
from tgbot.operate.supervisor import supervised
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs import Jobs
from tgbot.plugins.jobs.tries import Tries
from tgbot.plugins.lifecycle import Plugins
from tgbot.plugins.loading import load_all
from tgbot.plugins.parts import Approve, Parts
from tgbot.plugins.talks import Talks
from tgbot.sites import login_page, pages_of, webhook_of
from tgbot.store.base import Account
from tgbot.store.lock import instance_lock
from tgbot.store.opened import OpenStore
from tgbot.store.patient import PatientStore
from tgbot.store.sqlite.locks import patiently
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.worker import run_aside
from tgbot.telegram import BotClient, Proxy, Server
from tgbot.telegram.meter import Meter
from tgbot.telegram.tasks import log_escaped
from tgbot.telegram.updates.missed import Missed

if TYPE_CHECKING:
    from tgbot.store.postgres.membership import Membership

logger = logging.getLogger(__name__)

#: How long a stop waits for the sends of a broadcast that are under way, and for jobs, in seconds; what is
#: cut off is done again, and Telegram returns the earlier messages.
WORK_GRACE: Final = 3.0

#: How long plugins may take to stop, in seconds, where the updates in flight took all of the grace time.
LEAST_GRACE: Final = 1.0

#: For how long the last checkpoint waits for a database that cannot be reached, in seconds.
LAST_SECONDS: Final = 5.0

#: What `open_bot` opens.
Bot: TypeAlias = Parts
#: How users are loaded before handlers see them.
Load: TypeAlias = Callable[[Iterable[int]], Awaitable[None]]


@asynccontextmanager
async def open_bot(
    config: Config,
    *,
    serve: bool = False,
    closing: Callable[[], object] = lambda: None,
    read: reload.Read | None = None,
    hand_over: Callable[[str], object] | None = None,
) -> AsyncIterator[Bot]:
    """Open the bot's files, log in, and with `serve` handle updates until the block is left.

    Without `serve` updates stay at Telegram for the bot itself. Leaving the block finishes what is in flight
    within `[bot] grace_seconds`, and puts everything on disk. Wait for as long as Telegram cannot be reached.
    `closing` is called when the client begins to close, also after a start that failed. `read` reads the
    configuration again, for the command `reload`. `hand_over` is told to leave the block, by the command
    `handover`: the named node leads after that.

    Where the storage is a database, stand by until this node leads; without `serve` raise NodeLeadsError if
    another node does. Leaving the block gives the lease up.

    Raise CredentialsMissingError, TextError, any StorageError, WrongBotError, LoginRefusedError and
    PluginError; on leaving, the StorageError that keeps something from the disk and the error that ended the
    bot, LeaseLostError if another node leads now: then nothing was written or sent any more.
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
        node: Membership | None = None
        if config.storage.address:
            node = await stack.enter_async_context(leading(config, supervisor, serve=serve))
        store = await _open_store(config, clock, node)
        stack.callback(store.close)
        store.watch(lock)
        patient = None if node is None else PatientStore(store)
        users = store.users
        admins = Admins(config.bot.admins)
        kinds, webhook = config.operate.alerts, webhook_of(config, clock) if serve else None
        alerts = Alerts(users, texts, admins, kinds=kinds, webhook=webhook)
        meter = Meter(clock) if serve and config.operate.listen is not None else None
        client = BotClient(
            store.session,
            credentials.api_id,
            credentials.api_hash,
            server=server_of(config),
            proxy=proxy_of(config),
            may_send=None if node is None else node.lease.holds,
            store=patient or store,
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
        fail = partial(_fail, client)
        tries = Tries(clock)
        health, figures_of = Health(client), None  # before the first proof that updates arrive
        load = store.load
        if node is not None and patient is not None:
            load, holds = patient.load, node.lease.holds
            health = Health(client, reachable=lambda: holds() and not patient.out_of_reach)
            figures_of = partial(node_numbers, node, patient)
            node.on_end.append(fail)
        if meter is not None:
            pages = pages_of(config, client, meter, health, store, tries, figures_of)
            await stack.enter_async_context(pages)
        stack.push_async_callback(_close, client, grace := config.bot.grace_seconds, plugins, patient)
        stack.callback(closing)
        stack.callback(lambda: supervisor.stopping(again=_stands_by_again(client, node)))
        supervisor.waiting()
        given: dict[str, Command] = {}
        if serve:
            # Before the login, which may take for as long as Telegram cannot be reached.
            directory, figures = config.storage.directory, client.figures.read
            conditions = Conditions(alerts, trouble=health.trouble, read=figures, directory=directory)
            client.spawn(conditions.watch())
            client.spawn(alerts.post())
            given |= before_login(client, store, clock, health.trouble, node)
            if node is not None and hand_over is not None:
                client.spawn(CutOff(client.figures.link, node, hand_over).watch())
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
                load=load,
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
                load=load,
                checkpoint=client.checkpoint,
                clock=clock,
            ),
            alarm=alarm,
            jobs=Jobs(alarm, store.planned, tries, checkpoint=client.checkpoint, load=load, notes=users),
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
        rebuild: Rebuild = _rebuild(bot, store, load)
        if serve:
            await register_all(bot, plugins, library.plugins, config.bot.handlers, config.bot.per_user)
            client.on_handler_error(plugins.failed)
            await client.start_updates()
            await plugins.start()
            client.spawn(bot.broadcasts.run())
            stack.push_async_callback(_within, client, grace, bot.broadcasts.close)
            await bot.jobs.start()
            client.spawn(alarm.run())
            stack.push_async_callback(_within, client, grace, alarm.close)
            client.spawn(rebuild.run())
            given |= after_login(bot, store, rebuild)
            if node is not None and hand_over is not None:
                given["handover"] = handover(node, hand_over)
            bot.sweep.go_on()
            client.spawn(alerts.send(bot.sender))
            if node is not None and node.took_over_from:
                alerts.took_over(node.took_over_from)
                client.spawn(ask_for_what_went_elsewhere(client.intake))

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
                await stack.enter_async_context(login_page(config, bot, health.trouble, node))
                if node is None:
                    store.watch(config.storage.logins)
            supervisor.running(health.trouble)
        if node is not None:
            node.on_end = [fail]  # the start is over, and what ends now is the bot
        yield bot


def _checked(read: reload.Read, plugins: Plugins) -> reload.Read:
    """Have the settings of plugins checked where the configuration is read again."""

    def checked(warn: Callable[[str], None]) -> Config:
        config = read(warn)
        plugins.check(config.plugins.read)
        return config

    return checked


def node_numbers(node: Membership, patient: PatientStore) -> NodeNumbers:
    """Return the numbers of a node that leads."""
    return numbers(node, patient.errors)


async def _open_store(config: Config, clock: ServerClock, node: Membership | None) -> OpenStore:
    storage, parked, keep = config.storage, config.bot.parked, Keep(config.bot.keep)
    if node is not None:
        return await node.open_store(clock, parked, keep)

    def files() -> OpenStore:
        return SqliteStore(storage.session, storage.registry, clock=clock, parked=parked, keep=keep)

    # In a thread, because another program may have a lock on a file.
    return await run_aside(partial(patiently, files))


def _fail(client: BotClient, error: BaseException) -> None:
    """End the bot with an error, unless another one has ended it: it finishes and writes nothing more."""
    if not client.failed.done():
        client.failed.set_result(error)


def _stands_by_again(client: BotClient, node: Membership | None) -> bool:
    """Return whether the bot closes only to stand by: this process goes on as another one."""
    if node is None:
        return False
    ended = client.failed.result() if client.failed.done() else None
    return node.heir != "" or isinstance(ended, (LeaseLostError, StorageUnreachableError))


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


def _rebuild(parts: Parts, store: OpenStore, load: Load) -> Rebuild:
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
        load=load,
        turn=partial(pace.turn, 0),
        people=lambda: users.count().total,
        has_hash=lambda user_id: client.session.access_hash(user_id) is not None,
        now=parts.clock,
        probe=probe,
    )


async def _within(client: BotClient, grace: float, close: Callable[[float], Awaitable[None]]) -> None:
    """Close what works beside the handlers; its sends have no time where Telegram does not answer."""
    await close(0 if client.figures.link.given_up else min(WORK_GRACE, grace))


async def _close(
    client: BotClient, grace: float, plugins: Plugins, patient: PatientStore | None = None
) -> None:
    time, least = asyncio.get_running_loop().time, min(LEAST_GRACE, grace)
    if given_up := client.figures.link.given_up:
        grace = 0  # what is under way waits for answers that do not come
    until = time() + grace

    async def drained() -> None:
        client.cut.extend(await plugins.stop(max(least, until - time())))
        if patient is not None:
            patient.end_within(LAST_SECONDS)

    if not await client.stop(grace, drained) and not client.failed.done() and not given_up:
        logger.warning("not everything finished within %g s; the rest is done after the next start", grace)
    if client.failed.done():
        raise client.failed.result()  # it may have failed while it stopped


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
