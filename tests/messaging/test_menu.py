"""The commands that are shown: whose they are, their order, their languages, Telegram's limits."""

from __future__ import annotations

import pytest

from tgbot.locales.texts import Texts
from tgbot.messaging.menu import MOST, OWN, Menu

TEXTS = Texts.load()


def test_the_bots_own_commands_come_first_in_their_order_and_a_plugin_may_name_one() -> None:
    menu = Menu()
    menu.add("zoo", "see animals")
    menu.add("help", "what animals there are")
    menu.add("ape", "see the ape")
    menu.offer("privacy", "start")
    menu.offer("stats", admins=True)
    assert [line.name for line in menu.lines(TEXTS, "en")] == ["start", "help", "privacy", "zoo", "ape"]
    assert str(menu.lines(TEXTS, "ru")[1]) == "/help – what animals there are"
    assert [line.name for line in menu.admin_lines(TEXTS, "en")] == ["stats"]
    menu.add("stats", "count animals")
    assert menu.admin_lines(TEXTS, "en") == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (None, "see"),
        ("en", "see"),
        ("de", "see"),
        ("ru", "смотреть"),
        ("ru-RU", "смотреть"),
        ("pt", "veja"),
        ("pt-br-raw", "veja"),
        ("pt-br", "veja"),
        ("PT_BR", "veja"),
        ("pt-br-x", "veja"),
    ],
)
def test_a_plugins_text_is_in_the_nearest_language_or_english(language: str | None, text: str) -> None:
    menu = Menu()
    menu.add("zoo", {"en": "see", "ru": " смотреть\n", "pt-BR": "veja"})
    assert menu.lines(TEXTS, language) == [("zoo", text)]


def test_no_more_commands_are_taken_than_telegram_shows() -> None:
    menu = Menu()
    for number in range(MOST - len(OWN)):
        menu.add(f"c{number}", "do it")
    menu.add("c0", "do it again")
    menu.add("start", "start it")
    with pytest.raises(ValueError, match="at most 100"):
        menu.add("one_more", "do it")
