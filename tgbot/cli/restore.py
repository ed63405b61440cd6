"""`tgbot restore`: a backup in the place of the bot's files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import Json, settings
from tgbot.core.errors import BotRunsError, SessionInUseError
from tgbot.core.storeerrors import InDatabaseError


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="DIR", help="A directory that `tgbot backup` has made.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Also restore one file alone, or files of another bot."),
    ] = False,
    json: Json = False,
) -> int:
    """Put a backup in the place of the bot's files, while the bot is stopped.

    Session and registry have to be whole and of the bot of the token. The files that are there now are kept
    in a directory beside them. After the start Telegram sends again what came since the backup.
    """
    from tgbot.store.opening import kept_at
    from tgbot.store.transfer.restore import Files
    from tgbot.store.transfer.restore import restore as put_back

    config = settings(context)
    if config.storage.address:
        raise InDatabaseError(kept_at(config.storage).name, "restore", "pg_restore", "docs/nodes.md")
    files = Files(config.storage.session, config.storage.registry, config.storage.logins)
    names = [file.name for file in files]
    try:
        with printed.progress("restoring", len(files)) as done:
            restored = put_back(
                source,
                files,
                bot_id=config.telegram.bot_id,
                force=force,
                now=datetime.now(UTC),
                progress=lambda file, share: done(names.index(file.name) + share),
            )
    except SessionInUseError as error:
        raise BotRunsError(config.storage.directory, error.pid) from None
    if json:
        aside = str(restored.aside) if restored.aside else None
        printed.as_json({"restored": [str(path) for path in restored.files], "kept": aside})
        return 0
    for path in restored.files:
        printed.line(f"{path}  {path.stat().st_size:,} bytes")
    if restored.aside is not None:
        printed.line(f"What was there is in {restored.aside}")
    return 0
