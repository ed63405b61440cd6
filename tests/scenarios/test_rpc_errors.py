"""For each error with which Telegram refuses a call: what the user, the operator and the registry see."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from telethon import errors
from telethon.tl import functions

from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot
from tgbot.core.access import Access, Kind
from tgbot.sandbox.server import Sandbox

SEND, TYPING = "messages.sendMessage", "messages.setTyping"


class Refused(NamedTuple):
    """An error of Telegram's, and how the bot reacts to it."""

    code: int
    name: str
    access: Access
    kind: Kind
    operator: str


TABLE = (
    Refused(403, "USER_IS_BLOCKED", Access.BLOCKED, Kind.USER_IS_BLOCKED, "no, they blocked me"),
    Refused(400, "USER_IS_BLOCKED", Access.BLOCKED, Kind.USER_IS_BLOCKED, "no, they blocked me"),
    Refused(
        400,
        "INPUT_USER_DEACTIVATED",
        Access.DEACTIVATED,
        Kind.INPUT_USER_DEACTIVATED,
        "no, the account is deleted",
    ),
    Refused(400, "PEER_ID_INVALID", Access.NOT_ALLOWED, Kind.PEER_ID_INVALID, "no, they never allowed it"),
    Refused(400, "USER_IS_BOT", Access.BOT, Kind.USER_IS_BOT, "no, a bot cannot write to bots"),
    Refused(403, "USER_BOT_TO_BOT_DISABLED", Access.BOT, Kind.USER_IS_BOT, "no, a bot cannot write to bots"),
    Refused(
        403, "CHAT_WRITE_FORBIDDEN", Access.NOT_ALLOWED, Kind.CHAT_WRITE_FORBIDDEN, "CHAT_WRITE_FORBIDDEN"
    ),
)
#: Errors that only messages are refused with.
MESSAGES = (
    Refused(
        403,
        "PRIVACY_PREMIUM_REQUIRED",
        Access.NOT_ALLOWED,
        Kind.PRIVACY_PREMIUM_REQUIRED,
        "PRIVACY_PREMIUM_REQUIRED",
    ),
    Refused(
        403,
        "ALLOW_PAYMENT_REQUIRED_7",
        Access.NOT_ALLOWED,
        Kind.ALLOW_PAYMENT_REQUIRED,
        "ALLOW_PAYMENT_REQUIRED, 7 stars",
    ),
    Refused(400, "YOU_BLOCKED_USER", Access.NOT_ALLOWED, Kind.YOU_BLOCKED_USER, "YOU_BLOCKED_USER"),
)


def ids(refused: Refused) -> str:
    return f"{refused.code}-{refused.name}"


@pytest.fixture
async def boss(person: Any) -> Talk:
    return Talk(await person("Boss"))


@pytest.fixture
async def bot(start_bot: StartBot, boss: Talk) -> Bot:
    return await start_bot(admins=[boss.id])


@pytest.fixture
async def anna(bot: Bot, person: Any) -> Talk:
    talk = Talk(await person("Anna"))
    await talk.ask("/start")
    return talk


@pytest.mark.parametrize("refused", TABLE, ids=ids)
async def test_a_refused_probe(bot: Bot, boss: Talk, anna: Talk, sandbox: Sandbox, refused: Refused) -> None:
    sandbox.faults.fail(TYPING, refused.code, refused.name)
    verdict = await bot.sender.can_write(anna.id, probe=True)
    assert (verdict.access, verdict.evidence and verdict.evidence.kind) == (refused.access, refused.kind)
    assert refused.operator in await boss.ask(f"/whois {anna.id}")
    sandbox.faults.fail(TYPING, refused.code, refused.name)
    assert refused.operator in await boss.ask(f"/check {anna.id}")
    assert await anna.said_nothing_before()


@pytest.mark.parametrize("refused", TABLE + MESSAGES, ids=ids)
async def test_a_refused_message(
    bot: Bot, boss: Talk, anna: Talk, sandbox: Sandbox, refused: Refused
) -> None:
    sandbox.faults.fail(SEND, refused.code, refused.name)
    with pytest.raises(errors.RPCError):
        await bot.sender.send(anna.id, "news")
    verdict = await bot.sender.can_write(anna.id)
    assert (verdict.access, verdict.evidence and verdict.evidence.kind) == (refused.access, refused.kind)
    assert refused.operator in await boss.ask(f"/whois {anna.id}")
    assert await anna.said_nothing_before()  # Her next message is still answered.


@pytest.mark.parametrize("refused", TABLE + MESSAGES, ids=ids)
async def test_a_refused_answer_is_a_line_in_the_log_and_no_failure(
    bot: Bot, anna: Talk, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, refused: Refused
) -> None:
    caplog.set_level("INFO", "tgbot.messaging.sender")
    sandbox.faults.fail(SEND, refused.code, refused.name, account=bot.client.me.id)
    await anna.say("/help")
    await until(lambda: refused.name in caplog.text)
    verdict = await bot.sender.can_write(anna.id)
    assert (verdict.access, verdict.evidence and verdict.evidence.kind) == (refused.access, refused.kind)
    assert bot.client.handler_errors == 0
    assert await anna.said_nothing_before()


async def test_random_id_duplicate_counts_as_sent(bot: Bot, anna: Talk, sandbox: Sandbox) -> None:
    sandbox.faults.fail(SEND, 500, "RANDOM_ID_DUPLICATE", after=True, account=bot.client.me.id)
    await bot.sender.send(anna.id, "news")
    assert await anna.hears() == "news"
    assert (await bot.sender.can_write(anna.id)).access is Access.REACHABLE
    assert await anna.said_nothing_before()


async def test_a_short_flood_wait_is_waited_for(bot: Bot, anna: Talk, sandbox: Sandbox) -> None:
    sandbox.faults.fail(SEND, 420, "FLOOD_WAIT_1", account=bot.client.me.id)
    await bot.sender.send(anna.id, "news")
    assert await anna.hears() == "news"
    assert (await bot.sender.can_write(anna.id)).access is Access.REACHABLE


async def test_a_long_flood_wait_is_told_and_says_nothing_of_access(
    bot: Bot, boss: Talk, anna: Talk, sandbox: Sandbox
) -> None:
    sandbox.faults.fail(SEND, 420, "FLOOD_WAIT_900", account=bot.client.me.id)
    with pytest.raises(errors.FloodWaitError):
        await bot.sender.send(anna.id, "news")
    sandbox.faults.fail(TYPING, 420, "FLOOD_WAIT_900", account=bot.client.me.id)
    with pytest.raises(errors.FloodWaitError):
        await bot.sender.can_write(anna.id, probe=True)
    assert (await bot.sender.can_write(anna.id)).access is Access.REACHABLE
    assert "ask again in" in await boss.ask(f"/check {anna.id}")


async def test_after_an_unblock_the_bot_knows_that_old_messages_may_be_gone(
    bot: Bot, boss: Talk, anna: Talk
) -> None:
    user = bot.users.get(anna.id)
    assert user is not None
    assert user.history_cleared is None
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    await until(lambda: user.verdict(bot.client.server_time()).access is Access.BLOCKED)
    assert user.history_cleared is None  # The bot reports it when they are back.
    assert "may not see older messages" not in await boss.ask(f"/whois {anna.id}")
    await anna.client(functions.contacts.UnblockRequest(anna.chat))
    await until(lambda: user.history_cleared is not None)
    assert "apps clear the chat then, so they may not see older messages" in await boss.ask(
        f"/resolve {anna.id}"
    )
