"""`tgbot resolve` and `tgbot check`: who is this, and may the bot write to them?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import NO, Json, settings
from tgbot.core.access import Access
from tgbot.core.addresses import parse_peer

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.operate.control import Command


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="@name, t.me/name, tg://resolve?domain=name, or a user id.")
]


def resolve(context: typer.Context, text: Name, json: Json = False) -> int:
    """Show who a name, a link or an id is, and whether the bot may write to them.

    The running bot is asked; where none runs, this logs in as the bot. Exit status 3: nobody was found.
    """
    return _answer(settings(context), text, json, probe=False)


def check(context: typer.Context, text: Name, json: Json = False) -> int:
    """Ask Telegram whether the bot may write to somebody, and record the answer.

    The running bot is asked; where none runs, this logs in as the bot. Exit status 3: it may not.
    """
    return _answer(settings(context), text, json, probe=True)


def _answer(config: Config, text: str, json: bool, *, probe: bool) -> int:
    """Print whom the text means; with `probe`, ask Telegram whether the bot may write, and return 3 if not.

    Raise a ResolveError if nobody is found, TelegramRefusedError for any other refusal.
    """
    parse_peer(text)  # text that leads nowhere is refused without a login
    with Bot(config, _logged_in) as bot:
        found = bot.ask("check" if probe else "resolve", name=text)
    printed.result(found, json)
    return NO if probe and found["access"] != Access.REACHABLE else 0


@asynccontextmanager
async def _logged_in(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    """Give the commands of a bot that logs in for them, where none runs."""
    from tgbot.app import open_bot
    from tgbot.operate import finding
    from tgbot.operate.logs import log_to_stderr
    from tgbot.store.opening import kept_at

    log_to_stderr("WARNING")
    await kept_at(config.storage).check_unled()
    with finding.refusals():
        async with open_bot(config) as bot:
            yield finding.commands(bot.peers, bot.sender, bot.users)
