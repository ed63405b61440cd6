"""Languages over the wire: the app's, the user's own choice by a button, and what the bot remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import Configure, StartBot
from tests.scenarios.talk import Talk, now_reads, press
from tgbot.app import Bot, open_bot
from tgbot.sandbox.server import Sandbox


async def menu(talk: Talk) -> Any:
    await talk.say("/language")
    return await talk.hears_message()


async def test_the_language_is_chosen_by_a_button_and_given_back_to_the_app(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna", lang_code="en", system_lang_code="en"))
    await anna.ask("/start")
    asked = await menu(anna)
    assert [row[0].text for row in asked.buttons] == ["English", "Русский", "✓ The language of my app"]
    notice = await press(anna, asked, "Русский")
    assert notice.message == "Готово. Буду говорить на этом языке."
    shown = await now_reads(anna, asked)
    assert shown.message.startswith("На каком языке")
    assert [row[0].text for row in shown.buttons] == ["English", "✓ Русский", "Как в моём приложении"]
    assert (await anna.ask("/start")).startswith("С возвращением, Anna!")
    assert (
        await press(anna, shown, "Русский")
    ).message == "Готово. Буду говорить на этом языке."  # A second press is not an error.
    await press(anna, shown, "Как в моём приложении")
    assert (await anna.ask("/start")).startswith("Welcome back, Anna!")


async def test_a_choice_outlives_a_restart_and_goes_before_what_the_app_names(
    configure: Configure, person: Any
) -> None:
    boris = Talk(await person("Борис", lang_code="ru", system_lang_code="ru"))
    async with open_bot(configure(), serve=True):
        await boris.ask("/start")
        await press(boris, await menu(boris), "English")
    async with open_bot(configure(), serve=True):
        assert (await boris.ask("/start")).startswith("Welcome back, Борис!")


async def test_an_update_without_a_language_changes_nothing(bot: Bot, person: Any, sandbox: Sandbox) -> None:
    boris = Talk(await person("Борис", lang_code="ru", system_lang_code="ru"))
    assert (await boris.ask("/start")).startswith("Здравствуйте, Борис!")
    sandbox.world.view.language_every = 0
    assert (await boris.ask("/start")).startswith("С возвращением, Борис!")
    user = bot.users.get(boris.id)
    assert user is not None
    assert user.language == "ru"


async def test_who_names_no_language_or_an_unknown_one_is_spoken_to_in_english(
    bot: Bot, person: Any, sandbox: Sandbox
) -> None:
    odd = Talk(await person("Odd", lang_code="tlh", system_lang_code="tlh"))
    assert (await odd.ask("/start")).startswith("Hello, Odd!")
    sandbox.world.view.language_every = 0
    mute = Talk(await person("Mute", lang_code="ru", system_lang_code="ru"))
    assert (await mute.ask("/start")).startswith("Hello, Mute!")


async def test_ones_own_directory_of_texts_changes_texts_and_adds_languages(
    start_bot: StartBot, person: Any, tmp_path: Path
) -> None:
    own = tmp_path / "texts"
    own.mkdir()
    (own / "en.ftl").write_text("start-hello = Ahoy, { $name }!")
    (own / "de.ftl").write_text("language-name = Deutsch\nstart-welcome-back = Hallo, { $name }!")
    (own / "fr.ftl").write_text("start-welcome-back = Salut, { $name } !")
    await start_bot(texts=str(own))
    anna = Talk(await person("Anna"))
    assert await anna.ask("/start") == "Ahoy, Anna!"
    asked = await menu(anna)
    assert [row[0].text for row in asked.buttons][:4] == ["English", "Deutsch", "fr", "Русский"]
    await press(anna, asked, "Deutsch")
    assert await anna.ask("/start") == "Hallo, Anna!"


async def test_the_choice_is_for_this_bot_by_name_and_not_made_in_a_group(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    assert (await anna.ask("/language@the_bot")).startswith("Which language")
    await anna.say("/language@other_bot")
    assert await anna.said_nothing_before()


#: What apps send → the file whose texts are nearest.
APPS = {
    "pt_BR": "pt-br pt_BR pt-br-raw pt pt-PT por-BR",
    "he": "iw he-IL heb",
    "id": "in id-raw",
    "ro": "mo ro-raw",
    "nb": "no nn",
    "sr-latn": "sh sr",
    "zh-hans": "zh-hans zh classic-zh-cn zh-hans-beta",
    "zh-Hant": "zh-Hant-TW zh_HK",
}


async def test_the_language_of_an_app_is_known_however_it_is_spelled(
    start_bot: StartBot, person: Any, tmp_path: Path
) -> None:
    own = tmp_path / "texts"
    own.mkdir()
    for name in APPS:
        (own / f"{name}.ftl").write_text(f"start-hello = {name}: {{ $name }}")
    await start_bot(texts=str(own))
    for name, codes in APPS.items():
        for code in codes.split():
            one = Talk(await person("Anna", lang_code=code, system_lang_code=code))
            assert await one.ask("/start") == f"{name}: Anna", code
    for code in ("ru-raw", "RU_ru", "rus"):
        one = Talk(await person("Anna", lang_code=code, system_lang_code=code))
        assert (await one.ask("/start")).startswith("Здравствуйте, Anna!"), code


async def test_a_text_with_a_mistake_is_told_at_the_start_and_never_shown(
    start_bot: StartBot, person: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "texts"
    own.mkdir()
    (own / "de.ftl").write_text(
        "start-hello = Hallo, { $name }! { start-hello-more }\n"
        "start-welcome-back = Wieder da, { $nam }!\n"
        "forget-kep = Gut."
    )
    (own / "en.ftl").write_text("start-hello-more = { start-hello-mor }")
    await start_bot(texts=str(own))
    told = [record.getMessage() for record in caplog.records if record.name == "tgbot.locales.library"]
    assert told == [
        f"{own}/de.ftl:2: start-welcome-back: the bot gives it no $nam; did you mean $name?",
        f"{own}/de.ftl:3: forget-kep: the bot has no such text; did you mean forget-kept?",
        f"{own}/en.ftl:1: start-hello-more: there is no text start-hello-mor; did you mean start-hello-more?",
    ]
    anna = Talk(await person("Anna", lang_code="de", system_lang_code="de"))
    assert (await anna.ask("/start")).startswith("Hallo, Anna! I am glad you are here.")
    assert (await anna.ask("/start")).startswith("Welcome back, Anna!")
