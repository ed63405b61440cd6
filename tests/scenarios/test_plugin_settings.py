"""Settings of a plugin in the running bot: they reach it, and `tgbot reload` names what has changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.operate.test_orders import asked
from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk
from tgbot.app import open_bot
from tgbot.config.loading import load
from tgbot.core.errors import BotAnswerError, ConfigError

PRICED = """
from pydantic import BaseModel, Field
from telethon import events

class Settings(BaseModel):
    price: int = Field(default=3, description="a price in cents", gt=0)

def register(client, *, settings: Settings):
    @client.on(events.NewMessage(pattern="^/price$"))
    async def price(event):
        await event.respond(f"{settings.price} cents")

def on_start(settings):
    assert settings.price == 7
"""


@pytest.fixture
def write(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that writes the configuration of a bot with a plugin, and these lines."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "priced.py").write_text(PRICED)

    def write(lines: str) -> Path:
        configure(plugins=["priced"])
        with (tmp_path / "config.toml").open("a") as file:
            file.write(f"\n{lines}\n")
        return tmp_path / "config.toml"

    return write


async def test_a_plugin_is_given_its_settings_and_a_reload_names_those_that_changed(
    write: Callable[[str], Path], person: Any
) -> None:
    anna = Talk(await person("Anna"))
    read = partial(load, write("[plugins.priced]\nprice = 7"), {})
    async with open_bot(read(), serve=True, read=read) as bot:
        assert await anna.ask("/price") == "7 cents"
        write("[plugins.priced]\nprice = 8")
        assert (await asked(bot, "reload"))["restart"] == ["[plugins.priced] price"]
        write("[plugins.priced]\nprice = 0")
        with pytest.raises(BotAnswerError, match="price = 0: expected a price in cents") as wrong:
            await asked(bot, "reload")
        assert wrong.value.exit_status == 2
        assert await anna.ask("/price") == "7 cents"


async def test_a_wrong_setting_of_a_plugin_ends_the_start(write: Callable[[str], Path]) -> None:
    config = load(write("[plugins.priced]\nprise = 7"), {})
    with pytest.raises(ConfigError, match=r"no key prise in \[plugins.priced\]; did you mean price"):
        async with open_bot(config, serve=True):
            pytest.fail("it was let in")
