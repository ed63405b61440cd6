"""What a person meets whose bot keeps everything in a database, or who moves it, beside `errors`."""

from __future__ import annotations

from tgbot.core.errors import StorageError, TgbotError, WrongUsageError


class NodeLeadsError(StorageError):
    """{node} leads the bot in {place} now, and nothing else may change what is kept there: run the command \
on that machine, or stop the bot on all of them first. See: tgbot nodes"""


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
