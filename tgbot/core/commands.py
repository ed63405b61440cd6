"""The grammar of commands: `/name@bot arguments`, as people type them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

#: What apps show as a command: letters of ASCII, digits and underscores.
_COMMAND: Final = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)


class Command(NamedTuple):
    """A command that somebody sent; `repr` shows what was typed."""

    #: In lower case.
    name: str
    #: Everything after the name, without white space at both ends; "" for nothing.
    args: str
    #: The bot named after the @, as it was typed; None if the command names no bot.
    mention: str | None
    #: Whether the command names this bot, or none.
    for_us: bool


def parse(text: str, own_names: Iterable[str]) -> Command | None:
    """Return the command that a message is, None if it is none.

    A command is the whole message and begins at its first character. Upper and lower case are the same in
    its name and in the bot's; any white space separates the name from the arguments. `own_names` are this
    bot's usernames without @; a command that names another bot is not `for_us`.
    """
    match = _COMMAND.fullmatch(text)
    if match is None:
        return None
    name, mention, args = match.groups()
    for_us = mention is None or mention.lower() in {own.lower() for own in own_names}
    return Command(name.lower(), (args or "").rstrip(), mention, for_us)
