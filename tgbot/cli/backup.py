"""`tgbot backup`: copies of the bot's files, while it runs or not."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.bot import flushed
from tgbot.cli.invocation import Json, settings
from tgbot.core.errors import NeverRunError, StorageFailedError
from tgbot.core.storeerrors import InDatabaseError


def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put the copies; made if missing.")],
    keep: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Make a directory with the date in DIR, and keep the last N of them.",
            show_default="one backup, in DIR itself",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Copy session, registry and the login page's record to DIR, also while the bot runs.

    A copy gets its name when it is complete; an older copy in DIR is replaced. Whoever has the session can
    act as the bot: keep the copies as safe as the originals (only their owner may read them).
    """
    from tgbot.store.lastbackup import backup_noted
    from tgbot.store.opening import kept_at
    from tgbot.store.transfer.backup import backup as copy
    from tgbot.store.transfer.backup import dated_backup

    config = settings(context)
    if config.storage.address:
        raise InDatabaseError(kept_at(config.storage).name, "copy", "pg_dump", "docs/nodes.md")
    flushed(config)  # what the bot has finished until now is in the copies
    storage = config.storage
    # The session first: a registry ahead of the update state is harmless, one behind it is not. The logins
    # last, so that no login that is in the registry's copy can be used again.
    files = [file for file in (storage.session, storage.registry, storage.logins) if file.exists()]
    if not files:
        raise NeverRunError(storage.directory)
    with backup_noted(storage.directory):
        try:
            with printed.progress("copying", len(files)) as done:

                def progress(file: Path, share: float) -> None:
                    done(files.index(file) + share)

                if keep is None:
                    copies = copy(files, target, progress)
                else:
                    copies = dated_backup(files, target, keep, datetime.now(UTC), progress)
        except FileExistsError:
            raise StorageFailedError(target, "it is a file") from None
    if json:
        printed.as_json({"copies": [str(path) for path in copies]})
        return 0
    for path in copies:
        printed.line(f"{path}  {path.stat().st_size:,} bytes")
    kept = shlex.quote(str(copies[0].parent))
    printed.line(f"To restore: stop the bot, tgbot restore {kept}, and start it.")
    return 0
