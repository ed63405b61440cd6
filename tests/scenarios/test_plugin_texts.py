"""Texts and commands of a plugin in the running bot: its own .ftl files, /help, the menu, `tgbot reload`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.operate.test_orders import asked
from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tgbot.app import open_bot
from tgbot.cli import status
from tgbot.config.loading import load
from tgbot.core.errors import BotAnswerError
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

BAKERY = """
from telethon import events

def register(client, *, commands, texts, users):
    commands.add("bread")
    commands.add("bake", {"en": "bake anew", "ru": "испечь снова"}, admins=True)

    @client.on(events.NewMessage(pattern="^/bread$"))
    async def bread(event):
        say = texts.to(users.get(event.sender_id))
        await event.respond(say("bread-left", n=3) + " " + say("ago-now"))
"""


@pytest.fixture
def bakery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a plugin that is a package, with texts in two languages."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bakery", raising=False)
    (package := tmp_path / "bakery").mkdir()
    (package / "__init__.py").write_text(BAKERY)
    (package / "en.ftl").write_text("bread-left = { $n } loaves\ncommand-bread = how much bread is left")
    (package / "ru.ftl").write_text("bread-left = Хлеба: { $n }\ncommand-bread = сколько осталось хлеба")
    (tmp_path / "texts").mkdir()
    return package


async def test_a_plugin_speaks_both_languages_and_a_reload_changes_its_texts_help_and_menu(
    configure: Configure, bakery: Path, person: Any, sandbox: Sandbox, account: Account, tmp_path: Path
) -> None:
    anna = Talk(await person("Anna", lang_code="en", system_lang_code="en"))
    boris = Talk(await person("Boris", lang_code="ru", system_lang_code="ru"))
    own = tmp_path / "texts"
    config = configure(plugins=["bakery"], texts=str(own), admins=[anna.id])
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None

    def menu(language: str) -> dict[str, str]:
        listed = [lists for (_, code), lists in profile.commands.items() if code == language]
        return {one.command: one.description for commands in listed for one in commands}

    async with open_bot(config, serve=True, read=partial(load, tmp_path / "config.toml", {})) as bot:
        assert await anna.ask("/bread") == "3 loaves just now"
        assert await boris.ask("/bread") == "Хлеба: 3 только что"
        assert "/bread – how much bread is left" in (help_text := await anna.ask("/help"))
        assert "/bake – bake anew" in help_text
        assert "/bread – сколько осталось хлеба" in (help_text := await boris.ask("/help"))
        assert "/bake" not in help_text
        await until(lambda: menu("ru").get("bread") == "сколько осталось хлеба")
        assert menu("")["bread"] == "how much bread is left"

        (bakery / "ru.ftl").write_text("bread-left = Осталось { $n }\ncommand-bread = про хлеб")
        (own / "bakery.en.ftl").write_text("command-bread = ours")
        assert (await asked(bot, "reload"))["changed"] == ["[bot] texts"]
        assert await boris.ask("/bread") == "Осталось 3 только что"
        assert "/bread – про хлеб" in await boris.ask("/help")
        assert "/bread – ours" in await anna.ask("/help")
        await until(lambda: menu("ru").get("bread") == "про хлеб" and menu("").get("bread") == "ours")

        (bakery / "ru.ftl").write_text("= nothing")
        with pytest.raises(BotAnswerError, match=r"bakery/ru\.ftl:1 cannot be used"):
            await asked(bot, "reload")
        assert await boris.ask("/bread") == "Осталось 3 только что"


def test_texts_check_tells_of_the_texts_of_plugins(
    configure: Configure, bakery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(plugins=["bakery"], texts=str(tmp_path / "texts"))
    (tmp_path / "texts" / "bakery.ru.ftl").write_text("bread-left = { $m }")
    assert status(["--config", str(tmp_path / "config.toml"), "texts", "check"]) == 3
    lines = capsys.readouterr().out.splitlines()
    told = "bread-left: the plugin bakery gives it no $m; the plugin bakery gives $n"
    assert lines[0].endswith(f"bakery.ru.ftl:1: {told}")
    assert lines[-2:] == [f"{code:<10}    2 texts of the plugin bakery" for code in ("en", "ru")]
