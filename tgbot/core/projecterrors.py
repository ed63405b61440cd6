"""What a person meets who begins or tries a bot of their own, beside `errors`."""

from __future__ import annotations

from tgbot.core.errors import TgbotError


class DirectoryTakenError(TgbotError):
    """{path} holds files that are not from an earlier run of this command, and nothing of them is touched: \
name a new directory, or an empty one."""
