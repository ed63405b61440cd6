"""Commands over the wire, as people type and copy them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk
from tgbot.app import Bot

#: What keyboards, apps and copied pages put between two words, or around them.
GAPS = [" ", "  ", "\n", "\t", " \n ", "\u00a0", "\u202f", "\u3000", "\u200b", " \u200b", "\u2060 ", "\ufeff"]
GAPS += ["\u200e ", " \u202a"]

#: The handler of the handbook, as it is written there.
HANDBOOK = """
from telethon import events

def register(client, **parts):
    @client.on(events.NewMessage(incoming=True, pattern=r"^/start( .+)?$"))
    async def start(event):
        payload = (event.pattern_match[1] or "").strip()
        await event.respond(f"payload: {payload}")
        raise events.StopPropagation
"""


@pytest.mark.parametrize("typed", ["/start", "/Start", "/START@The_Bot", "/start@the_bot"])
async def test_a_payload_is_read_after_any_gap_and_greeted(bot: Bot, person: Any, typed: str) -> None:
    for number, gap in enumerate(GAPS):
        anna = Talk(await person(f"Anna{number}"))
        assert (await anna.ask(f"{typed}{gap}promo-7{gap}")).startswith(f"Hello, Anna{number}!"), repr(gap)
        user = bot.users.get(anna.id)
        assert user is not None
        assert user.first_payload == "promo-7", repr(gap)


@pytest.mark.parametrize("payload", ["two words", "a=b", "привет", "x" * 65, "-\u00a0-"])
async def test_what_no_link_can_carry_is_no_payload_and_greeted_all_the_same(
    bot: Bot, person: Any, payload: str
) -> None:
    anna = Talk(await person("Anna"))
    assert (await anna.ask(f"/start {payload}")).startswith("Hello, Anna!")
    user = bot.users.get(anna.id)
    assert user is not None
    assert not user.first_payload
    assert user.is_first_start(0)


@pytest.mark.parametrize("typed", ["/HELP", "/Help@THE_BOT", "\u200e/help", "/help\u200b", "\ufeff/help\n"])
async def test_a_command_is_known_in_any_case_and_with_what_was_copied_with_it(
    bot: Bot, person: Any, typed: str
) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    assert (await anna.ask(typed)).startswith("Hello! I am a bot")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/Language", "Which language"),
        ("/PRIVACY\u200b", "I store what"),
        ("\u2060/forget\u00a0now", "Should I delete"),
        ("/Stats@The_Bot\n", "Users: "),
        ("/RESOLVE\u00a0@nobody_here", "I asked Telegram"),
        ("/link\u200bstart\u00a0spring", "In a browser: https://t.me/the_bot?start=spring"),
    ],
)
async def test_all_commands_have_one_grammar(
    start_bot: StartBot, person: Any, typed: str, answer: str
) -> None:
    boss = Talk(await person("Boss"))
    await start_bot(admins=[boss.id])
    assert (await boss.ask(typed)).startswith(answer)


async def test_a_command_under_a_picture_is_a_command(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.client.send_file(anna.chat, b"a picture", caption="/start promo-7", parse_mode=None)
    assert (await anna.hears()).startswith("Hello, Anna!")
    user = bot.users.get(anna.id)
    assert user is not None
    assert user.first_payload == "promo-7"


async def test_the_pattern_of_the_handbook_works_in_a_plugin_as_it_is_written(
    start_bot: StartBot, person: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "handbook_start.py").write_text(inspect.cleandoc(HANDBOOK))
    monkeypatch.syspath_prepend(tmp_path)
    await start_bot(plugins=["handbook_start"])
    anna = Talk(await person("Anna"))
    assert await anna.ask("/start promo-7") == "payload: promo-7"
    assert await anna.ask("/start") == "payload:"
    # Its own regex does not know these; the bot's greeting answers them.
    assert (await anna.ask("/Start\u00a0promo-7")).startswith("Welcome back, Anna!")
    assert await anna.ask("/start last") == "payload: last"
