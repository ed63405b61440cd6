"""The fixtures of `tgbot.testing`, also where its entry point is not installed."""

from __future__ import annotations

import pytest

from tgbot.testing import plugin


def pytest_configure(config: pytest.Config) -> None:
    """Load the plugin unless pytest has done so."""
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, "tgbot")
