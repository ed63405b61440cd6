"""`tgbot users import` and `tgbot users export`: all users the bot knows, from and to files."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.bot import flushed
from tgbot.cli.invocation import Json, new_file, settings
from tgbot.core.errors import (
    BotDeafError,
    BotSilentError,
    CredentialsMissingError,
    SessionInUseError,
    WrongBotError,
)
from tgbot.core.plural import counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tgbot.config.settings import Config
    from tgbot.store.transfer.entries import Entry
    from tgbot.store.transfer.forms import UserFile
    from tgbot.store.transfer.imports import Destination, Source

#: How long the thread that writes to the disk waits for the one that reads the file to let it go on: it has
#: little to do in between, and both are to work at the same time.
_SWITCH_SECONDS = 0.0005


def import_users(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Users of this same bot.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would change, and change nothing.")
    ] = False,
    same_bot: Annotated[
        bool, typer.Option("--same-bot", help="Import a session that names no bot as this bot's.")
    ] = False,
    id_name: Annotated[
        str,
        typer.Option(
            "--id",
            metavar="COLUMN",
            help="The column of a table that holds the ids.",
            show_default="the one that is named so",
        ),
    ] = "",
    json: Json = False,
) -> int:
    """Import users from a file, into the running bot, or into its files where none runs.

    FILE is a Telethon .session of this bot (ids, access hashes, usernames); JSON, one object or one id a
    line, or one list of them; or a table (CSV) as a spreadsheet or a database writes it, with a header.
    "users export" writes all three, and its --help lists the fields. Only the id is required, in a column
    telegram_id, user_id, chat_id or id; where two may be meant, --id says which. Other fields are ignored.

    Older knowledge replaces nothing, and only evidence counts as permission to write. A file that names no
    bot is taken as this bot's; users of another bot are refused. Entries that cannot be read are reported and
    skipped, and so are cells that cannot be understood. An import may be interrupted and repeated. Exit
    status 1: no entry could be read.
    """
    from tgbot.store.transfer.aside import ReadAside, worth_it
    from tgbot.store.transfer.forms import UserFile
    from tgbot.store.transfer.imports import check

    config = settings(context)
    running = flushed(config)
    bot_id = _bot_id(config)
    now = int(time.time())
    file = UserFile(path, bot_id, now, same_bot=same_bot, id_name=id_name)
    check(file, config.storage, bot_id)
    into = _destination(config, bot_id, running=running, dry=dry_run)
    if running or not worth_it(file):
        return _take_in(file, file, into, dry=dry_run, json=json)
    # The running bot would have more to do with each entry than it takes to read it.
    with closing(ReadAside(file, now, same_bot=same_bot, id_name=id_name)) as source:
        return _take_in(file, source, into, dry=dry_run, json=json)


@asynccontextmanager
async def _destination(
    config: Config, bot_id: int, *, running: bool, dry: bool
) -> AsyncIterator[Destination]:
    from tgbot.store.transfer.imports import into_place, nowhere

    storage, now = config.storage, int(time.time())
    if dry:
        with nowhere(storage, now=now) as into:
            yield into
    elif running:
        yield _RunningBot(storage.control, bot_id)
    else:
        async with AsyncExitStack() as stack:
            try:
                kept = await stack.enter_async_context(into_place(storage, bot_id=bot_id, now=now))
            except SessionInUseError as error:
                raise BotDeafError(storage.session, storage.control, error.pid) from None
            yield kept


class _RunningBot:
    """The running bot as the destination of an import: its memory, and at its checkpoints its files."""

    def __init__(self, control: Path, bot_id: int) -> None:
        self._control = control
        self._bot_id = bot_id

    def prepare(self, entries: Sequence[Entry]) -> None:
        """Do nothing: the bot does all of it."""

    async def merge(self, chunk: Sequence[Entry]) -> tuple[Sequence[bool | None], int]:
        from tgbot.operate.importing import MOST
        from tgbot.store.transfer.relay import portions, to_objects

        outcomes: list[bool | None] = []
        stored = 0
        for some in portions(chunk, MOST):
            users, peers = to_objects(some, self._bot_id)
            said = self._ask(
                "users.import", users=users, peers=peers, partial=any(entry.partial for entry in some)
            )
            outcomes += said["outcomes"]
            stored += said["peers"]
        return outcomes, stored

    async def write(self) -> None:
        self._ask("checkpoint")

    def _ask(self, command: str, **arguments: object) -> Any:  # Any: a result as JSON has it
        from tgbot.operate.control import ask

        try:
            return ask(self._control, command, arguments)
        except (FileNotFoundError, ConnectionRefusedError):
            raise BotSilentError(self._control, "it has stopped") from None


def _take_in(
    file: UserFile,
    source: Source,
    destination: AbstractAsyncContextManager[Destination],
    *,
    dry: bool,
    json: bool,
) -> int:
    from tgbot.store.transfer.imports import Summary, take_in

    path, summary = file.path, Summary()

    async def work(done: Callable[[int], None]) -> None:
        async with destination as into:
            await take_in(source, into, summary=summary, progress=done)

    interrupted = False
    gc.disable()  # no entry is in a cycle, and the search for cycles takes a fifth of the time
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        with printed.progress(path.name, file.size) as done:
            asyncio.run(work(done))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        gc.enable()
        sys.setswitchinterval(usual)
    for line, reason in summary.refusals:
        printed.complain(f"{path}:{line}: {reason}")
    if summary.refused > len(summary.refusals):
        printed.complain(f"{path}: and {summary.refused - len(summary.refusals):,} more like these")
    if file.unknown:
        printed.complain(f"{path}: columns that are not read: {', '.join(file.unknown)}")
    left_out: dict[str, int] = {}
    for (column, reason), number in sorted(file.unclear.items()):
        printed.complain(f"{path}: {number:,} cells left out: {column} {reason}")
        left_out[column] = left_out.get(column, 0) + number
    counts = {
        "read": summary.read,
        "new": summary.new,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "access_hashes": summary.peers,
        "refused": summary.refused,
        "chats": summary.chats,
    }
    if json:
        printed.as_json({**counts, "cells_left_out": left_out, "dry_run": dry})
    else:
        if dry:
            printed.line("Nothing was changed. It would be:")
        for name, number in counts.items():
            printed.line(f"{name.replace('_', ' '):<13} {number:>9,}")
    if interrupted:
        printed.complain("interrupted; what is counted here is done, the same import again does the rest")
        return 130
    if not summary.read:
        printed.complain(f"{path}: no entry can be read")
        return 1
    return 0


def export_users(
    context: typer.Context,
    target: Annotated[
        Path, typer.Argument(metavar="FILE", help='The file to write; "-" is standard output.')
    ] = Path("-"),
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="One of json, csv, session.",
            show_default="the ending of FILE, else json",
        ),
    ] = "",
) -> int:
    """Write all users the bot has met to a file that "users import" reads; works while the bot runs.

    json is one object a line: id, bot_id, the profile (first_name, last_name, usernames, profile_language,
    premium, bot, deleted, last_seen), language, known_by, payloads, message ids, evidence (kind → first and
    last [at, qts, until, detail]), preferences, join_requests (chat → when), data (plugin → what it keeps),
    talks (chat → the talk that is open there), access_hash and when it was seen (hash_seen). Times are unix
    seconds. csv has the same in columns, with JSON in the cells of known_by, evidence, history, preferences,
    join_requests, data and talks; a cell that a spreadsheet would take for a formula stands behind an
    apostrophe. session is a Telethon session without a login: ids, access hashes, usernames, names.

    All three hold access hashes, so only the owner may read the file. An existing file is not replaced.
    """
    from tgbot.store.opening import kept_at
    from tgbot.store.transfer.exports import rows, write_file, write_text
    from tgbot.store.transfer.forms import Form

    chosen = form or target.suffix[1:] or "json"
    if chosen not in list(Form):
        if form:
            raise typer.BadParameter(f"'{form}': expected one of json, csv, session", param_hint="--format")
        advice = "expected a name that ends in .json, .csv or .session, or --format"
        raise typer.BadParameter(f"'{target}': {advice}", param_hint="FILE")
    if target != Path("-"):
        new_file(target, "FILE")
    elif chosen == "session":
        raise typer.BadParameter("a session needs the name of a file", param_hint="FILE")
    config = settings(context)
    flushed(config)  # what the bot knows until now is in the file
    with ExitStack() as stack:
        kept = kept_at(config.storage)
        users, peers = stack.enter_context(kept.users()), stack.enter_context(kept.peers())
        bot_id = (peers.bot_id() if peers is not None else None) or config.telegram.bot_id
        done: Callable[[float], None] | None = None
        if not (target == Path("-") and sys.stdout.isatty()):
            done = stack.enter_context(printed.progress("users", users.count().total))
        entries = rows(users, peers, done)
        if target == Path("-"):
            sys.stdout.reconfigure(errors="surrogatepass")  # type: ignore[union-attr]  # it is a real stream
            with printed.output_errors():
                write_text(sys.stdout, Form(chosen), entries, bot_id)
            return 0
        count = write_file(target, Form(chosen), entries, bot_id)
    printed.line(f"{target}  {counted(count, 'user')}")
    return 0


def _bot_id(config: Config) -> int:
    """Return the bot's id: from the session, which must agree with the token, else from the token."""
    from tgbot.store.opening import kept_at

    wanted, kept = config.telegram.bot_id, kept_at(config.storage)
    with kept.peers() as peers:
        found = None if peers is None else peers.bot_id()
    if found and wanted and found != wanted:
        raise WrongBotError(kept.name, found, wanted)
    if bot_id := found or wanted:
        return bot_id
    raise CredentialsMissingError("TGBOT_BOT_TOKEN")
