"""What a person meets who begins or tries a bot of their own, beside `errors`."""

from __future__ import annotations

from tgbot.core.errors import TgbotError, WrongUsageError


class DirectoryTakenError(TgbotError):
    """{path} holds files that are not from an earlier run of this command, and nothing of them is touched: \
name a new directory, or an empty one."""


class ProjectTakenError(TgbotError):
    """There is something at {path} already, and nothing is replaced: name a new or an empty directory."""


class ProjectNameError(WrongUsageError):
    """'{name}' cannot be made the name of a Python module: {reason}. Give one with --name, such as shop."""
