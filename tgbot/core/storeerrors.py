"""What a person meets whose bot keeps everything in a database, or who moves it, beside `errors`."""

from __future__ import annotations

from tgbot.core.errors import (
    NeverRunError,
    StorageError,
    StorageFailedError,
    StorageUnreachableError,
    TgbotError,
    WrongUsageError,
)


class NoTablesError(NeverRunError):
    """The database {place} has no tables of a bot: it has not run with this configuration yet. Start it \
(tgbot run), or name the database that it runs with ([storage] url)."""


class DatabaseRefusesError(StorageUnreachableError):
    """The database {place} does not let the bot in ({reason}): check user, password, database and sslmode \
in its address ([storage] url)."""


class DatabaseReadOnlyError(StorageUnreachableError):
    """The database {place} takes no writes now ({reason}): it is a replica, or was set to read-only. Name \
the server that takes writes ([storage] url); of several in it, target_session_attrs=read-write chooses \
that one."""


class DatabaseDeniedError(StorageFailedError):
    """The user of the database {place} may not do there what the bot needs ({reason}): make it the owner of \
the database (ALTER DATABASE … OWNER TO …), and of the schema tgbot with all that is in it."""


class DatabaseFailedError(StorageFailedError):
    """The database {place} refused what the bot asked of it ({reason}): its log has more."""


class WrongEncodingError(StorageFailedError):
    """The database {place} has the encoding {encoding}, not UTF8, and cannot hold every text: make another \
one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."""


class NodeLeadsError(StorageError):
    """{node} leads the bot in {place} now, and nothing else may change what is kept there: run the command \
on that machine, or stop the bot on all of them first. See: tgbot nodes"""

    exit_status = 3


class InDatabaseError(WrongUsageError):
    """The bot keeps everything in {place} ([storage] url), and there are no files to {verb}: PostgreSQL's \
{program} does that ({link})."""


class SamePlaceError(WrongUsageError):
    """{place} is where the bot keeps everything already: name another place to copy it to."""


class PlaceTakenError(TgbotError):
    """{place} is not empty ({found}), and nothing there is replaced: name an empty database or a new \
directory."""


class OtherCopyError(TgbotError):
    """In {place} is a part of a copy of something else, which was not finished: empty it, or name another \
place."""


class CopyDiffersError(TgbotError):
    """The copy in {place} is not equal to what was copied: {differences}. Empty it, and copy again."""


class UnfinishedCopyError(StorageError):
    """{place} holds a part of a copy of {source}, and no bot can run on it: finish the copy (the same \
`tgbot store copy` goes on where it stopped), or empty the place."""
