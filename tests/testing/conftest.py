"""The fixtures of `tgbot.testing`, also where its entry point is not installed yet."""

from __future__ import annotations

from tgbot.testing.fixtures import bot as bot
from tgbot.testing.fixtures import bot_settings as bot_settings
from tgbot.testing.fixtures import person as person
from tgbot.testing.fixtures import sandbox as sandbox
from tgbot.testing.fixtures import sandbox_key as sandbox_key
