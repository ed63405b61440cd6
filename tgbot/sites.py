"""What few bots have: the login page, pages for whoever watches the bot, a webhook for alerts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Final

from tgbot.config.settings import Config
from tgbot.core.clock import ServerClock
from tgbot.core.names import usernames_of
from tgbot.core.nodes import State
from tgbot.operate.alerts import Posts
from tgbot.operate.descriptors import share
from tgbot.operate.health import Health
from tgbot.operate.nodes import Node, NodeNumbers
from tgbot.plugins.jobs.tries import Tries
from tgbot.plugins.parts import Parts
from tgbot.store.opened import OpenStore
from tgbot.store.sqlite.locks import patiently
from tgbot.telegram import BotClient
from tgbot.telegram.meter import Meter

if TYPE_CHECKING:
    from tgbot.store.postgres.membership import Membership

#: The part of the file descriptors that visitors of the login page may take.
PAGE_SHARE: Final = 0.25


def login_page(
    config: Config, bot: Parts, trouble: Callable[[], Awaitable[str | None]], node: Membership | None
) -> AbstractAsyncContextManager[object]:
    """Serve the login page; `trouble` returns what is wrong with the bot."""
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
        logins=partial(patiently, partial(UsedLogins, config.storage.logins))
        if node is None
        else node.logins,
        texts=bot.texts,
        knows=lambda user_id: bot.client.session.access_hash(user_id) is not None,
        trouble=trouble,
        clock=bot.clock,
    )


def pages_of(
    config: Config,
    client: BotClient,
    meter: Meter,
    health: Health,
    store: OpenStore,
    jobs: Tries,
    node: Callable[[], NodeNumbers] | None,
) -> AbstractAsyncContextManager[object]:
    """Serve the pages of the bot; `node` returns the numbers of its node, if it is one."""
    # Imported here: few bots have these pages, and the imports take 50 ms.
    from tgbot.operate.metrics import Metrics
    from tgbot.operate.pages import open_pages

    listen = config.operate.listen
    assert listen is not None
    metrics = Metrics(
        *(client.figures, meter, health, store.parked, store.users, store.broadcasts, jobs),
        config.storage.directory,
        node,
    )
    return open_pages(
        listen.host, listen.port, trouble=health.trouble, read=metrics.read, render=metrics.render
    )


def standby_pages(config: Config, node: Node) -> AbstractAsyncContextManager[object]:
    """Serve the pages of a node that stands by: it is alive, and not ready."""
    from tgbot.operate.metrics import StandbyMetrics
    from tgbot.operate.pages import open_pages

    listen = config.operate.listen
    assert listen is not None
    metrics = StandbyMetrics(node)

    async def trouble() -> str:
        return f"{State.STANDBY}: {node.situation}"

    return open_pages(listen.host, listen.port, trouble=trouble, read=metrics.read, render=metrics.render)


def webhook_of(config: Config, clock: ServerClock) -> Posts | None:
    """Return the webhook for alerts, None if there is none."""
    url = config.operate.webhook
    if url is None:
        return None
    # Imported here: few bots have one, and importing aiohttp takes a tenth of a second.
    from tgbot.operate.webhook import Webhook

    return Webhook(url.get_secret_value(), config.telegram.bot_id, clock)
