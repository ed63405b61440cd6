"""The errors of broadcasts and their reports; see `core.errors`."""

from __future__ import annotations

from tgbot.core.errors import TgbotError, WrongUsageError


class ChartMissingError(TgbotError):
    """A chart needs matplotlib, which is not installed: pip install 'tgbot[chart]'"""


class ChartFormError(WrongUsageError):
    """{path}: expected a name that ends in .png or .svg."""


class ChartFailedError(TgbotError):
    """The chart could not be drawn ({reason}). The report has the same numbers as JSON."""


class BroadcastUnknownError(TgbotError):
    """There is no broadcast {number}: "tgbot broadcast list" shows all of them."""

    exit_status = 3


class BroadcastStateError(TgbotError):
    """Broadcast {number} is {state}, so it cannot be {done}: {advice}."""


class NobodyToWriteToError(TgbotError):
    """Broadcast {number} has no recipients: there is nobody whom the bot may write to and who meets its \
conditions. "tgbot broadcast plan {number}" shows who is left out, and why."""

    exit_status = 3


class DeletionTooLateError(TgbotError):
    """Broadcast {number} cannot be deleted: all of it was sent more than 48 hours ago, and Telegram lets \
bots delete only newer messages. It can still be edited."""


class PriceError(TgbotError):
    """Broadcast {number} may cost up to {stars} stars: {free} deliveries a second are free, and each above \
costs 0.1 star. To agree, start it with --stars {stars}; to pay nothing, make it without --paid."""


class ContentError(WrongUsageError):
    """The content of the broadcast cannot be used: {problem}. To go on, {advice}."""


class SourceError(TgbotError):
    """Message {message} of chat {chat} cannot be copied: {reason}. Name another message, or give the text."""

    def __init__(
        self, message: int, chat: int, reason: str, *, obstacle: str = "other", detail: str = ""
    ) -> None:
        super().__init__(message, chat, reason)
        #: The reason in one word, and what it names: for those who say it in other languages.
        self.obstacle = obstacle
        self.detail = detail


class SourceUnreadError(TgbotError):
    """Broadcast {number} copies a message that only the running bot can read: start the bot (tgbot run), \
and ask again."""

    exit_status = 3


class ScheduleError(WrongUsageError):
    """{what} of the broadcast is {problem}: give a later time."""
