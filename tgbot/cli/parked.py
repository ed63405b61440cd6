"""`tgbot parked …`: the updates that could not be finished; through the running bot, or on its files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import NO, Json, examples, settings
from tgbot.core.errors import BotRunningError, NeverRunError, NotParkedError, SessionInUseError
from tgbot.store.base import Reason

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.store.base import ParkedUpdates
    from tgbot.store.registry import Registry

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
    asked = _Bot(settings(context))
    for entry in asked.entries(reason):
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
    entry = _Bot(settings(context)).ask("parked.show", {"key": key, "text": text})
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
    bot = _Bot(settings(context))
    result = bot.ask(command, {"keys": keys or [], "all": every, "reason": reason})
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


class _Bot:
    """Whoever can answer: the running bot, else its files."""

    def __init__(self, config: Config) -> None:
        self._storage = config.storage
        #: Whether a running bot gave the last answer.
        self.running = False

    def ask(self, command: str, arguments: Mapping[str, Any]) -> Any:  # Any: a result as JSON has it
        from tgbot.operate.control import ask

        try:
            result = ask(self._storage.control, command, arguments)
        except (FileNotFoundError, ConnectionRefusedError):
            self.running = False
            return self._on_files(command, arguments)
        self.running = True
        return result

    def entries(self, reason: Reason | None) -> Iterator[dict[str, Any]]:
        after = None
        while True:
            page = self.ask("parked.list", {"reason": reason, "after": after})
            yield from page["entries"]
            if (after := page["after"]) is None:
                return

    def _on_files(self, command: str, arguments: Mapping[str, Any]) -> Any:  # Any: as for `ask`
        from tgbot.store.lock import instance_lock
        from tgbot.store.sqlite.locks import patiently
        from tgbot.store.sqlite.userfile import SqliteRegistry, open_parked

        storage = self._storage
        if not storage.registry.exists():
            raise NeverRunError(storage.registry)

        if command in ("parked.list", "parked.show"):
            with open_parked(storage.registry) as parked:
                return asyncio.run(_answer(parked, command, arguments))
        try:
            with (
                instance_lock(storage.session),
                closing(patiently(lambda: SqliteRegistry(storage.registry, clock=time.time))) as users,
            ):
                return asyncio.run(_answer(users.parked, command, arguments, users))
        except SessionInUseError:
            advice = f"it does not listen at {storage.control}: stop it first, or start it again"
            raise BotRunningError("This", advice) from None


async def _answer(
    parked: ParkedUpdates, command: str, arguments: Mapping[str, Any], users: Registry | None = None
) -> Any:  # Any: a result as JSON has it
    from tgbot.operate.parked import at_the_next_start, commands

    async def save() -> None:
        if users is not None:
            await users.flush()

    result = await commands(parked, at_the_next_start(parked), save)[command](arguments)
    await save()
    return result


def _row(entry: Mapping[str, Any]) -> str:
    where = printed.clean(f"{entry['handler'] or '-'}  {entry['error']}")
    return (
        f"{entry['key']:<22} {entry['reason']:<7} {printed.moment(entry['parked_at'])} "
        f"{entry['attempts']:>4}  {_next_try(entry['retry_at']):<23}  {entry['dialog']}  {where}"
    )


def _next_try(retry_at: int | None) -> str:
    return "by hand" if retry_at is None else printed.moment(retry_at)
