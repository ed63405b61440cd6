"""Answers that are longer than one message of Telegram's, over the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from telethon.errors import MessageEmptyError
from telethon.tl import types

from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk, now_reads, press
from tgbot.app import Bot
from tgbot.messaging.lengths import length
from tgbot.sandbox.server import Sandbox

NAMES = [f"a_rather_long_username_{number:07d}" for number in range(300)]


@pytest.fixture
async def boss(person: Any) -> Talk:
    return Talk(await person("Boss"))


async def hears_all(talk: Talk, end: str) -> list[str]:
    """Return the texts of the next messages up to the one that contains `end`."""
    heard = [await talk.hears()]
    while end not in heard[-1]:
        heard.append(await talk.hears())
    assert all(length(text) <= 4096 for text in heard)
    return heard


async def test_a_person_with_many_usernames_is_described_in_full(
    start_bot: StartBot, boss: Talk, person: Any, sandbox: Sandbox
) -> None:
    bot = await start_bot(admins=[boss.id])
    anna = Talk(await person("Anna"))
    sandbox.world.set_usernames(anna.id, *NAMES)
    await anna.ask("/start")
    for command in (f"/resolve {anna.id}", f"/whois {anna.id}", f"/check @{NAMES[0]}"):
        await boss.say(command)
        heard = await hears_all(boss, "found: in my session")
        assert len(heard) > 2
        assert [name for name in NAMES if f"@{name}" not in " ".join(heard)] == []
    await anna.say("/privacy")
    heard = await hears_all(anna, "/forget deletes all of it")
    assert [name for name in NAMES if f"@{name}" not in " ".join(heard)] == []
    assert not bot.client.handler_errors


async def test_long_texts_of_ones_own_are_cut_at_lines_and_the_buttons_come_last(
    start_bot: StartBot, boss: Talk, tmp_path: Path
) -> None:
    own, lines = (
        tmp_path / "texts",
        [f"/command{number} – does the thing of that number" for number in range(300)],
    )
    own.mkdir()
    (own / "en.ftl").write_text(
        "help =\n    " + "\n    ".join(lines) + "\n"
        "start-hello = " + ("👋" * 900 + " { $name } ") * 4 + "end\n"
        "forget-sure = " + "sure? " * 1000 + "\n"
        "forget-kept = " + "kept " * 1000 + "\n"
        "stats = " + ("x" * 900 + "{ $total }") * 6 + " end\n"
        "language-chosen = " + "chosen " * 60 + "\n"
    )
    bot = await start_bot(admins=[boss.id], texts=str(own))
    await boss.say("/start")
    greeting = await hears_all(boss, "end")
    assert " ".join(greeting) == ("👋" * 900 + " Boss ") * 4 + "end"
    await boss.say("/help")
    heard = await hears_all(boss, "/link")
    assert "\n".join(heard).split("\n")[:300] == lines
    await boss.say("/stats")
    assert "".join(await hears_all(boss, "end")) == ("x" * 900 + "1") * 6 + " end"
    await boss.say("/forget")
    first, asked = await boss.hears_message(), await boss.hears_message()
    assert (first.buttons, bool(asked.buttons)) == (None, True)
    await press(boss, asked, "Keep it")
    kept = (await now_reads(boss, asked)).message
    assert (kept[-5:], length(kept) <= 4096) == ("kept…", True)
    await boss.say("/language")
    notice = await press(boss, await boss.hears_message(), "English")
    assert (notice.message[-7:], length(notice.message) <= 200) == ("chosen…", True)
    assert not bot.client.handler_errors


async def test_what_a_plugin_sends_in_html_keeps_its_entities_over_a_cut(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    line = "👋 <b>bold</b> <a href='https://example.org/'>link</a> &amp;\n"
    sent = await bot.sender.send(anna.id, line * 300 + "<i>end</i>", parse_mode="html")
    heard = [await anna.hears_message()]
    while heard[-1].id != sent.id:
        heard.append(await anna.hears_message())
    assert "\n".join(message.message for message in heard) == "👋 bold link &\n" * 300 + "end"
    bold = [text for message in heard for _, text in message.get_entities_text(types.MessageEntityBold)]
    links = [one for message in heard for one in message.get_entities_text(types.MessageEntityTextUrl)]
    assert len(heard) > 1
    assert bold == ["bold"] * 300
    assert {(entity.url, text) for entity, text in links} == {("https://example.org/", "link")}


async def test_a_caption_is_cut_and_the_file_comes_first(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    await bot.sender.send(anna.id, "word " * 400, file=b"a file")
    first, second = await anna.hears_message(), await anna.hears_message()
    assert (first.media is not None, second.media) == (True, None)
    assert f"{first.message} {second.message}" == ("word " * 400).strip()


async def test_a_text_of_white_space_is_refused_by_telegram_however_long(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    for text in (" ", " \n" * 5000):
        with pytest.raises(MessageEmptyError):
            await bot.sender.send(anna.id, text)


async def test_a_long_answer_that_is_replayed_is_not_said_twice(
    start_bot: StartBot, boss: Talk, sandbox: Sandbox
) -> None:
    bot = await start_bot(admins=[boss.id])
    sandbox.world.set_usernames(boss.id, *NAMES)
    await boss.ask("/start")
    sandbox.faults.fail("messages.sendMessage", 500, "INTERNAL", after=True)
    await boss.say("/privacy")
    heard = await hears_all(boss, "/forget deletes all of it")
    assert [name for name in NAMES if " ".join(heard).count(f"@{name}") != 1] == []
    assert not bot.client.handler_errors
