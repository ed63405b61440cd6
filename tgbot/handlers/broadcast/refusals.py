"""Why something was not done with a broadcast, in words for an admin."""

from __future__ import annotations

from telethon.errors import RPCError

from tgbot.core.broadcasterrors import NobodyToWriteToError, SourceError
from tgbot.core.errors import TgbotError
from tgbot.core.names import clean_name
from tgbot.handlers.wording import Words, dashed
from tgbot.telegram.refusals import answer_of, error_name, is_flood, wait_of


def in_words(say: Words, error: Exception) -> str:
    """Return why Telegram, or the bot itself, refused something; raise any other error."""
    if isinstance(error, SourceError):
        return say(dashed("broadcast-uncopied", error.obstacle), detail=clean_name(error.detail))
    if isinstance(error, NobodyToWriteToError):
        return say("broadcast-nobody")
    if isinstance(error, TgbotError):
        return say("broadcast-refused", reason=str(error))
    if is_flood(error):
        return say("admin-wait", seconds=max(1, wait_of(error)))
    if answer_of(error) is None:
        raise error
    return refused(say, error_name(error) if isinstance(error, RPCError) else type(error).__name__)


def refused(say: Words, error: str) -> str:
    """Return that Telegram refused something, with the name of its error."""
    return say("admin-refused", error=clean_name(error))
