"""Tests for a bot's plugins: the bot on a sandbox, and people who talk to it; a plugin of pytest.

`tgbot.testing.plugin` is what pytest loads. It and this module import next to nothing, because pytest loads
them in every project where tgbot is installed.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # without importing typing
if TYPE_CHECKING:
    from tgbot.testing.bot import Bot as Bot
    from tgbot.testing.failures import BotDiedError as BotDiedError
    from tgbot.testing.failures import Failure as Failure
    from tgbot.testing.group import Group as Group
    from tgbot.testing.person import NewPerson as NewPerson
    from tgbot.testing.person import Person as Person

#: What tests name in their annotations, with the modules that have it; these are imported at the first use.
_HOMES = {
    "Bot": "bot",
    "BotDiedError": "failures",
    "Failure": "failures",
    "Group": "group",
    "NewPerson": "person",
    "Person": "person",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
