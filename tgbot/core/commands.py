"""The grammar of commands: `/name@bot arguments`, as people type them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from tgbot.core.names import GAP

#: What apps show as a command: letters of ASCII, digits and underscores.
_COMMAND: Final = re.compile(
    rf"/([A-Za-z0-9_]{{1,64}})(?:@([A-Za-z0-9_]{{1,64}}))?(?:[{GAP}]+(.*))?", re.DOTALL
)
#: What a message begins with that may be a command.
_WORD: Final = re.compile(rf"[{GAP}]*/([A-Za-z0-9_]+)")


class Command(NamedTuple):
    """A command that somebody sent; `repr` shows what was typed."""

    #: In lower case.
    name: str
    #: Everything after the name, without gaps at both ends; "" for nothing.
    args: str
    #: The bot named after the @, as it was typed; None if the command names no bot.
    mention: str | None
    #: Whether the command names this bot, or none.
    for_us: bool


def word_of(text: str) -> str:
    """Return the name of the command that a message may be, in lower case; "" if it is none; quick."""
    first = text[0] if text else ""
    if first != "/" and first not in GAP:
        return ""
    match = _WORD.match(text)
    return "" if match is None else match[1].lower()


def parse(text: str, own_names: Iterable[str]) -> Command | None:
    """Return the command that a message is, None if it is none.

    A command is the whole message; the caption of a picture is a message, too. Upper and lower case are the
    same in its name and in the bot's. A gap, which is white space of any kind and what is copied with it
    unseen, separates the name from the arguments, and counts for nothing at both ends. `own_names` are this
    bot's usernames without @; a command that names another bot is not `for_us`.
    """
    match = _COMMAND.fullmatch(text.strip(GAP))
    if match is None:
        return None
    name, mention, args = match.groups()
    for_us = mention is None or mention.lower() in {own.lower() for own in own_names}
    return Command(name.lower(), args or "", mention, for_us)
