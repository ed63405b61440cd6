"""`tgbot users …`: who is in the registry; through the running bot, or on its files."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import exchange, printed, rebuild, sweep
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import Json, examples, settings
from tgbot.cli.pager import paged
from tgbot.core.access import Access
from tgbot.core.names import clean_name, full_name
from tgbot.core.plural import counted

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.operate.control import Command

commands = typer.Typer(help="The users the bot has met; while the bot runs or not.")


@commands.command(
    "list",
    epilog=examples("users list --access reachable", "users list --after 5000000001 --limit 100 --json"),
)
def list_users(
    context: typer.Context,
    access: Annotated[
        Access | None,
        typer.Option(
            metavar="ACCESS",
            help=f"Only those with this access: {', '.join(Access)}.",
            show_default="all",
        ),
    ] = None,
    after: Annotated[int, typer.Option(metavar="ID", min=0, help="Begin above this id.")] = 0,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="No more than so many.", show_default="all")
    ] = None,
    pager: Annotated[
        bool,
        typer.Option("--pager/--no-pager", help="Show a long list on a terminal page by page, by $PAGER."),
    ] = True,
    json: Json = False,
) -> None:
    """List users by id: id, access, language, usernames, name; one a line."""
    with ExitStack() as stack:
        bot = stack.enter_context(Bot(settings(context), _for_reading))
        done = None
        if sys.stdout.isatty():
            stack.enter_context(paged(wanted=pager))
        else:
            total = bot.ask("users.count")["total" if access is None else access.value]
            done = stack.enter_context(printed.progress("users", min(total, limit or total)))
        most = min(limit or sys.maxsize, sys.maxsize)
        found = bot.pages("users.list", "users", access=access, after=after, limit=most)
        for number, user in enumerate(itertools.islice(found, most), 1):
            printed.as_json(user) if json else printed.line(_row(user))
            if done is not None:
                done(number)


@commands.command(epilog=examples("users show 5000000001", "users show 5000000001 --json"))
def show(
    context: typer.Context,
    user_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The user's id.")],
    json: Json = False,
) -> None:
    """Show what is known of a user, and what plugins keep and plan. Exit status 3: the bot never met them."""
    with Bot(settings(context), _for_reading) as bot:
        user = bot.ask("users.show", id=user_id)
    if json:
        printed.as_json(user)
        return
    data, talks, planned = user.pop("data"), user.pop("talks"), user.pop("planned")
    printed.result(user, False)
    for line in _kept(data, talks, planned):
        printed.line(line)


@commands.command(epilog=examples("users count", "users count --json"))
def count(context: typer.Context, json: Json = False) -> None:
    """Count users, in all and by access."""
    with Bot(settings(context), _for_reading) as bot:
        numbers = bot.ask("users.count")
    if json:
        printed.as_json(numbers)
        return
    for name, number in numbers.items():
        printed.line(f"{name.replace('_', ' '):<12} {number:>9}")


@asynccontextmanager
async def _for_reading(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    from tgbot.operate import people
    from tgbot.store.opening import kept_at

    with kept_at(config.storage).users() as users:
        yield people.commands(users, time.time, users.planned.about)


def _kept(
    data: Mapping[str, Any], talks: Sequence[Mapping[str, Any]], planned: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield a line for each thing that plugins keep of a user, and one for what they plan."""
    from tgbot.store.json_text import dumps

    for plugin, kept in data.items():
        yield f"{'data':<13} {clean_name(plugin)}: {printed.clean(dumps(kept))}"
    for talk in talks:
        stands = "it has ended" if talk["over"] else counted(talk["answers"], "answer")
        yield (
            f"{'talk':<13} {clean_name(talk['name'])} in chat {talk['chat']}, "
            f"since {printed.moment(talk['since'])}, {stands}"
        )
    if planned is not None:
        names = ", ".join(map(clean_name, planned["names"]))
        yield f"{'planned':<13} {planned['count']} ({names}), the next at {printed.moment(planned['next'])}"


def _row(user: Mapping[str, Any]) -> str:
    names = " ".join(f"@{clean_name(name)}" for name in user["usernames"]) or "-"
    name = full_name(user["first_name"], user["last_name"]) or "-"
    language = clean_name(user["language"]) or "-"
    return f"{user['id']:<12} {user['access']:<12} {language:<7} {names}  {name}"


commands.command(
    "check", epilog=examples("users check", "users check --older-than 7d --access unknown,reachable")
)(sweep.check_users)
commands.command("import", epilog=examples("users import old.session --dry-run", "users import users.csv"))(
    exchange.import_users
)
commands.command("export", epilog=examples("users export users.json", "users export --format csv"))(
    exchange.export_users
)
commands.command(epilog=examples("users rebuild", "users rebuild --status --json", "users rebuild --cancel"))(
    rebuild.rebuild
)
