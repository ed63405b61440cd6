"""What pytest loads: the marker `tgbot`, the option `tgbot_config`, and the fixtures."""

from __future__ import annotations

import pytest

MARKER = (
    "tgbot(in_process=False, username='the_bot', name='The Bot', command=(), quiet=0.5, **settings): how the "
    "fixture `bot` runs the bot; settings are keys of [bot], other sections are dictionaries; a command is "
    "a bot of any library, which is taken to be finished when it has said nothing for `quiet` seconds"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options with the bot's configuration, and with the command of a bot that is not a tgbot."""
    parser.addini(
        "tgbot_command", "the command that the fixture `bot` runs instead of tgbot", type="args", default=[]
    )
    parser.addini(
        "tgbot_config", "the config.toml of the bot that the fixture `bot` runs", default="config.toml"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the fixtures."""
    config.addinivalue_line("markers", MARKER)
    if config.pluginmanager.hasplugin("asyncio"):
        from tgbot.testing import fixtures  # late: it imports pytest-asyncio, which need not be installed
    else:
        from tgbot.testing import missing as fixtures  # type: ignore[no-redef] # the same fixtures
    config.pluginmanager.register(fixtures, "tgbot-fixtures")
