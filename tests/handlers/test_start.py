"""/start: the greeting, the payload, the welcome back, and which /start is whose."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import errors, events
from telethon.tl import types

from tests.handlers.client import ANNA, BERT, NOW, Client, at, gate, person
from tgbot.core.links import check_payload
from tgbot.core.users import User
from tgbot.handlers import evidence, help, start
from tgbot.handlers.evidence import start_payload
from tgbot.handlers.wording import LONGEST, shown
from tgbot.locales.texts import Texts
from tgbot.store.registry import MemoryRegistry


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def client(users: MemoryRegistry) -> Client:
    client = Client(users)
    texts = Texts.load()
    sender = gate(client, users)
    evidence.register(client, users=users)
    start.register(client, users=users, sender=sender, texts=texts)
    help.register(client, users=users, sender=sender, texts=texts)
    return client


def known(users: MemoryRegistry, user_id: int = ANNA) -> User:
    user = users.get(user_id)
    assert user is not None
    return user


async def test_start_is_greeted_by_name_and_start_again_welcomed_back(client: Client) -> None:
    await client.says(person(), "/start")
    assert client.said()[0].startswith("Hello, Anna!")
    await client.says(person(), "/start")
    assert client.said()[0].startswith("Welcome back, Anna!")


async def test_a_replayed_first_start_is_greeted_as_the_first(client: Client) -> None:
    first = await client.says(person(), "/start")
    greeting = client.said()
    await client.says(person(), "/start", first)
    assert client.said() == greeting


async def test_payloads_are_kept_the_first_and_the_last(client: Client, users: MemoryRegistry) -> None:
    await client.says(person(), "/start promo-1")
    await client.says(person(), "/start")
    await client.says(person(), "/start ref_2")
    assert (known(users).first_payload, known(users).last_payload) == ("promo-1", "ref_2")


@pytest.mark.parametrize("typed", ["/start two words", "/start " + "x" * 65, "/start Привет", "/start a=b"])
async def test_what_no_link_can_carry_is_no_payload_and_greeted_all_the_same(
    client: Client, users: MemoryRegistry, typed: str
) -> None:
    await client.says(person(), typed)
    assert len(client.said()) == 1
    assert known(users).first_payload == ""


async def test_a_plugin_before_it_finds_the_payload(client: Client, users: MemoryRegistry) -> None:
    plugged = Client(users)
    found: list[str] = []

    async def plugin(event: Any) -> None:
        found.append(known(users, event.sender_id).last_payload)
        raise events.StopPropagation

    evidence.register(plugged, users=users)
    plugged.add_event_handler(plugin, events.NewMessage(pattern=r"^/start( .+)?$"))
    start.register(plugged, users=users, sender=gate(plugged, users), texts=Texts.load())
    await plugged.says(person(), "/start promo")
    assert found == ["promo"]
    assert plugged.said() == []


@pytest.mark.parametrize("text", ["/start@ThisBot", "/start@thisbot", "/start@THISBOT promo"])
async def test_a_start_for_this_bot_by_name_counts(client: Client, users: MemoryRegistry, text: str) -> None:
    await client.says(person(), text)
    assert [said[:12] for said in client.said()] == ["Hello, Anna!"]
    assert known(users).first_start_id == 1
    assert known(users).first_payload == ("promo" if "promo" in text else "")


async def test_a_start_for_another_bot_is_nobodys(client: Client, users: MemoryRegistry) -> None:
    first = await client.says(person(), "hello")
    users.finished(ANNA, first)
    client.said()
    await client.says(person(), "/start@otherbot promo")
    assert client.said() == []
    assert known(users).first_start_id == 0
    assert known(users).first_payload == ""


async def test_the_language_is_the_users(client: Client, users: MemoryRegistry) -> None:
    await client.says(person(BERT, "Борис", lang_code="ru"), "/start")
    assert client.said()[0].startswith("Здравствуйте, Борис!")
    await client.says(person(BERT, "Борис"), "/start")
    assert client.said()[0].startswith("С возвращением, Борис!")
    users.choose_language(BERT, "en")
    await client.says(person(BERT, "Борис"), "/start")
    assert client.said()[0].startswith("Welcome back, Борис!")
    await client.says(person(ANNA, lang_code="xx-klingon"), "/start")
    assert client.said()[0].startswith("Hello, Anna!")


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("", "Hello!"),
        (" ", "Hello!"),
        ("\u202e\u2066", "Hello!"),
        ("a\nb", "Hello, a b!"),
        ("*bold* [x](y) {{ $name }}", "Hello, *bold* [x](y) {{ $name }}!"),
        ("👩‍👩‍👧 \u0645\u0631\u062d\u0628\u0627", "Hello, 👩‍👩‍👧 \u0645\u0631\u062d\u0628\u0627!"),
        ("\0x", "Hello, x!"),
        ("n" * 200, "Hello, " + "n" * 63 + "…!"),
    ],
)
async def test_any_name_can_be_greeted(client: Client, name: str, greeted: str) -> None:
    await client.says(person(name=name), "/start")
    assert client.said()[0].startswith(greeted)


async def test_a_start_without_its_user_is_greeted_without_a_name(client: Client) -> None:
    message = types.Message(id=1, peer_id=types.PeerUser(ANNA), message="/start", date=at(NOW))
    await client.deliver(types.UpdateNewMessage(message, 1, 1))
    ((chat, text),) = client.sent
    assert chat == ANNA
    assert text.startswith("Hello! ")


async def test_a_bot_is_never_greeted(client: Client) -> None:
    for text in ("/start", "/start@ThisBot", "hello", "/help"):
        await client.says(person(BERT, "Robot", bot=True), text)
    assert client.sent == []


async def test_an_own_message_is_never_answered(client: Client) -> None:
    await client.says(person(), "/start", out=True)
    await client.says(person(), "hello", out=True)
    assert client.sent == []


async def test_somebody_who_blocks_at_once_is_no_failure(client: Client) -> None:
    client.refusals[ANNA] = errors.UserIsBlockedError(None)
    await client.says(person(), "/start")
    assert client.sent == []


GROUP = types.Chat(id=7, title="G", photo=types.ChatPhotoEmpty(), participants_count=2, date=None, version=1)


async def in_group(client: Client, text: str, sender: Any) -> None:
    message = types.Message(
        id=5, peer_id=types.PeerChat(7), from_id=types.PeerUser(sender.id), message=text, date=at(NOW)
    )
    await client.deliver(types.UpdateNewMessage(message, 1, 1), GROUP, sender)


@pytest.mark.parametrize("text", ["/start@ThisBot", "/start@thisbot promo", "/start promo"])
async def test_in_a_group_a_start_for_this_bot_is_answered_there(client: Client, text: str) -> None:
    await in_group(client, text, person())
    ((chat, said),) = client.sent
    assert chat == -7
    assert "private" in said


@pytest.mark.parametrize("text", ["/start", "hello", "/help", "/start@otherbot", "/start@otherbot promo", ""])
async def test_everything_else_in_a_group_is_left_alone(
    client: Client, users: MemoryRegistry, text: str
) -> None:
    await in_group(client, text, person())
    assert client.sent == []
    assert known(users).first_start_id == 0


async def test_in_a_group_a_bot_is_not_answered(client: Client) -> None:
    await in_group(client, "/start@ThisBot", person(BERT, bot=True))
    assert client.sent == []


ME = types.User(id=42, username="ThisBot")


@given(st.text().map(lambda text: "/start" + text) | st.text())
def test_any_text_has_a_payload_that_a_link_can_carry_or_none(text: str) -> None:
    payload = start_payload(text, ME)
    assert not payload or check_payload(payload) == payload
    if not text.startswith("/start"):
        assert payload is None


@given(
    st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"),
    st.sampled_from(["/start ", "/start@thisbot ", "/start@ThisBot "]),
)
def test_every_payload_of_a_link_arrives(payload: str, command: str) -> None:
    assert start_payload(command + payload, ME) == payload


@given(st.text(st.characters(), max_size=200))
def test_any_words_are_shown_on_one_short_line(words: str) -> None:
    line = shown(words)
    assert len(line) <= LONGEST
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert not set(line) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\0")
