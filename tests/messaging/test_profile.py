"""What the bot's profile shows, over the wire: what the owner set stays, and nothing of it stops the bot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions.bots import GetBotInfoRequest

from tests.scenarios.conftest import *  # noqa: F403 - a whole bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot, open_bot
from tgbot.core.errors import PluginError
from tgbot.locales.texts import Texts
from tgbot.messaging import profile
from tgbot.messaging.menu import OWN, TEXT_LENGTH
from tgbot.messaging.profile import LENGTHS, Manage, Profile
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.accounts import BotProfile
from tgbot.sandbox.methods import METHODS
from tgbot.sandbox.server import Sandbox

COMMANDS = ["start", "help", "language", "news", "stop_news", "privacy", "forget"]
ADMIN_COMMANDS = ["resolve", "whois", "check", "stats", "sweep", "broadcast", "link"]
TEXTS = Texts.load()
OWNERS = [types.BotCommand("pizza", "order a pizza")]
DEFAULT = ("default", "")


@pytest.fixture
def now(sandbox: Sandbox, account: Account) -> BotProfile:
    """Return what Telegram has of the bot's profile."""
    found = sandbox.world.accounts[account.id].profile
    assert found is not None
    return found


@pytest.fixture
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, profile.__name__)


def started(bot: Bot, manage: Manage = Manage.MISSING, texts: Texts = TEXTS) -> Profile:
    """Return the profile as the bot's start makes it, with its built-in commands."""
    bot.commands.offer(*COMMANDS)
    bot.commands.offer(*ADMIN_COMMANDS, admins=True)
    return Profile(bot.client, texts, bot.commands, bot.admins, manage=manage, notes=bot.users)


def written(directory: Path, **texts: str) -> Texts:
    """Return the bot's texts, with the files of these languages in front."""
    directory.mkdir(exist_ok=True)
    for language, text in texts.items():
        (directory / f"{language}.ftl").write_text(text)
    return Texts.load(directory)


def names(commands: Mapping[tuple[str, str], list[types.BotCommand]], *place: str) -> list[str]:
    return [one.command for one in commands.get((place[0], place[1]), [])]


async def test_an_empty_profile_gets_texts_and_commands_in_each_language(
    configure: Configure, now: BotProfile, person: Any
) -> None:
    boss = Talk(await person("Boss"))
    async with open_bot(configure(admins=[boss.id]), serve=True):
        await boss.ask("/start")
    async with open_bot(configure(admins=[boss.id]), serve=True):
        own = f"BotCommandScopePeer {boss.id}"
        await until(lambda: (own, "ru") in now.commands)
        for code, language in (("", "en"), ("ru", "ru")):
            assert now.abouts[code] == TEXTS.render(language, "profile-about")
            assert now.descriptions[code] == TEXTS.render(language, "profile-description")
            assert names(now.commands, "default", code) == COMMANDS
            assert names(now.commands, own, code) == [*COMMANDS, *ADMIN_COMMANDS]
        commands = {one.command: one.description for one in now.commands["default", "ru"]}
        assert commands["privacy"] == TEXTS.render("ru", "command-privacy")
        assert now.names == {}


async def test_what_is_so_already_is_not_set_again(configure: Configure, now: BotProfile) -> None:
    async with open_bot(configure()) as bot:
        assert await started(bot).show() == 0
        version = now.version
        assert await started(bot).show() == 0
        assert now.version == version
        del now.abouts["ru"]
        assert await started(bot).show() == 0
        assert now.version == version + 1
        assert now.abouts["ru"] == TEXTS.render("ru", "profile-about")


# ---- what the owner set ----------------------------------------------------------------------------


@pytest.mark.usefixtures("_logged")
async def test_what_the_owner_set_at_botfather_stays_through_starts(
    configure: Configure, now: BotProfile, person: Any, caplog: pytest.LogCaptureFixture
) -> None:
    now.abouts[""], now.descriptions[""], now.commands[DEFAULT] = "Pizza!", "The best pizza", OWNERS
    boss = Talk(await person("Boss"))
    for text in ("/start", "/help"):
        async with open_bot(configure(admins=[boss.id]), serve=True):
            await boss.ask(text)
            await until(lambda: "the bot's profile keeps" in caplog.text)
            caplog.clear()
    assert (now.abouts, now.descriptions) == ({"": "Pizza!"}, {"": "The best pizza"})
    assert now.commands == {DEFAULT: OWNERS}


@pytest.mark.usefixtures("_logged")
async def test_each_field_and_language_is_judged_by_itself(
    configure: Configure, now: BotProfile, caplog: pytest.LogCaptureFixture
) -> None:
    now.abouts[""] = "Pizza!"
    now.descriptions["ru"] = "Лучшая пицца"
    now.commands["default", "de"] = OWNERS
    async with open_bot(configure()) as bot:
        await started(bot).show()
    assert now.abouts == {"": "Pizza!"}
    assert now.descriptions == {"": TEXTS.render("en", "profile-description"), "ru": "Лучшая пицца"}
    assert names(now.commands, "default", "") == names(now.commands, "default", "ru") == COMMANDS
    assert now.commands["default", "de"] == OWNERS
    assert "keeps what the bot has not set: about (en), about (ru), description (ru) (see" in caplog.text


@pytest.mark.parametrize("code", ["", "ru"])
async def test_a_list_for_private_chats_is_what_people_see_there(
    configure: Configure, now: BotProfile, code: str
) -> None:
    now.commands["users", code] = OWNERS
    async with open_bot(configure()) as bot:
        await started(bot).show()
    kept = {("users", code): OWNERS}
    assert now.commands == (kept | {DEFAULT: now.commands[DEFAULT]} if code else kept)


@pytest.mark.usefixtures("_logged")
async def test_what_the_owner_sets_over_the_bots_texts_is_what_everybody_sees(
    configure: Configure, now: BotProfile, person: Any, caplog: pytest.LogCaptureFixture
) -> None:
    boss = Talk(await person("Boss"))
    async with open_bot(configure(admins=[boss.id]), serve=True):
        await boss.ask("/start")
    async with open_bot(configure(admins=[boss.id])) as bot:
        await started(bot).show()
        assert len(now.commands) == 4
        now.abouts[""], now.commands[DEFAULT] = "Pizza!", OWNERS
        now.descriptions["ru"] = "Лучшая пицца"
        await started(bot).show()
        await started(bot).show()
    assert (now.abouts, now.commands) == ({"": "Pizza!"}, {DEFAULT: OWNERS})
    assert now.descriptions == {"": TEXTS.render("en", "profile-description"), "ru": "Лучшая пицца"}
    assert (
        f"no about of its own (ru) any more; it was: {TEXTS.render('ru', 'profile-about')!r}" in caplog.text
    )


async def test_what_the_owner_sets_in_one_language_stays_there(configure: Configure, now: BotProfile) -> None:
    async with open_bot(configure()) as bot:
        await started(bot).show()
        now.abouts["ru"], now.commands["default", "ru"] = "Пицца!", OWNERS
        await started(bot).show()
    assert now.abouts == {"": TEXTS.render("en", "profile-about"), "ru": "Пицца!"}
    assert now.commands["default", "ru"] == OWNERS
    assert names(now.commands, "default", "") == COMMANDS


@pytest.mark.parametrize("falls_back", [True, False])
async def test_it_does_not_matter_whether_telegram_names_the_default_text_for_a_language(
    configure: Configure,
    sandbox: Sandbox,
    now: BotProfile,
    monkeypatch: pytest.MonkeyPatch,
    falls_back: bool,
) -> None:
    if not falls_back:
        method = METHODS[GetBotInfoRequest]

        def exactly(call: Any, request: Any) -> Any:
            found = now.abouts.get(request.lang_code, ""), now.descriptions.get(request.lang_code, "")
            return types.bots.BotInfo("Bot", *found)

        monkeypatch.setitem(METHODS, GetBotInfoRequest, method._replace(answer=exactly))
    now.descriptions[""] = "The best pizza"
    async with open_bot(configure()) as bot:
        for _ in range(2):
            await started(bot).show()
            assert now.descriptions == {"": "The best pizza"}
            assert now.abouts == {code: TEXTS.render(code, "profile-about") for code in ("", "ru")}
        now.abouts[""] = "Pizza!"
        await started(bot).show()
        assert now.abouts == {"": "Pizza!"}
        sandbox.faults.fail("bots.getBotInfo", 400, "BOT_INVALID")
        assert await started(bot).show() == 1
        assert now.abouts == {"": "Pizza!"}


# ---- what the bot set itself -----------------------------------------------------------------------


@pytest.mark.usefixtures("_logged")
async def test_texts_that_the_bot_set_follow_its_texts_also_after_a_restart(
    configure: Configure, now: BotProfile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = written(tmp_path / "old", en="profile-about = First\ncommand-help = first help")
    new = written(tmp_path / "new", en="profile-about = Second\ncommand-help = second help")
    async with open_bot(configure()) as bot:
        await started(bot, texts=old).show()
        await bot.checkpoint()
    assert now.abouts[""] == "First"
    async with open_bot(configure()) as bot:
        await started(bot, texts=new).show()
    assert now.abouts[""] == "Second"
    assert [one.description for one in now.commands[DEFAULT] if one.command == "help"] == ["second help"]
    assert "new about (en), in place of: 'First'" in caplog.text
    assert (
        "new command list (en), in place of: '/start – start, or start again\\n/help – first" in caplog.text
    )


async def test_texts_like_the_bots_own_are_the_bots_although_nothing_is_remembered(
    configure: Configure, now: BotProfile, tmp_path: Path
) -> None:
    async with open_bot(configure()) as bot:
        await started(bot).show()
        bot.users.keep_note("profile", "{}")
        await started(bot).show()
        await started(bot, texts=written(tmp_path / "new", en="profile-about = New")).show()
    assert now.abouts[""] == "New"


async def test_a_list_that_is_no_longer_wanted_is_taken_back_only_if_it_is_the_bots(
    configure: Configure, now: BotProfile
) -> None:
    async with open_bot(configure()) as bot:
        await started(bot).show()
        now.commands["default", "ru"] = OWNERS
        for manage in Manage:
            bare = Profile(bot.client, TEXTS, type(bot.commands)(), (), manage=manage, notes=bot.users)
            await bare.show()
    assert now.commands == {("default", "ru"): OWNERS}


# ---- the other ways --------------------------------------------------------------------------------


@pytest.mark.usefixtures("_logged")
async def test_always_replaces_what_differs_and_logs_the_old_text(
    configure: Configure, now: BotProfile, caplog: pytest.LogCaptureFixture
) -> None:
    now.abouts[""], now.descriptions["ru"], now.commands[DEFAULT] = "Pizza!", "Лучшая пицца", OWNERS
    now.commands["default", "de"] = now.commands["users", ""] = OWNERS
    now.abouts["de"] = "Pizza?"
    async with open_bot(configure(manage="always"), serve=True):
        await until(lambda: names(now.commands, "default", "ru") == COMMANDS)
    assert now.abouts[""] == TEXTS.render("en", "profile-about")
    assert now.descriptions["ru"] == TEXTS.render("ru", "profile-description")
    assert names(now.commands, "default", "") == COMMANDS
    assert (now.abouts["de"], now.commands["default", "de"], now.commands["users", ""]) == (
        "Pizza?",
        OWNERS,
        OWNERS,
    )
    for old in ("'Pizza!'", "'Лучшая пицца'", "'/pizza – order a pizza'"):
        assert f"in place of: {old}" in caplog.text


async def test_never_neither_asks_nor_sets(configure: Configure, sandbox: Sandbox, now: BotProfile) -> None:
    sandbox.faults.fail("bots.getBotInfo", 400, "BOT_INVALID", times=100)
    async with open_bot(configure()) as bot:
        assert await started(bot, Manage.NEVER).show() == 0
        assert await started(bot, Manage.ALWAYS).show() == 2
    assert now.abouts == {}


async def test_a_language_without_texts_of_its_own_is_left_alone(
    configure: Configure, now: BotProfile, tmp_path: Path
) -> None:
    texts = written(tmp_path / "own", de="help = Hilfe { $commands }", fr="command-help = aide")
    async with open_bot(configure()) as bot:
        await started(bot, Manage.ALWAYS, texts).show()
    assert set(now.abouts) == set(now.descriptions) == {"", "ru"}
    assert set(now.commands) == {DEFAULT, ("default", "ru"), ("default", "fr")}


# ---- faults ----------------------------------------------------------------------------------------


async def test_a_call_that_fails_is_logged_and_the_others_are_made(
    configure: Configure, sandbox: Sandbox, now: BotProfile, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.fail("bots.setBotInfo", 400, "ABOUT_TOO_LONG")
    with caplog.at_level(logging.WARNING, profile.__name__):
        # An admin whom the bot never met has no chat with it that could have a list: none is asked for.
        async with open_bot(configure(admins=[5_999_999_999])) as bot:
            assert await started(bot).show() == 1
    assert "ABOUT_TOO_LONG" in caplog.text
    assert "5999999999" not in caplog.text
    assert ("default", "ru") in now.commands


async def test_the_bot_answers_although_its_profile_cannot_be_set(
    configure: Configure, sandbox: Sandbox, person: Any
) -> None:
    sandbox.faults.fail("bots.getBotInfo", 420, "FLOOD_WAIT_3000", times=100)
    sandbox.faults.fail("bots.getBotCommands", 420, "FLOOD_WAIT_3000", times=100)
    async with open_bot(configure(), serve=True):
        assert (await Talk(await person("Anna")).ask("/start")).startswith("Hello, Anna!")


async def test_an_empty_text_leaves_what_the_profile_has(
    configure: Configure, now: BotProfile, tmp_path: Path
) -> None:
    texts = written(tmp_path / "own", en='profile-about = { "" }\nprofile-description = mine')
    now.abouts[""] = "as set at BotFather"
    async with open_bot(configure()) as bot:
        await started(bot, Manage.ALWAYS, texts).show()
    assert now.abouts[""] == "as set at BotFather"
    assert now.descriptions[""] == "mine"


@pytest.mark.parametrize("language", TEXTS.languages)
def test_the_texts_are_no_longer_than_telegram_takes(language: str) -> None:
    for kind, length in LENGTHS.items():
        assert len(TEXTS.render(language, f"profile-{kind}")) <= length
    for name in OWN:
        assert len(TEXTS.render(language, f"command-{name}")) <= TEXT_LENGTH


# ---- commands of plugins ---------------------------------------------------------------------------

DICE = """
from telethon import events

def register(client, *, commands):
    commands.add("dice", {"en": "roll the dice", "ru": "бросить кости"})
    commands.add("start", "begin to play")
    commands.add("fix", "mend the dice", admins=True)

    @client.on(events.NewMessage(pattern=r"^/dice$"))
    async def dice(event):
        await event.respond("4")
"""


async def test_a_plugins_commands_are_in_the_menu_and_in_help_in_each_language(
    configure: Configure,
    now: BotProfile,
    person: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "dice_plugin.py").write_text(DICE)
    monkeypatch.syspath_prepend(tmp_path)
    boss, boris = Talk(await person("Boss")), Talk(await person("Борис", lang_code="ru"))
    async with open_bot(configure(plugins=["dice_plugin"], admins=[boss.id]), serve=True):
        assert "/dice – roll the dice" in (await boss.ask("/help")).splitlines()
        answer = (await boss.ask("/help")).splitlines()
        assert answer.index("/start – begin to play") < answer.index("/dice – roll the dice")
        assert answer.index("/link – " + TEXTS.render("en", "command-link")) < answer.index(
            "/fix – mend the dice"
        )
        answer = (await boris.ask("/help")).splitlines()
        assert "/dice – бросить кости" in answer
        assert not any("/fix" in line for line in answer)
        await until(lambda: ("default", "ru") in now.commands)
        for code, text in (("", "roll the dice"), ("ru", "бросить кости")):
            shown = now.commands["default", code]
            assert [one.command for one in shown] == [*COMMANDS, "dice"]
            assert (shown[0].description, shown[-1].description) == ("begin to play", text)
    async with open_bot(configure(handlers=["help", "start"]), serve=True):
        await until(lambda: names(now.commands, "default", "ru") == ["start", "help"])
        lines = [line for line in (await boris.ask("/help")).splitlines() if line.startswith("/")]
        assert lines == [f"/{name} – {TEXTS.render('ru', f'command-{name}')}" for name in ("start", "help")]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("'Dice', 'roll'", "'Dice' is not 1 to 32 of the characters"),
        ("'/dice', 'roll'", "'/dice' is not"),
        ("'dice', ''", r"text of the command dice \(en\) is empty"),
        ("'dice', {'en': 'roll', 'ru': 'x' * 257}", r"\(ru\) is empty or longer than 256"),
        ("'dice', {'ru': 'бросить'}", "dice has no text in English"),
    ],
)
async def test_a_command_that_telegram_does_not_take_is_told_at_the_start(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, reason: str
) -> None:
    (tmp_path / "wrong_dice.py").write_text(f"def register(client, *, commands):\n    commands.add({call})\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "wrong_dice", raising=False)
    with pytest.raises(PluginError, match=f"wrong_dice cannot be used: .*{reason}"):
        async with open_bot(configure(plugins=["wrong_dice"]), serve=True):
            pass


async def test_telegram_is_given_codes_of_two_letters_and_the_texts_nearest_to_each(
    configure: Configure, now: BotProfile, tmp_path: Path
) -> None:
    names = ("pt_BR", "iw", "zh-hant", "zh-hans", "en-GB", "tlh")
    texts = written(tmp_path / "own", **{name: f"profile-about = {name}" for name in names})
    async with open_bot(configure()) as bot:
        await started(bot, Manage.ALWAYS, texts).show()
    english = texts.render("en", "profile-about")
    assert {**now.abouts, "ru": ""} == {"": english, "ru": "", "pt": "pt_BR", "he": "iw", "zh": "zh-hans"}
