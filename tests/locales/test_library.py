"""Texts of plugins: found beside their modules, replaced by the owner's, with the bot's for all other ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from tgbot.core.errors import TextError
from tgbot.core.users import Profile, User, UserFields
from tgbot.locales.library import Library


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory in which plugins are found: a package lib_cafe and a module lib_shop."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lib_cafe").mkdir()
    (tmp_path / "lib_cafe" / "__init__.py").write_text(
        "raise AssertionError('it is not imported for its texts')"
    )
    (tmp_path / "lib_shop.py").touch()
    (tmp_path / "own").mkdir()
    return tmp_path


def test_a_package_has_its_files_in_it_and_a_module_has_them_beside_it(home: Path) -> None:
    (home / "lib_cafe" / "en.ftl").write_text("menu = Tea for { $cents }")
    (home / "lib_cafe" / "ru.ftl").write_text("menu = Чай за { $cents }")
    (home / "lib_cafe" / "other.en.ftl").write_text("menu = of a module other.py in it")
    (home / "lib_shop.en.ftl").write_text("menu = Bread")
    (home / "lib_shop.de.ftl").write_text("menu = Brot")
    library = Library(None, ["lib_cafe", "lib_shop"])
    cafe, shop = library.plugins["lib_cafe"], library.plugins["lib_shop"]
    assert [cafe.render(code, "menu", cents="5") for code in ("en", "ru", "de")] == [
        "Tea for 5",
        "Чай за 5",
        "Tea for 5",
    ]
    assert [shop.render(code, "menu") for code in ("en", "ru", "de-AT")] == ["Bread", "Bread", "Brot"]
    assert library.mistakes == []


def test_the_bot_is_not_changed_and_has_the_texts_that_the_plugin_has_not(home: Path) -> None:
    (home / "lib_shop.en.ftl").write_text("start-hello = Mine\nsold = Sold")
    library = Library(None, ["lib_shop"])
    shop = library.plugins["lib_shop"]
    assert shop.render("en", "start-hello") == "Mine"
    assert library.bot.render("en", "start-hello", name="Anna").startswith("Hello, Anna!")
    assert shop.render("ru", "forget-done") == library.bot.render("ru", "forget-done")
    assert shop.languages == library.bot.languages
    assert (shop.find("ru-RU"), shop.choose("xx"), shop.codes) == ("ru", "en", library.bot.codes)
    assert [shop.has(name) for name in ("sold", "forget-done", "nothing")] == [True, True, False]
    with pytest.raises(TextError, match="no text sold"):
        library.bot.render("en", "sold")
    with pytest.raises(TextError, match="no text nothing"):
        shop.render("en", "nothing")


def test_a_plugin_speaks_to_a_user_in_their_language(home: Path) -> None:
    (home / "lib_shop.en.ftl").write_text("sold = Sold { $n }")
    (home / "lib_shop.ru.ftl").write_text("sold = Продано { $n }")
    shop = Library(None, ["lib_shop"]).plugins["lib_shop"]
    assert shop.to(None)("sold", n=3) == "Sold 3"
    assert shop.to(User(UserFields(7, Profile(7), language="ru")))("sold", n=3) == "Продано 3"


def test_the_owner_replaces_texts_of_a_plugin_by_its_name(home: Path) -> None:
    (home / "lib_shop.en.ftl").write_text("sold = Sold\nopen = Open")
    (home / "own" / "lib_shop.en.ftl").write_text("sold = Gone")
    (home / "own" / "lib_shop.ru.ftl").write_text("sold = Нет")
    (home / "own" / "en.ftl").write_text("forget-done = Done")
    library = Library(home / "own", ["lib_shop"])
    shop = library.plugins["lib_shop"]
    assert [shop.render("en", "sold"), shop.render("en", "open"), shop.render("ru", "sold")] == [
        "Gone",
        "Open",
        "Нет",
    ]
    assert library.bot.render("en", "forget-done") == "Done"
    assert not library.bot.has("sold")
    assert library.mistakes == []


def test_mistakes_in_texts_of_a_plugin_are_told_with_file_and_line_and_another_stands_in(home: Path) -> None:
    (home / "lib_shop.en.ftl").write_text("its-sold = Sold { $what }")
    (home / "lib_shop.ru.ftl").write_text("\nits-sold = Продано { $wat }")
    (home / "own" / "lib_shop.en.ftl").write_text("its-sol = Sold")
    library = Library(home / "own", ["lib_shop"])
    assert [str(mistake) for mistake in library.mistakes] == [
        f"{home}/lib_shop.ru.ftl:2: its-sold: the plugin lib_shop gives it no $wat; did you mean $what?",
        f"{home}/own/lib_shop.en.ftl:1: its-sol: the plugin lib_shop has no such text; did you mean "
        "its-sold?",
    ]
    assert library.plugins["lib_shop"].render("ru", "its-sold", what="tea") == "Sold tea"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("lib_shop.ru.ftl", "a = A", r"in the plugin lib_shop cannot be used: there is no lib_shop\.en\.ftl"),
        ("lib_cafe/ru.ftl", "a = A", r"in the plugin lib_cafe cannot be used: there is no en\.ftl"),
        ("lib_shop.en.ftl", "= A", r"lib_shop\.en\.ftl:1 cannot be used: not Fluent"),
        (
            "lib_shop.words.ftl",
            "a = A",
            r"lib_shop\.words\.ftl cannot be used: the file is not named after a language",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_its_name(
    home: Path, name: str, text: str, reason: str
) -> None:
    (home / name).write_text(text)
    with pytest.raises(TextError, match=reason):
        Library(None, ["lib_cafe", "lib_shop"])


def test_texts_are_read_again_and_taken_as_a_whole(home: Path) -> None:
    library = Library(None, ["lib_shop", "no_such_module"])
    shop, before = library.plugins["lib_shop"], library.contents(None)
    assert not shop.has("sold")
    (home / "lib_shop.en.ftl").write_text("sold = Sold")
    assert library.contents(None).keys() - before.keys() == {f"{home}/lib_shop.en.ftl"}
    library.take(library.read_again(None))
    assert shop.render("en", "sold") == "Sold"
