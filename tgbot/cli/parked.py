"""`tgbot parked …`: the updates that could not be finished; through the running bot, or on its files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import NO, Json, examples, settings
from tgbot.core.errors import NotParkedError
from tgbot.store.base import Reason

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.operate.control import Command

commands = typer.Typer(
    help="The updates that could not be finished and are kept for another try; while the bot runs or not."
)

Chosen = Annotated[
    Reason | None,
    typer.Option(
        metavar="REASON",
        help="Only those parked for this reason: Telegram put them off (later), a handler failed (failed), "
        "or the process died twice (poison).",
        show_default="all",
    ),
]
Keys = Annotated[list[str] | None, typer.Argument(metavar="KEY", help='Keys, as "tgbot parked list" shows.')]


@commands.command("list", epilog=examples("parked list", "parked list --reason failed --json"))
def list_parked(context: typer.Context, reason: Chosen = None, json: Json = False) -> None:
    """List parked updates, the oldest first.

    One a line: key, reason, when, attempts, next try, dialog, handler, error.
    """
    with Bot(settings(context), _for_reading) as bot:
        for entry in bot.pages("parked.list", "entries", reason=reason):
            printed.as_json(entry) if json else printed.line(_row(entry))


@commands.command(epilog=examples("parked show m5000000001:7", "parked show m5000000001:7 --text"))
def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help='A key, as "tgbot parked list" shows it.')],
    text: Annotated[bool, typer.Option("--text", help="Show the text of the message, too.")] = False,
    json: Json = False,
) -> int:
    """Show a parked update, and where and with which words its handler failed. Exit status 3: unknown key.

    The words of an error may repeat what somebody wrote.
    """
    with Bot(settings(context), _for_reading) as bot:
        entry = bot.ask("parked.show", key=key, text=text)
    if json:
        printed.as_json(entry)
        return 0
    trace = entry.pop("trace")
    found = entry.pop("text", "")
    retry_at = entry.pop("retry_at")
    entry["parked_at"] = printed.moment(entry["parked_at"])
    printed.result(entry | {"next_try": _next_try(retry_at)}, False)
    for title, lines in (("trace", trace), ("text", "(it cannot be read)" if found is None else found)):
        if lines:
            printed.line(f"{title}:")
            for line in lines.splitlines():
                indent = line[: len(line) - len(line.lstrip(" "))]
                printed.line(f"  {indent}{printed.clean(line)}")
    return 0


@commands.command(epilog=examples("parked retry m5000000001:7", "parked retry --all --reason failed"))
def retry(
    context: typer.Context,
    keys: Keys = None,
    every: Annotated[
        bool, typer.Option("--all", help="All but those with reason poison, or all of --reason.")
    ] = False,
    reason: Chosen = None,
    json: Json = False,
) -> int:
    """Handle parked updates again: what was said in answer to them already is not said twice.

    Without a running bot they are handled at its next start. Exit status 3: a key is unknown.
    """
    return _change(context, "parked.retry", keys, every, reason, json)


@commands.command(epilog=examples("parked drop m5000000001:7", "parked drop --all --reason poison"))
def drop(
    context: typer.Context,
    keys: Keys = None,
    every: Annotated[bool, typer.Option("--all", help="All, or all of --reason.")] = False,
    reason: Chosen = None,
    json: Json = False,
) -> int:
    """Delete parked updates: they are never answered. Exit status 3: a key is unknown."""
    return _change(context, "parked.drop", keys, every, reason, json)


def _change(
    context: typer.Context,
    command: str,
    keys: list[str] | None,
    every: bool,
    reason: Reason | None,
    json: bool,
) -> int:
    if bool(keys) == every:
        raise typer.BadParameter("give either keys or --all", param_hint="KEY")
    if reason is not None and not every:
        raise typer.BadParameter("it goes with --all", param_hint="--reason")
    with Bot(settings(context), _for_writing) as bot:
        result = bot.ask(command, keys=keys or [], all=every, reason=reason)
    done, unknown = result["done"], result["unknown"]
    if json:
        printed.as_json({"done": done, "unknown": unknown, "running": bot.running})
    else:
        what = "deleted"
        if command == "parked.retry":
            what = "handled again now" if bot.running else "handled again at the next start of the bot"
        printed.line(f"{len(done):,} {what}")
    if unknown:
        printed.complain(str(NotParkedError(*unknown)))
        return NO
    return 0


@asynccontextmanager
async def _for_reading(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    from tgbot.operate.parked import at_the_next_start, commands
    from tgbot.store.opening import kept_at

    async def save() -> None:
        raise TypeError("these updates are open for reading only")

    with kept_at(config.storage).parked() as parked:
        yield commands(parked, at_the_next_start(parked), save)


@asynccontextmanager
async def _for_writing(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    """Open the parked updates for a retry or a drop; both are on disk behind the block."""
    from tgbot.operate.parked import at_the_next_start, commands
    from tgbot.store.opening import kept_at

    async with kept_at(config.storage).registry("parked") as users:
        yield commands(users.parked, at_the_next_start(users.parked), users.flush)
        await users.flush()


def _row(entry: Mapping[str, Any]) -> str:
    where = printed.clean(f"{entry['handler'] or '-'}  {entry['error']}")
    return (
        f"{entry['key']:<22} {entry['reason']:<7} {printed.moment(entry['parked_at'])} "
        f"{entry['attempts']:>4}  {_next_try(entry['retry_at']):<23}  {entry['dialog']}  {where}"
    )


def _next_try(retry_at: int | None) -> str:
    return "by hand" if retry_at is None else printed.moment(retry_at)
