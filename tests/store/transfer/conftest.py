"""The bots that these tests take things from, and put them into."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.transfer.places import Place, live_in


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a new bot."""
    (tmp_path / "here").mkdir()
    return Place(tmp_path / "here")


@pytest.fixture
async def lived_in(tmp_path: Path) -> Place:
    """Return a used bot."""
    (tmp_path / "lived in").mkdir()
    return await live_in(tmp_path / "lived in")
