"""`tgbot store …`: everything that the bot keeps, moved between files and a database."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import Json, examples, finish, settings
from tgbot.core.errors import BotRunsError, SessionInUseError
from tgbot.core.storeerrors import SamePlaceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tgbot.config.settings import Storage
    from tgbot.store.transfer.copying import Copied

commands = typer.Typer(help="Everything that the bot keeps: moved between files and a database.")


@commands.command(
    epilog=examples(
        "store copy --from sessions",
        "store copy --to sessions",
        "store copy --from sessions --to postgresql:///shop --without-login",
    )
)
def copy(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL|DIRECTORY",
            help="An empty database, or a new directory.",
            show_default="the configuration's [storage]",
        ),
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="URL|DIRECTORY",
            help="Where it is now.",
            show_default="the configuration's [storage]",
        ),
    ] = "",
    without_login: Annotated[
        bool, typer.Option("--without-login", help="Leave the auth key out: the bot logs in anew there.")
    ] = False,
    json: Json = False,
) -> int:
    """Copy everything that the bot keeps between its files and a PostgreSQL database, in either direction.

    No bot may run on either side. All of it is copied: users, peers, the update state, parked updates, plans,
    broadcasts, used logins; and then compared: the number of rows of each kind, and a random sample. A copy
    that was interrupted goes on where it stopped when the same command is given again, and compares all rows
    then. No bot starts on a copy that is not complete.

    A place that is not named is [storage] of the configuration. So with a url there, `--from sessions` copies
    files into that database, `--to sessions` copies it to files, and no password stands in the command line,
    where others can read it.

    The auth key is copied, too, to the name of this node, so never start the bot in the old place again: two
    processes with one key lose it. With --without-login the key stays there alone.
    """
    if not to and not source:
        raise typer.BadParameter(
            "name the directory or the database of the other place", param_hint="--from or --to"
        )
    config = settings(context)
    storage = config.storage
    here = _place(storage, source, "--from") if source else storage
    there = _place(storage, to, "--to") if to else storage
    stopped, began = Event(), time.monotonic()
    with printed.progress("copying", 1.0) as done:
        try:
            copied = finish(_copy(here, there, not without_login, done, stopped))
        except KeyboardInterrupt:
            copied = None
    if copied is None:
        printed.complain("interrupted: the same command goes on where it stopped")
        return 130
    _show(copied, here, there, time.monotonic() - began, json)
    return 0


async def _copy(
    here: Storage, there: Storage, login: bool, progress: Callable[[float], None], stopped: Event
) -> Copied | None:
    from contextlib import AsyncExitStack
    from random import SystemRandom

    from tgbot.store.opening import kept_at
    from tgbot.store.transfer.copying import copy_all

    names = [kept_at(one).name if one.address else one.directory.resolve() for one in (here, there)]
    if str(names[0]) == str(names[1]):
        raise SamePlaceError(names[0])
    async with AsyncExitStack() as stack:
        opened = []
        for storage, make in ((here, False), (there, True)):
            try:
                tables = kept_at(storage).tables("store copy", make=make)
                opened.append(await stack.enter_async_context(tables))
            except SessionInUseError as error:
                raise BotRunsError(storage.directory, error.pid) from None
        work = asyncio.create_task(
            asyncio.to_thread(
                copy_all,
                *opened,
                login=login,
                random=SystemRandom(),
                progress=progress,
                stopped=stopped.is_set,
            )
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stopped.set()  # the portion under way is written to its end
            await work
            raise


def _place(storage: Storage, text: str, parameter: str) -> Storage:
    """Return a place that is given as an address or a directory."""
    from pydantic import SecretStr

    from tgbot.config import values

    if "://" not in text:
        return storage.model_copy(update={"url": None, "directory": Path(text).absolute()})
    try:
        address = values.database(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=parameter) from None
    return storage.model_copy(update={"url": SecretStr(str(address))})


def _show(copied: Copied, here: Storage, there: Storage, seconds: float, json: bool) -> None:
    from tgbot.store.opening import kept_at

    old, new = (str(kept_at(one).name if one.address else one.directory) for one in (here, there))
    if json:
        rows = {str(table).replace(" ", "_"): number for table, number in copied.rows.items()}
        printed.as_json(
            {
                "from": old,
                "to": new,
                "rows": rows,
                "earlier": copied.before,
                "compared": copied.compared,
                "login": copied.login,
                "damaged": copied.damaged,
            }
        )
    else:
        for table, number in copied.rows.items():
            printed.line(f"{table:<16} {number:>11,}")
        if copied.before:
            printed.line(f"{copied.before:,} rows were there from a copy that was interrupted.")
        printed.line(
            f"Both places are equal: {copied.compared:,} rows were compared. It took {seconds:.1f} s."
        )
    if copied.damaged:
        which = "planned entry is" if copied.damaged == 1 else "planned entries are"
        printed.complain(
            f"{copied.damaged:,} {which} damaged, and left out of the copy: the bot does not carry out such"
        )
    if copied.login:
        of_node = f", for the node {there.node} alone" if there.address and not here.address else ""
        printed.complain(
            f"the auth key is in {new} now{of_node}: never start the bot on {old} again, or Telegram ends"
            " both logins"
        )
    elif not json:
        printed.line(f"There is no login in {new}: the bot logs in anew at its first start there.")
