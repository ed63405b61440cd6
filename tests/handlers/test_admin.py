"""What admins read, in whole texts; from an app: scenarios/test_admin.py."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types

from tests.handlers.conftest import TEXTS, Desk
from tests.store.memory import MemoryRegistry
from tgbot.core.access import Access, Evidence, Kind
from tgbot.handlers import admin, help
from tgbot.handlers.wording import Words, dashed

NOW = 1_700_000_000


@pytest.fixture
async def boss(desk: Desk) -> int:
    """An admin; the bot is open."""
    boss = desk.meet("Boss")
    await desk.open(admin, help, admins=frozenset({boss}))
    return boss


def reply_to(message_id: int, **fields: Any) -> dict[str, Any]:
    return {"reply_to": types.MessageReplyHeader(reply_to_msg_id=message_id, **fields)}


def forward(desk: Desk, **fields: Any) -> types.MessageFwdHeader:
    return types.MessageFwdHeader(date=desk.world.date(), **fields)


async def test_whois_tells_name_names_language_access_and_how_it_is_known(desk: Desk, boss: int) -> None:
    anna = desk.meet("Anna", "S", username="anna")
    desk.language(anna, "de")
    await desk.says(anna, "/start", date=desk.world.date() - 3 * 86_400)
    for text in ("@anna", "t.me/anna", "tg://resolve?domain=anna", str(anna)):
        lines = (await desk.asks(boss, f"/whois {text}")).split("\n")
        assert lines[:4] == ["👤 Anna S", f"id: {anna}", "usernames: @anna", "language: de"]
        assert lines[4].startswith("may I write: yes, since 3 days ago (")
        assert lines[4].endswith("UTC) – Telegram accepted a message")
        assert "in my session" in lines[-1]


def test_every_kind_of_evidence_and_access_has_words() -> None:
    users = MemoryRegistry(clock=lambda: NOW)
    for number, kind in enumerate(Kind, start=5000):
        users.record(number, Evidence(kind, NOW - 10, until=NOW + 100 if kind is Kind.JOIN_REQUEST else None))
    for language in TEXTS.languages:
        for number, _ in enumerate(Kind, start=5000):
            lines = admin.person(Words(TEXTS, language), users.get(number), NOW)
            assert not any("{" in line or "()" in line or "1970" in line for line in lines)
        for access in Access:
            assert TEXTS.render(language, dashed("access", access))


async def test_a_verdict_that_runs_out_says_until_when(desk: Desk, boss: int) -> None:
    bert = desk.meet("Bert")
    await desk.says(bert, action=types.MessageActionContactSignUp())
    desk.users.record(bert, Evidence(Kind.JOIN_REQUEST, int(desk.parts.clock()) - 60, 1, 1_999_999_980))
    assert "until 2033-05-18 03:33 UTC" in await desk.asks(boss, f"/whois {bert}")


async def test_whois_in_reply_to_a_forward_finds_its_author(desk: Desk, boss: int) -> None:
    anna = desk.meet()
    await desk.says(anna, "hi")
    number, _ = await desk.sends(boss, "x", fwd_from=forward(desk, from_id=types.PeerUser(anna)))
    assert f"id: {anna}" in await desk.asks(boss, "/whois", **reply_to(number))


async def test_a_hidden_forward_says_so_and_what_was_tried(desk: Desk, boss: int) -> None:
    number, _ = await desk.sends(boss, "x", fwd_from=forward(desk, from_name="Some\u202e Body"))
    answer = await desk.asks(boss, "/whois", **reply_to(number))
    assert "hides" in answer
    assert "“Some Body”" in answer
    assert "I looked at the forwarded message" in answer


async def test_whois_in_reply_across_chats_finds_the_author(desk: Desk, boss: int) -> None:
    bert = desk.meet("Bert")
    await desk.says(bert, "hi")
    header = forward(desk, from_id=types.PeerUser(bert))
    assert f"id: {bert}" in await desk.asks(boss, "/whois", **reply_to(9, reply_from=header))


async def test_whois_in_reply_to_a_contact_finds_them(desk: Desk, boss: int) -> None:
    bert = desk.meet("Bert")
    await desk.says(bert, "hi")
    number, _ = await desk.sends(boss, media=types.MessageMediaContact("+1", "Bert", "", "", bert))
    assert f"id: {bert}" in await desk.asks(boss, "/whois", **reply_to(number))


async def test_whois_in_reply_to_a_plain_message_finds_its_sender(desk: Desk, boss: int) -> None:
    number, _ = await desk.sends(boss, "x")
    assert f"id: {boss}" in await desk.asks(boss, "/whois", **reply_to(number))


async def test_a_reply_to_no_message_asks_whom_is_meant(desk: Desk, boss: int) -> None:
    header = types.MessageReplyHeader(quote=True, quote_text="x")
    assert "Whom do you mean?" in await desk.asks(boss, "/whois", reply_to=header)


async def test_a_reply_to_a_message_that_is_gone_says_so(desk: Desk, boss: int) -> None:
    assert "no longer shows me" in await desk.asks(boss, "/whois", **reply_to(77))


async def test_a_command_that_names_nobody_says_how_to(desk: Desk, boss: int) -> None:
    for command in ("/resolve", "/whois", "/CHECK", "/resolve  "):
        assert f"{command.strip().lower()} t.me/name" in await desk.asks(boss, command)


async def test_what_cannot_be_read_is_said_so(desk: Desk, boss: int) -> None:
    for what in ("???", "https://example.com", "t.me/share/url?url=x", "x" * 4000, "two\nlines"):
        answer = await desk.asks(boss, f"/resolve {what}")
        assert answer.startswith("I cannot read")
        assert len(answer) < 200


async def test_a_bot_is_never_probed(desk: Desk, boss: int) -> None:
    desk.world.new_bot("robot", "Robot")
    desk.faults.fail("messages.setTyping", 400, "ASKED_ALTHOUGH_IT_IS_A_BOT")
    answer = await desk.asks(boss, "/check @robot")
    assert answer.startswith("🤖 Robot")
    assert "a bot cannot write to bots" in answer


async def test_an_admins_command_in_a_group_is_left_alone(desk: Desk, boss: int) -> None:
    group = desk.world.new_group("Friends", boss, desk.bot_id)
    desk.world.send_as(boss, group.marked, "/stats@the_bot")
    assert (await desk.asks(boss, "/stats")).startswith("Users: ")
    dialog = desk.world.accounts[desk.bot_id].box.dialogs[group.marked]
    assert not any(
        (copy := desk.world.accounts[desk.bot_id].box.get(number)) and copy.out for number in dialog.ids
    )


async def test_a_command_for_another_bot_is_left_alone(desk: Desk, boss: int) -> None:
    await desk.says(boss, "hello")
    assert await desk.says(boss, "/stats@otherbot") == []
    assert (await desk.asks(boss, "/STATS@The_Bot")).startswith("Users: ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (7200, "2 hours ago"),
        (86_400 * 3, "3 days ago"),
    ],
)
def test_ages_are_given_in_their_largest_whole_unit(seconds: int, words: str) -> None:
    assert Words(TEXTS, "en").ago(seconds) == words


def test_russian_ages_have_their_plurals() -> None:
    ages = [Words(TEXTS, "ru").ago(86_400 * n) for n in (1, 3, 5, 21)]
    assert ages == ["1 день назад", "3 дня назад", "5 дней назад", "21 день назад"]
