"""Write access over the wire: each reason is greeted once, and explained to admins."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import functions, types

from tests.scenarios.conftest import Configure, StartBot
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot, open_bot
from tgbot.core.access import Access, Kind
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox


@pytest.fixture
async def boss(person: Any) -> Talk:
    return Talk(await person("Boss"))


@pytest.fixture
async def bot(start_bot: StartBot, boss: Talk) -> Bot:
    return await start_bot(admins=[boss.id])


@pytest.mark.parametrize(
    ("reason", "greeting", "words"),
    [
        ({"domain": "example.com"}, "logged in on example.com", "when they logged in on example.com"),
        (
            {"app": types.BotAppNotModified()},
            "opened the mini app",
            "when they opened a mini app from a link",
        ),
        ({"attach_menu": True}, "attachment menu", "when they added me to their attachment menu"),
        ({"from_request": True}, "the mini app asked", "when a mini app asked"),
        ({}, "You allowed me to write to you.", "they allowed me to write"),
    ],
)
async def test_write_access_is_greeted_with_its_reason_and_told_to_admins(
    bot: Bot,
    boss: Talk,
    person: Any,
    sandbox: Sandbox,
    account: Account,
    reason: dict[str, Any],
    greeting: str,
    words: str,
) -> None:
    anna = Talk(await person("Anna"))
    sandbox.world.allow(account.id, anna.id, **reason)
    heard = await anna.hears()
    assert heard.startswith("Hello, Anna! You allowed me to write to you")
    assert greeting in heard
    user = bot.users.get(anna.id)
    assert user is not None
    evidence = user.last_evidence(Kind.WRITE_ACCESS)
    assert evidence is not None
    assert user.verdict(evidence.at + 10_000).access is Access.REACHABLE
    assert "login" in user.known_by
    answer = await boss.ask(f"/whois {anna.id}")
    assert "may I write: yes" in answer
    assert words in answer


async def test_a_mini_app_that_asks_for_it_over_the_wire(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    robot = await anna.client.get_input_entity("the_bot")
    assert not await anna.client(functions.bots.CanSendMessageRequest(robot))
    await anna.client(functions.bots.AllowSendMessageRequest(robot))
    assert "when the mini app asked" in await anna.hears()
    assert (await anna.ask("/start")).startswith("Hello, Anna!")


async def test_who_talked_with_the_bot_before_is_not_greeted_for_it(
    bot: Bot, person: Any, sandbox: Sandbox, account: Account
) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    sandbox.world.allow(account.id, anna.id, domain="example.com")
    assert await anna.said_nothing_before()
    user = bot.users.get(anna.id)
    assert user is not None
    assert user.last_evidence(Kind.WRITE_ACCESS) is not None


async def test_it_is_greeted_once_whatever_is_repeated(
    configure: Configure, person: Any, sandbox: Sandbox, account: Account
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        pass
    sandbox.world.allow(account.id, anna.id, domain="example.com")
    sandbox.world.allow(account.id, anna.id, domain="example.org")
    async with open_bot(configure(), serve=True) as bot:
        assert "example.com" in await anna.hears()
        await until(lambda: bot.users.last_finished(anna.id) >= 2)
        assert await anna.said_nothing_before()


async def test_who_blocked_the_bot_meanwhile_is_not_written_to(
    configure: Configure, person: Any, sandbox: Sandbox, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        pass
    sandbox.world.allow(account.id, anna.id, domain="example.com")
    sandbox.world.block(anna.id, account.id)
    caplog.set_level("INFO", "tgbot.handlers.allowed")
    async with open_bot(configure(), serve=True) as bot:
        await until(lambda: bot.users.last_finished(anna.id) >= 1)
        user = bot.users.get(anna.id)
        assert user is not None
        await until(lambda: user.verdict(bot.client.server_time()).access is Access.BLOCKED)
        assert bot.client.handler_errors == 0
