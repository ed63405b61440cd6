"""The fixtures where pytest-asyncio is not installed: they say so."""

from __future__ import annotations

from typing import NoReturn

import pytest


def _missing() -> NoReturn:
    pytest.fail("tgbot's fixtures need pytest-asyncio: pip install 'tgbot[testing]'", pytrace=False)


@pytest.fixture
def bot() -> None:
    """Fail with what to install."""
    _missing()


@pytest.fixture
def person() -> None:
    """Fail with what to install."""
    _missing()
