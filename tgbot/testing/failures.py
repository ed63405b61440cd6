"""How a test fails: with what was awaited, the dialog so far, and the last lines of the bot's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TYPE_CHECKING = False  # without importing typing
if TYPE_CHECKING:
    import pytest

#: How many lines of the bot's log, and of the dialogs, a failure shows.
LOG_LINES = 20
DIALOG_LINES = 40


class Failure(AssertionError):
    """The bot did not do what the test expects."""

    def __init__(self, problem: str, dialogs: Sequence[str] = (), log: Sequence[str] = ()) -> None:
        parts = [problem]
        if dialogs:
            parts += ["", "The dialogs so far:", *_indented(dialogs[-DIALOG_LINES:])]
        if log:
            parts += ["", "The last lines of the bot's log:", *_indented(log[-LOG_LINES:])]
        super().__init__("\n".join(parts))


class BotDiedError(Failure):
    """The bot ended by itself."""


def hidden(error: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether pytest leaves our frames out of a traceback: they say nothing of the bot."""
    return error.errisinstance(Failure)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
