"""What a doctor looks at, and what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from tgbot.plugins.loading import ReadSettings, no_settings
from tgbot.store.base import Account
from tgbot.store.peers import RESOLVES_A_DAY
from tgbot.telegram import Proxy, Server

#: The part of the day's look-ups of usernames after which their number is warned of.
MANY_LOOKUPS: Final = 0.8


class Level(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    #: The bot works; something should be put right.
    WARNING = "warning"
    #: The bot does not work, or not for long.
    FAILURE = "failure"


class Finding(NamedTuple):
    """One thing that was found, and what to do about it."""

    level: Level
    said: str
    advice: str = ""


@dataclass(frozen=True)
class Subject:
    """The bot that is looked at: its settings, as far as a check needs them."""

    session: Path
    registry: Path
    control: Path
    bot_id: int | None
    texts: Path | None = None
    plugins: tuple[str, ...] = ()
    #: Reads the settings of a plugin.
    settings: ReadSettings = no_settings
    #: The public address of the login page; "" without one.
    site: str = ""
    #: Whether the bot has something to do with requests to join chats.
    approves: bool = False
    server: Server | None = None
    proxy: Proxy | None = None
    #: The address of the database, with its password; "" where the files are used.
    address: str = ""


#: Looks at one thing.
Check: TypeAlias = Callable[[Subject], AsyncIterator[Finding]]


def lookups(used: int) -> Finding:
    """Return what is said of so many look-ups of usernames in the last day."""
    said = f"{used} of {RESOLVES_A_DAY} look-ups of usernames in the last day"
    many = used >= MANY_LOOKUPS * RESOLVES_A_DAY
    advice = "beyond that, new names cannot be found for a day: look up less" if many else ""
    return Finding(Level.WARNING if many else Level.OK, said, advice)


def account(known: Account | None, of: Subject) -> Finding:
    """Return what is said of the bot's account as it was at the last login, None before the first."""
    if known is None:
        return Finding(Level.OK, "what is set at @BotFather is known after the first login")
    said = [
        "may be added to groups" if known.joins_groups else "may not be added to groups",
        "gets all messages of groups"
        if known.reads_groups
        else "gets messages of groups that are meant for it",
        "gets inline queries" if known.inline else "gets no inline queries",
    ]
    needs = of.approves and not known.joins_groups
    advice = "[join_requests] approve needs groups: /setjoingroups at @BotFather" if needs else ""
    level = Level.WARNING if needs else Level.OK
    return Finding(level, f"at the last login the bot {', '.join(said)}", advice)
