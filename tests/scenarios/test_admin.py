"""Admin commands over the wire: /resolve, /whois, /check, /stats."""

from __future__ import annotations

import time
from typing import Any

import pytest
from telethon.tl import functions, types

from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk
from tgbot.app import Bot
from tgbot.messaging.resolve import DAY
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.store.sqlite.session import RESOLVES_A_DAY

HELP = "Hello! I am a bot"


@pytest.fixture
async def boss(person: Any) -> Talk:
    return Talk(await person("Boss"))


@pytest.fixture
async def bot(start_bot: StartBot, boss: Talk) -> Bot:
    return await start_bot(admins=[boss.id])


@pytest.fixture
async def anna(person: Any) -> Talk:
    talk = Talk(await person("Anna", "Schmidt"))
    await talk.client(functions.account.UpdateUsernameRequest("anna_s"))
    return talk


async def test_a_user_who_wrote_is_resolved_from_the_session_in_every_form(
    bot: Bot, boss: Talk, anna: Talk
) -> None:
    await anna.ask("/start")
    for what in (
        "@anna_s",
        "anna_s",
        "t.me/anna_s",
        "https://t.me/anna_s",
        "tg://resolve?domain=anna_s",
        anna.id,
    ):
        answer = (await boss.ask(f"/resolve {what}")).split("\n")
        assert answer[:3] == ["👤 Anna Schmidt", f"id: {anna.id}", "usernames: @anna_s"]
        assert any(line.startswith("may I write: yes, since just now") for line in answer)
        assert any("in my session" in line for line in answer)
    assert bot.client.session.resolves_today() == 0


@pytest.mark.parametrize(
    "pasted",
    [
        "«https://t.me/anna_s».",
        "\u200e@anna_s\u200b,",
        "(T.ME/anna_s/17)",
        "https://t.me/anna_s?start=a%20b",
        "https://t.me/anna_s?startgroup&admin=fly",
        "tg://resolve?domain=anna_s&post=0&x",
        "https://anna_s.t.me/",
        "https%3A%2F%2Ft.me%2Fanna_s",
        "https://web.telegram.org/k/#@anna_s",
    ],
)
@pytest.mark.parametrize("command", ["resolve", "check"])
async def test_an_address_is_read_as_it_was_pasted(
    bot: Bot, boss: Talk, anna: Talk, command: str, pasted: str
) -> None:
    await anna.ask("/start")
    assert f"id: {anna.id}" in await boss.ask(f"/{command} {pasted}")


@pytest.mark.parametrize(
    ("pasted", "answer"),
    [
        ("+7 999 123-45-67", "“+7 999 123-45-67” is a phone number"),
        ("https://t.me/+79991234567", "“https://t.me/+79991234567” is a phone number"),
        ("https://t.me/+AbCd-1", "“https://t.me/+AbCd-1” is an invitation to a chat"),
        ("https://t.me/addstickers/cats", "I cannot read “https://t.me/addstickers/cats”"),
        ("https://t.me/c/1234567/5", "I have never met https://t.me/c/1234567/5"),
    ],
)
async def test_what_names_no_person_is_told_as_what_it_is(
    bot: Bot, boss: Talk, pasted: str, answer: str
) -> None:
    assert (await boss.ask(f"/resolve {pasted}")).startswith(answer)


async def test_a_user_never_met_is_asked_of_telegram_once(bot: Bot, boss: Talk, anna: Talk) -> None:
    answer = await boss.ask("/resolve @anna_s")
    assert f"id: {anna.id}" in answer
    assert "asked Telegram just now" in answer
    assert "may I write: unknown" in answer
    assert "in my session" in await boss.ask("/resolve @anna_s")
    assert bot.client.session.resolves_today() == 1
    user = bot.users.get(anna.id)
    assert user is not None
    assert "username" in user.known_by


async def test_a_name_older_than_a_day_that_moved_is_the_new_owners(
    bot: Bot, boss: Talk, anna: Talk, person: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.world.profiles.announced = False
    await anna.ask("/start")
    await anna.client(functions.account.UpdateUsernameRequest("anna_moved"))
    bert = Talk(await person("Bert"))
    await bert.client(functions.account.UpdateUsernameRequest("anna_s"))
    assert f"id: {anna.id}" in await boss.ask("/resolve @anna_s")
    late = time.time() + DAY + 60
    monkeypatch.setattr(bot.peers, "_clock", lambda: late)
    answer = await boss.ask("/resolve @anna_s")
    assert f"id: {bert.id}" in answer
    assert "usernames: @anna_s" in answer
    assert "@anna_s" not in await boss.ask(f"/resolve {anna.id}")


async def test_past_the_budget_the_session_answers_with_the_age(
    bot: Bot, boss: Talk, anna: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await anna.ask("/start")
    for _ in range(RESOLVES_A_DAY):
        bot.client.session.count_resolve()
    late = time.time() + 2 * DAY + 60
    monkeypatch.setattr(bot.peers, "_clock", lambda: late)
    answer = await boss.ask("/resolve @anna_s")
    assert f"id: {anna.id}" in answer
    assert "2 days ago" in answer
    assert "used up" in answer
    assert "used up" in await boss.ask("/resolve @never_seen")
    assert bot.client.session.resolves_today() == RESOLVES_A_DAY


async def test_a_plugins_own_resolve_counts_too(bot: Bot, boss: Talk, anna: Talk) -> None:
    await bot.client(functions.contacts.ResolveUsernameRequest("anna_s"))
    assert f"1 of {RESOLVES_A_DAY}" in await boss.ask("/stats")


async def test_a_name_that_nobody_has_and_an_id_never_met_say_what_was_tried(bot: Bot, boss: Talk) -> None:
    assert "I asked Telegram" in await boss.ask("/resolve @nobody_at_all")
    answer = await boss.ask("/resolve 5999999999")
    assert "never met 5999999999" in answer
    assert "session" in answer
    assert "access hash" in answer


async def test_channels_groups_and_bots_are_answered_as_what_they_are(
    bot: Bot, boss: Talk, sandbox: Sandbox
) -> None:
    sandbox.world.new_channel("Daily", "daily_news")
    sandbox.world.new_channel("Chatter", "chatter_box", megagroup=True)
    robot = sandbox.new_bot("robot_bot")
    for name, first in (
        ("daily_news", "📣 Daily – a channel"),
        ("chatter_box", "👥 Chatter – a group"),
        (robot.username, "🤖"),
    ):
        for _ in range(2):
            assert (await boss.ask(f"/resolve @{name}")).startswith(first)
    assert "a bot cannot write to bots" in await boss.ask(f"/check @{robot.username}")


async def test_whois_in_reply_to_a_forward_finds_the_author(
    bot: Bot, boss: Talk, anna: Talk, sandbox: Sandbox
) -> None:
    await anna.ask("/start")
    header = types.MessageFwdHeader(date=int(time.time()), from_id=types.PeerUser(anna.id))
    assert f"id: {anna.id}" in await whois_of(sandbox, bot, boss, header)


async def test_whois_in_reply_to_a_hidden_forward_says_so(bot: Bot, boss: Talk, sandbox: Sandbox) -> None:
    header = types.MessageFwdHeader(date=int(time.time()), from_name="Shy One")
    answer = await whois_of(sandbox, bot, boss, header)
    assert "hides" in answer
    assert "“Shy One”" in answer


async def whois_of(sandbox: Sandbox, bot: Bot, boss: Talk, header: Any) -> str:
    """Let the admin forward a message to the bot and ask in reply who wrote it; return the answer."""
    await boss.ask("/start")
    forwarded = sandbox.world.send_as(boss.id, bot.client.me.id, "forwarded", fwd_from=header)
    return await boss.ask("/whois", reply_to=forwarded.id)


async def test_check_asks_now_and_records_the_answer(bot: Bot, boss: Talk, anna: Talk) -> None:
    await anna.ask("/start")
    assert "may I write: yes" in await boss.ask("/check @anna_s")
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    answer = await boss.ask(f"/check {anna.id}")
    assert "may I write: no, they blocked me" in answer
    answer = await boss.ask(f"/whois {anna.id}")
    assert "may I write: no, they blocked me" in answer


async def test_blocks_and_checks_within_a_second_end_as_the_last_one_says(
    bot: Bot, boss: Talk, anna: Talk
) -> None:
    await anna.ask("/start")
    for _ in range(3):
        await anna.client(functions.contacts.BlockRequest(anna.chat))
        assert "may I write: no, they blocked me" in await boss.ask(f"/check {anna.id}")
        await anna.client(functions.contacts.UnblockRequest(anna.chat))
        assert "may I write: yes" in await boss.ask(f"/check {anna.id}")
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    assert "may I write: no, they blocked me" in await boss.ask(f"/check {anna.id}")
    assert "may I write: no, they blocked me" in await boss.ask(f"/whois {anna.id}")


async def test_check_notices_a_deleted_account_and_one_that_never_wrote(
    bot: Bot, boss: Talk, anna: Talk, person: Any, sandbox: Sandbox
) -> None:
    await anna.ask("/start")
    sandbox.world.delete_account(anna.id)
    assert "the account is deleted" in await boss.ask(f"/check {anna.id}")
    shy = await person("Shy")
    await shy(functions.account.UpdateUsernameRequest("shy_one"))
    assert "they never allowed it" in await boss.ask("/check @shy_one")


async def test_a_probe_that_telegram_puts_off_says_so_and_changes_nothing(
    bot: Bot, boss: Talk, anna: Talk, sandbox: Sandbox
) -> None:
    await anna.ask("/start")
    sandbox.faults.fail("messages.setTyping", 420, "FLOOD_WAIT_900")
    assert "ask again in 900 s" in await boss.ask("/check @anna_s")
    assert "may I write: yes" in await boss.ask("/whois @anna_s")


async def test_stats_count_everybody_by_access(bot: Bot, boss: Talk, anna: Talk) -> None:
    await anna.ask("/start")
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    await boss.ask(f"/check {anna.id}")
    answer = (await boss.ask("/stats")).split("\n")
    assert answer[:3] == ["Users: 2", "reachable: 1", "blocked me: 1"]


async def test_for_everybody_else_the_commands_do_not_exist(bot: Bot, anna: Talk) -> None:
    await anna.ask("/start")
    for command in ("/stats", f"/resolve {anna.id}", "/whois", f"/check {anna.id}"):
        assert (await anna.ask(command)).startswith(HELP)


async def test_an_admin_is_answered_in_russian(start_bot: StartBot, person: Any) -> None:
    boss = Talk(await person("Борис", lang_code="ru", system_lang_code="ru"))
    await start_bot(admins=[boss.id])
    assert (await boss.ask("/stats")).startswith("Пользователей: 1")
    assert "можно ли писать: да" in await boss.ask(f"/whois {boss.id}")


async def test_admins_are_told_when_telegram_has_lost_updates(
    bot: Bot, boss: Talk, anna: Talk, sandbox: Sandbox, account: Account
) -> None:
    await boss.ask("/start")
    sandbox.faults.withhold(account.id)
    await anna.say("/start")
    sandbox.faults.fail("messages.getMessages", 400, "MSG_ID_INVALID", times=1_000)
    sandbox.faults.differences_too_long(True)
    sandbox.faults.drop(account.id)
    assert (await boss.hears()).startswith("⚠️ Telegram no longer had all updates")
    sandbox.faults.clear()
    assert (await boss.ask("/stats")).startswith("Users: ")
