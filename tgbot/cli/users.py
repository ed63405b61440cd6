"""`tgbot users …`: who is in the registry; all but import work while the bot runs."""

from __future__ import annotations

import itertools
import sys
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tgbot.cli import exchange, printed
from tgbot.cli.invocation import NO, Json, examples, settings
from tgbot.cli.pager import paged
from tgbot.core.access import Access
from tgbot.core.names import clean_name, full_name

if TYPE_CHECKING:
    from tgbot.core.users import User, UserReader

#: The largest id that the registry can hold.
_LARGEST: Final = 2**63 - 1

commands = typer.Typer(help="The users the bot has met; all but import work while the bot runs.")


def _registry(context: typer.Context) -> UserReader:
    """Open the configured registry for reading."""
    from tgbot.store.sqlite.userfile import open_readonly

    return open_readonly(settings(context).storage.registry)


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
        users = stack.enter_context(closing(_registry(context)))
        done = None
        if sys.stdout.isatty():
            stack.enter_context(paged(wanted=pager))
        else:
            counts = users.count()
            total = counts.total if access is None else counts.by.get(access, 0)
            done = stack.enter_context(printed.progress("users", min(total, limit or total)))
        now = time.time()
        users_found = users.iterate(after_id=min(after, _LARGEST), access=access)
        found = itertools.islice(users_found, None if limit is None else min(limit, _LARGEST))
        for number, user in enumerate(found, 1):
            printed.as_json(described(user, now)) if json else printed.line(_row(user, now))
            if done is not None:
                done(number)


@commands.command(epilog=examples("users show 5000000001", "users show 5000000001 --json"))
def show(
    context: typer.Context,
    user_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The user's id.")],
    json: Json = False,
) -> int:
    """Show what is known of a user. Exit status 3: the bot never met them."""
    with closing(_registry(context)) as users:
        user = users.get(user_id)
        if user is None or not user.met:
            printed.complain(f"the bot never met {user_id}")
            return NO
        printed.result(described(user, time.time()), json)
    return 0


@commands.command(epilog=examples("users count", "users count --json"))
def count(context: typer.Context, json: Json = False) -> None:
    """Count users, in all and by access."""
    with closing(_registry(context)) as users:
        counts = users.count()
    numbers = {"total": counts.total} | {access.value: counts.by.get(access, 0) for access in Access}
    if json:
        printed.as_json(numbers)
        return
    for name, number in numbers.items():
        printed.line(f"{name.replace('_', ' '):<12} {number:>9}")


def described(user: User, now: float) -> dict[str, Any]:
    """Return what is known of a user, as JSON holds it; times are unix seconds."""
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "usernames": list(user.usernames),
        "language": user.spoken,
        "premium": user.premium,
        "bot": user.bot,
        "deleted": user.deleted,
        **printed.verdict(user.verdict(now)),
        "first_seen": user.first_seen or None,
        "last_seen": user.last_seen or None,
        "known_by": list(user.known_by),
        "first_payload": user.first_payload,
        "last_payload": user.last_payload,
    }


def _row(user: User, now: float) -> str:
    names = " ".join(f"@{clean_name(name)}" for name in user.usernames) or "-"
    name = full_name(user.first_name, user.last_name) or "-"
    language = clean_name(user.spoken) or "-"
    return f"{user.id:<12} {user.verdict(now).access.value:<12} {language:<7} {names}  {name}"


commands.command("import", epilog=examples("users import old.session --dry-run", "users import users.csv"))(
    exchange.import_users
)
commands.command("export", epilog=examples("users export users.json", "users export --format csv"))(
    exchange.export_users
)
