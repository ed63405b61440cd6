"""What admins are told, in whole texts; over the wire: scenarios/test_admin.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from tests.handlers.client import ADMIN, ANNA, BERT, NOW, Client, at, gate, person
from tests.messaging.test_resolve import Telegram
from tgbot.core.access import Access, Evidence, Kind
from tgbot.handlers import admin, evidence, help
from tgbot.handlers.wording import ago, shown
from tgbot.locales.texts import Texts
from tgbot.messaging.resolve import Peers
from tgbot.store.registry import MemoryRegistry
from tgbot.store.sqlite.session import DurableSession

TEXTS = Texts.load()
BOSS = person(ADMIN, "Boss")


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DurableSession]:
    session = DurableSession(tmp_path / "bot.session")
    yield session
    session.close()


@pytest.fixture
def telegram(session: DurableSession, users: MemoryRegistry) -> Telegram:
    return Telegram(session, users)


@pytest.fixture
def client(users: MemoryRegistry, session: DurableSession, telegram: Telegram) -> Client:
    client = Client(users)
    parts: dict[str, Any] = {
        "users": users,
        "sender": gate(client, users),
        "texts": TEXTS,
        "peers": Peers(telegram, session, users, clock=lambda: NOW, daily_resolves=200),
        "admins": frozenset({ADMIN}),
        "clock": lambda: NOW,
    }
    for module in (evidence, admin, help):
        module.register(client, **parts)
    return client


async def asked(client: Client, text: str, **fields: Any) -> str:
    """What the bot answers to the admin."""
    client.said()
    await client.says(BOSS, text, **fields)
    (answer,) = client.said()
    return answer


def reply_to(message_id: int, **fields: Any) -> Any:
    return types.MessageReplyHeader(reply_to_msg_id=message_id, **fields)


async def test_whois_tells_name_names_language_access_and_how_it_is_known(
    client: Client, telegram: Telegram
) -> None:
    anna = person(ANNA, "Anna", last_name="S", username="anna", lang_code="de")
    telegram.arrive([anna], [], "update")
    await client.says(anna, "/start", date=at(NOW - 3 * 86_400))
    for text in ("@anna", "t.me/anna", "tg://resolve?domain=anna", str(ANNA)):
        answer = await asked(client, f"/whois {text}")
        lines = answer.split("\n")
        assert lines[:4] == ["👤 Anna S", f"id: {ANNA}", "usernames: @anna", "language: de"]
        assert lines[4].startswith(
            "may I write: yes, since 3 days ago (2023-11-11 22:13 UTC) – they started me"
        )
        assert "in my session" in lines[-1]


async def test_every_kind_of_evidence_and_access_has_words(client: Client, users: MemoryRegistry) -> None:
    for number, kind in enumerate(Kind, start=5000):
        users.record(number, Evidence(kind, NOW - 10, until=NOW + 100 if kind is Kind.JOIN_REQUEST else None))
    described = admin.Descriptions(users, TEXTS, lambda: NOW, 200)
    for language in TEXTS.languages:
        for number, _ in enumerate(Kind, start=5000):
            lines = described._person(language, users.get(number))
            assert not any("{" in line or "()" in line or "1970" in line for line in lines)
        for access in Access:
            assert TEXTS.render(language, f"access-{access.value.replace('_', '-')}")


async def test_a_verdict_that_runs_out_says_until_when(
    client: Client, users: MemoryRegistry, telegram: Telegram
) -> None:
    telegram.arrive([person(BERT, "Bert")], [], "update")
    users.record(BERT, Evidence(Kind.JOIN_REQUEST, NOW - 60, 1, NOW + 240))
    assert "until 2023-11-14 22:17 UTC" in await asked(client, f"/whois {BERT}")


async def test_whois_in_reply_to_a_forward_finds_its_author(client: Client, telegram: Telegram) -> None:
    telegram.arrive([person(ANNA, "Anna")], [], "update")
    header = types.MessageFwdHeader(date=at(NOW), from_id=types.PeerUser(ANNA))
    client.messages[3] = types.Message(3, types.PeerUser(ADMIN), message="x", fwd_from=header)
    assert f"id: {ANNA}" in await asked(client, "/whois", reply_to=reply_to(3))


async def test_a_hidden_forward_says_so_and_what_was_tried(client: Client) -> None:
    header = types.MessageFwdHeader(date=at(NOW), from_name="Some\u202e Body")
    client.messages[3] = types.Message(3, types.PeerUser(ADMIN), message="x", fwd_from=header)
    answer = await asked(client, "/whois", reply_to=reply_to(3))
    assert "hides" in answer
    assert "“Some Body”" in answer
    assert "I looked at the forward" in answer


async def test_whois_in_reply_across_chats_finds_the_author(client: Client, telegram: Telegram) -> None:
    telegram.arrive([person(BERT, "Bert")], [], "update")
    header = types.MessageFwdHeader(date=at(NOW), from_id=types.PeerUser(BERT))
    assert f"id: {BERT}" in await asked(client, "/whois", reply_to=reply_to(9, reply_from=header))


async def test_whois_in_reply_to_a_contact_finds_them(client: Client, telegram: Telegram) -> None:
    telegram.arrive([person(BERT, "Bert")], [], "update")
    contact = types.MessageMediaContact("+1", "Bert", "", "", BERT)
    client.messages[3] = types.Message(3, types.PeerUser(ADMIN), message="", media=contact)
    assert f"id: {BERT}" in await asked(client, "/whois", reply_to=reply_to(3))


async def test_whois_in_reply_to_a_plain_message_finds_its_sender(client: Client, telegram: Telegram) -> None:
    telegram.arrive([BOSS], [], "update")
    client.messages[3] = types.Message(3, types.PeerUser(ADMIN), message="x")
    assert f"id: {ADMIN}" in await asked(client, "/whois", reply_to=reply_to(3))


async def test_a_reply_that_names_no_message_is_none(client: Client) -> None:
    answer = await asked(client, "/whois", reply_to=types.MessageReplyHeader(quote_text="x"))
    assert "Whom do you mean?" in answer


async def test_a_reply_to_a_message_that_is_gone_says_so(client: Client) -> None:
    assert "any more" in await asked(client, "/whois", reply_to=reply_to(77))


@pytest.mark.parametrize("command", ["/resolve", "/whois", "/check", "/resolve  "])
async def test_a_command_that_names_nobody_says_how_to(client: Client, command: str) -> None:
    assert f"{command.strip()} t.me/name" in await asked(client, command)


@pytest.mark.parametrize("what", ["???", "https://example.com", "t.me/+abcdef", "x" * 4000, "two\nlines"])
async def test_what_cannot_be_read_is_said_so(client: Client, what: str) -> None:
    answer = await asked(client, f"/resolve {what}")
    assert answer.startswith("I cannot read")
    assert len(answer) < 200


async def test_an_id_never_met_says_what_was_tried(client: Client) -> None:
    answer = await asked(client, "/resolve 987654321")
    assert "never met 987654321" in answer
    assert "session" in answer
    assert "access hash" in answer


async def test_a_name_that_nobody_has_says_so(client: Client) -> None:
    assert "@nobody_has" in await asked(client, "/resolve @nobody_has")


async def test_a_bot_is_called_a_bot_and_never_probed(client: Client, telegram: Telegram) -> None:
    telegram.names["robot"] = person(BERT, "Robot", bot=True, username="robot")
    answer = await asked(client, "/check @robot")
    assert answer.startswith("🤖 Robot")
    assert "cannot be written to" in answer
    assert client.calls == []


async def test_stats_count_by_access(client: Client, users: MemoryRegistry, session: DurableSession) -> None:
    for number in range(5):
        users.record(6000 + number, Evidence(Kind.MESSAGE, NOW - 5))
    users.record(6000, Evidence(Kind.BOT_STOPPED, NOW - 1, 1))
    session.count_resolve()
    answer = await asked(client, "/stats")
    assert answer.split("\n")[:3] == ["Users: 6", "reachable: 5", "blocked me: 1"]
    assert "1 of 200" in answer


@pytest.mark.parametrize("command", ["/stats", "/resolve @anna", "/whois", "/check 5"])
async def test_for_everybody_else_these_commands_do_not_exist(client: Client, command: str) -> None:
    await client.says(person(), command)
    assert client.said() == [TEXTS.render("en", "help")]


async def test_an_admins_command_in_a_group_is_left_alone(client: Client) -> None:
    message = types.Message(
        id=5, peer_id=types.PeerChat(7), from_id=types.PeerUser(ADMIN), message="/stats", date=at(NOW)
    )
    group = types.Chat(7, "G", types.ChatPhotoEmpty(), participants_count=2, date=None, version=1)
    await client.deliver(types.UpdateNewMessage(message, 1, 1), BOSS, group)
    assert client.said() == []


async def test_a_command_for_another_bot_is_not_answered_as_ours(client: Client) -> None:
    await client.says(BOSS, "/stats@otherbot")
    assert not any("Users" in said for said in client.said())
    assert "Users" in await asked(client, "/stats@thisbot")


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
def test_ages_are_told_in_their_largest_whole_unit(seconds: int, words: str) -> None:
    assert ago(TEXTS, "en", seconds) == words


def test_russian_ages_have_their_plurals() -> None:
    told = [ago(TEXTS, "ru", 86_400 * n) for n in (1, 3, 5, 21)]
    assert told == ["1 день назад", "3 дня назад", "5 дней назад", "21 день назад"]


def test_words_of_strangers_are_cut_and_kept_on_one_line() -> None:
    assert shown("a\r\n\tb\u2028c") == "a b c"
    assert shown("x" * 65) == "x" * 63 + "…"
    assert shown(None) == ""
    assert shown("\ud800broken") == "broken"
