"""Every module in examples/ is a plugin; what they do is in scenarios/test_plugins.py."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

EXAMPLES = sorted(
    path.stem for path in (Path(__file__).parent.parent / "examples").glob("*.py") if path.stem != "__init__"
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_can_be_named_as_a_plugin(name: str) -> None:
    module = importlib.import_module(f"examples.{name}")
    parameters = list(inspect.signature(module.register).parameters.values())
    assert parameters[0].name == "client"
    assert all(one.kind in (one.KEYWORD_ONLY, one.VAR_KEYWORD) for one in parameters[1:])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_plain_telethon(name: str) -> None:
    source = inspect.getsource(importlib.import_module(f"examples.{name}"))
    assert "from telethon import" in source
    assert any(decorator in source for decorator in ("@client.on(events.", "@talks.on(", "@jobs."))
    assert "tgbot.telegram" not in source
    assert "tgbot.sandbox" not in source
