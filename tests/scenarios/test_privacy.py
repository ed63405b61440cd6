"""/privacy and /forget over the wire: what is kept is shown, and deleted when the user says so."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import functions

from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, now_reads, press, until
from tests.store.contracts import parked
from tgbot.app import Bot, open_bot
from tgbot.core.access import Access
from tgbot.core.talks import KeptTalk, Step
from tgbot.store.base import Planned
from tgbot.store.sqlite.userfile import SqliteRegistry


async def forgets(talk: Talk, label: str = "Delete it") -> str:
    """Send /forget, press a button, and return the text of the message afterwards."""
    await talk.say("/forget")
    asked = await talk.hears_message()
    await press(talk, asked, label)
    return str((await now_reads(talk, asked)).message)


async def test_the_record_is_shown_in_plain_words(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna", "Schmidt", lang_code="en", system_lang_code="en"))
    await anna.client(functions.account.UpdateUsernameRequest("anna_s"))
    await anna.ask("/start spring")
    await anna.client(functions.account.UpdateProfileRequest(first_name="Anne"))
    answer = (await anna.ask("/privacy")).split("\n")
    assert answer[0].startswith("I store what Telegram tells me about you")
    assert "I do not store the text of messages" in answer[0]
    for line in (
        "name: Anne Schmidt",
        f"id: {anna.id}",
        "usernames: @anna_s",
        "language of your app: en",
        "links that brought you here: first spring, last spring",
        "a number from Telegram that lets me write to you",
        "1 earlier value:",
    ):
        assert line in answer
    for beginning in (
        "first seen: just now",
        "last seen: just now",
        "I have been allowed to write to you since: just now",
    ):
        assert any(line.startswith(beginning) for line in answer), beginning
    assert any(line.startswith("how I know you: ") and "a message (" in line for line in answer)
    assert any(line.endswith("first name was Anna") for line in answer)
    assert answer[-1] == "/forget deletes all of it."


async def test_the_record_is_shown_in_the_users_language(bot: Bot, person: Any) -> None:
    boris = Talk(await person("Борис", lang_code="ru", system_lang_code="ru"))
    answer = await boris.ask("/privacy")
    assert answer.startswith("Я храню то, что Telegram сообщает мне о вас")
    assert "имя: Борис" in answer


async def test_a_wish_for_no_news_outlives_a_restart_and_ends_with_forget(
    configure: Configure, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    line = "you asked me not to send you news"
    async with open_bot(configure(), serve=True):
        await anna.say("/stop_news")
        shown = await anna.hears_message()
        assert (await press(anna, shown, "Send me news again")).message.startswith("Done.")
        shown = await now_reads(anna, shown)
        assert shown.message.startswith("You will get news from me.")
        assert (await press(anna, shown, "No more news")).message.startswith("Done. No more news.")
    async with open_bot(configure(), serve=True) as bot:
        assert line in (await anna.ask("/privacy")).split("\n")
        assert access(bot, anna) is Access.REACHABLE
        await forgets(anna)
        await until(lambda: bot.users.get(anna.id) is None)
        assert line not in (await anna.ask("/privacy")).split("\n")


async def test_forget_deletes_everything_once_it_is_confirmed(
    configure: Configure, person: Any, tmp_path: Path
) -> None:
    anna = Talk(await person("Anna"))
    await anna.client(functions.account.UpdateUsernameRequest("anna_s"))
    async with open_bot(configure(), serve=True) as bot:
        await anna.ask("/start spring")
        assert await forgets(anna, "Keep it") == "Nothing was deleted."
        assert bot.users.get(anna.id) is not None
        assert (await forgets(anna)).startswith("Everything is deleted.")
        await until(lambda: bot.users.get(anna.id) is None)
        await until(lambda: bot.client.session.access_hash(anna.id) is None)
        assert bot.client.session.username("anna_s") is None
    for file in ("bot.session", "users.sqlite"):
        texts = everything_in(tmp_path / "sessions" / file)
        assert "Anna" not in texts
        assert "anna_s" not in texts
        assert "spring" not in texts
    async with open_bot(configure(), serve=True) as bot:
        assert bot.users.get(anna.id) is None
        assert (await anna.ask("/start")).startswith("Hello, Anna!")  # The bot does not know her any more.
        user = bot.users.get(anna.id)
        assert user is not None
        assert (user.first_payload, user.first_name) == ("", "Anna")


async def test_updates_that_are_parked_are_told_of_and_forgotten(
    configure: Configure, person: Any, tmp_path: Path
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        await anna.ask("/start")
    registry = SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=lambda: 1_000)
    mine: dict[str, Any] = {"dialog": anna.id, "user": anna.id, "trace": "planted", "parked_at": 2**31}
    for number in (1, 2):
        registry.parked.park(parked(f"m{anna.id}:{number}", **mine))
    registry.parked.park(parked("m1:1", parked_at=2**31))
    await registry.flush()
    registry.close()
    async with open_bot(configure(), serve=True) as bot:
        answer = await anna.ask("/privacy")
        assert "your messages or events that I failed to handle and keep for another try: 2" in answer
        assert (await forgets(anna)).startswith("Everything is deleted.")
        assert bot.parked(anna.id) == 0
        assert "failed to handle and keep" not in await anna.ask("/privacy")
    texts = everything_in(tmp_path / "sessions" / "users.sqlite")
    assert "planted" not in texts
    assert "m1:1" in texts


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_what_plugins_keep_and_plan_is_told_in_words_and_forgotten(
    configure: Configure, person: Any, tmp_path: Path, language: str
) -> None:
    anna = Talk(await person("Anna", lang_code=language, system_lang_code=language))
    async with open_bot(configure(), serve=True) as bot:
        await anna.ask("/start")
        users = bot.users
        assert isinstance(users, SqliteRegistry)
        users.keep_data(anna.id, "shop", {"cart": ["Молоко"], "note": "planted" * 200})
        steps = tuple([Step("ask", done=True, value=f"planted {number}") for number in range(2)])
        users.keep_talk(anna.id, anna.id, KeptTalk("order", "m1:5", 1_700_000_000, steps=steps))
        users.keep_talk(anna.id, -100, KeptTalk("quiz", "m1:6", 1_700_000_000))
        users.keep_talk(anna.id, -200, KeptTalk("poll", "m1:7", 1_700_000_000, over=True))
        for number in range(5):
            users.planned.plan(Planned(f"{number}", 4_000_000_000, "shop.remind", anna.id, '"planted"'))
        users.planned.plan(Planned("another's", 4_000_000_000, "shop.remind", 7))
        await bot.checkpoint()
        answer = (await anna.ask("/privacy")).split("\n")
        (data,) = [line for line in answer if "Молоко" in line]
        assert data.endswith("…")
        assert len(data) < 400
        expected = {
            "en": [
                'kept by shop: {"cart":["Молоко"],"note":"planted',
                "our conversation order, begun ",
                "our conversation quiz, begun ",
                "our conversation poll, begun ",
                "planned for you: 5 (shop.remind), the next on 2096-10-02 07:06 UTC",
            ],
            "ru": [
                'данные, которые хранит shop: {"cart":["Молоко"],"note":"planted',
                "наш разговор order (начат ",
                "наш разговор quiz (начат ",
                "наш разговор poll (начат ",
                "запланировано для вас: 5 (shop.remind), ближайшее на 2096-10-02 07:06 UTC",
            ],
        }
        found = [[line for line in answer if line.startswith(words)] for words in expected[language]]
        assert [len(lines) for lines in found] == [1] * 5
        endings = {
            "en": (": 2 answers", ": no answers yet", "only the number of its last message is kept"),
            "ru": (": 2 ответа", ": ответов пока нет", "хранится только номер последнего сообщения в нём"),
        }
        for lines, ending in zip(found[1:4], endings[language], strict=True):
            assert lines[0].endswith(ending)
        await forgets(anna, "Delete it" if language == "en" else "Удалить")
        await until(lambda: bot.users.get(anna.id) is None)
        after = await anna.ask("/privacy")
        assert not any(
            word in after for word in ("shop", "order", "quiz", "poll", "planned", "запланировано")
        )
        assert await bot.planned(anna.id) == []
        assert len(await bot.planned(7)) == 1
    texts = everything_in(tmp_path / "sessions" / "users.sqlite")
    assert "planted" not in texts
    assert "another's" in texts


async def test_a_standing_block_outlives_being_forgotten(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    await anna.say("/forget")
    asked = await anna.hears_message()
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    await until(lambda: access(bot, anna) is Access.BLOCKED)
    pressing = asyncio.create_task(press(anna, asked, "Delete it"))
    await until(lambda: (user := bot.users.get(anna.id)) is not None and not user.known_by)
    pressing.cancel()
    user = bot.users.get(anna.id)
    assert user is not None
    assert (user.first_name, user.history, user.known_by) == ("", (), {})
    assert access(bot, anna) is Access.BLOCKED


def access(bot: Bot, talk: Talk) -> Access:
    user = bot.users.get(talk.id)
    return user.verdict(bot.client.server_time()).access if user else Access.UNKNOWN


def everything_in(path: Path) -> str:
    with sqlite3.connect(path) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [str(row) for table in tables for row in database.execute(f'SELECT * FROM "{table}"')]
    database.close()
    return "\n".join(rows)
