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
#: A slash and the longest name.
_LONGEST: Final = 65


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


def begins(text: str, beginnings: tuple[str, ...]) -> bool:
    """Return whether a message may be one of the commands that begin so, such as "/start"; quick."""
    if text[:1] != "/":
        if text[:1] not in GAP:
            return False
        text = text.lstrip(GAP)
    return text[:_LONGEST].lower().startswith(beginnings)


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
