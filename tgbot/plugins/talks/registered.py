"""What a plugin registered as a talk."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tgbot.locales.texts import Texts
from tgbot.plugins.talks.talk import Talk

#: The function of a talk.
Function: TypeAlias = Callable[[Talk], Awaitable[object]]
#: A regular expression, or what returns a match for a text.
Pattern: TypeAlias = str | re.Pattern[str] | Callable[[str], object]
#: What a pattern does: its result is `talk.match`.
Match: TypeAlias = Callable[[str], object]


class Ends(StrEnum):
    """Which commands end a talk, beside /cancel."""

    #: Any command, which is then handled as usual.
    COMMANDS = "commands"
    #: None: other commands are handled beside the talk, and another talk of the chat has to wait.
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A talk as a plugin registered it."""

    name: str
    function: Function
    #: Returns the match of a text that begins it.
    match: Match
    ends: Ends
    #: Says that a talk no longer fits its function, None for the bot's own words.
    on_changed: Function | None
    texts: Texts


def matcher(pattern: Pattern) -> Match:
    """Return what says whether a text matches, as `events.NewMessage` has it."""
    if isinstance(pattern, str):
        return re.compile(pattern).match
    return pattern.match if isinstance(pattern, re.Pattern) else pattern
