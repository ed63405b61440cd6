"""Names that strangers chose look the same in the chat, on the login page and on the command line."""

from __future__ import annotations

import asyncio
import html
import re
from html import escape
from typing import Any

import pytest

from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk
from tgbot import cli
from tgbot.app import open_bot
from tgbot.locales.texts import Texts
from tgbot.sandbox.server import Sandbox
from tgbot.web.page import Page

FAMILY = "👩🏻\u200d👩🏽\u200d👧🏿\u200d👦"
#: First and last name as somebody chose them → both as everybody reads them.
NAMES = [
    ("Anna", "Schmidt", "Anna", "Schmidt"),
    ("  Anna\n\tMaria\u2028", "\u2003S\r\n", "Anna Maria", "S"),
    ("\x1b[31mAnna\x1b[0m\x07", "\x9b2J", "[31mAnna [0m", "2J"),
    ("\u202eannA\u202c", "\u2066Sch\u200bmidt\u2069\ufeff", "annA", "Schmidt"),
    ("\0\0", "Schmidt", "", "Schmidt"),
    ("\u3164\u2800\ufffc", "\u200b\u00a0\U0001d159", "", ""),
    ("A" + "\u0300\u0301\u0302\u0303\u0304\u0305" * 40, "", "A\u0300\u0301\u0302\u0303", ""),
    ("ก" + "\u0e47" * 30, "Z", "ก" + "\u0e47" * 4, "Z"),
    ("x" * 300, "y" * 300, "x" * 63 + "…", "y" * 63 + "…"),
    ("x" * 60, "y" * 60, "x" * 60, "y" * 60),
    ("<b>&amp;</b>", "{ $name }", "<b>&amp;</b>", "{ $name }"),
    ("می\u200cخواهم", FAMILY, "می\u200cخواهم", FAMILY),
]


@pytest.mark.parametrize(("first", "last", "first_shown", "last_shown"), NAMES, ids=range(len(NAMES)))
async def test_a_name_is_cleaned_in_the_same_way_everywhere(
    configure: Configure,
    person: Any,
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    last: str,
    first_shown: str,
    last_shown: str,
) -> None:
    boss, anna = Talk(await person("Boss")), Talk(await person("Anna"))
    sandbox.world.set_name(anna.id, first, last)
    shown = " ".join(filter(None, (first_shown, last_shown)))
    hello = f"Hello, {first_shown}!" if first_shown else "Hello!"
    config = configure(admins=[boss.id])
    async with open_bot(config, serve=True):
        assert (await anna.ask("/start")).startswith(f"{hello} I am glad")
        for command in ("resolve", "check"):
            answer = await boss.ask(f"/{command} {anna.id}")
            assert answer.split("\n")[0] == f"👤 {shown or '(no name)'}"
        assert f"\nname: {shown or '(no name)'}\n" in await anna.ask("/privacy")

    page = Page(
        Texts.load(), name=first, username="the_bot", site="https://x.example", widget="https://x.example/y"
    )
    (heading,) = re.findall("<h1>(.*?)</h1>", page.done("en", first, greeted=True), re.DOTALL)
    assert html.unescape(heading) == (hello if first_shown else "You are logged in")
    assert f"{escape(first_shown or 'the_bot')} has just written to you" in page.done("en", "x", greeted=True)

    monkeypatch.setenv("TGBOT_STORAGE_DIRECTORY", str(config.storage.directory))
    capsys.readouterr()
    assert await asyncio.to_thread(cli.status, ["users", "list"]) == 0
    (row,) = [row for row in capsys.readouterr().out.split("\n") if row.startswith(str(anna.id))]
    assert row.endswith(f"  -  {shown or '-'}")
    assert await asyncio.to_thread(cli.status, ["users", "show", str(anna.id)]) == 0
    lines = [
        line for line in capsys.readouterr().out.split("\n") if "_name" in line.replace(" name", "_name")
    ]
    expected = {"first name": first_shown, "last name": last_shown}
    assert lines == [f"{field:<13} {name}" for field, name in expected.items() if name]


async def test_many_usernames_are_listed_in_full_on_the_command_line(
    configure: Configure,
    person: Any,
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    anna, names = Talk(await person("Anna")), [f"anna_{number:027d}" for number in range(100)]
    sandbox.world.set_usernames(anna.id, *names)
    config = configure()
    async with open_bot(config, serve=True):
        await anna.ask("/start")
    monkeypatch.setenv("TGBOT_STORAGE_DIRECTORY", str(config.storage.directory))
    capsys.readouterr()
    assert await asyncio.to_thread(cli.status, ["users", "list"]) == 0
    assert f" {' '.join(f'@{name}' for name in names)}  Anna\n" in capsys.readouterr().out
    assert await asyncio.to_thread(cli.status, ["users", "show", str(anna.id)]) == 0
    assert f"usernames     {', '.join(names)}\n" in capsys.readouterr().out
