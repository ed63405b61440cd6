"""`/start`: who is greeted how, and which payloads count; from an app: scenarios/test_start.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import events
from telethon.tl import types

from tests.handlers.conftest import TEXTS, Desk
from tests.telegram.conftest import until
from tgbot.core.links import check_payload
from tgbot.handlers import help, start
from tgbot.handlers.evidence import start_payload
from tgbot.telegram import BotClient


async def test_a_payload_that_no_link_can_carry_is_ignored(desk: Desk) -> None:
    await desk.open(start, help)
    for typed in ("/start two words", "/start " + "x" * 65, "/start Привет", "/start a=b"):
        anna = desk.meet()
        assert (await desk.asks(anna, typed)).startswith("Hello, Anna!")
        assert desk.known(anna).first_payload == ""


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ("/START", ""),
        ("/Start promo", "promo"),
        ("/start\npromo", "promo"),
        ("/start\u00a0 promo", "promo"),
        ("/start@The_Bot", ""),
        ("/START@THE_BOT\npromo", "promo"),
    ],
)
async def test_every_spelling_of_start_is_greeted_once_and_has_its_payload(
    desk: Desk, typed: str, payload: str
) -> None:
    await desk.open(start, help)
    anna = desk.meet()
    assert (await desk.asks(anna, typed)).startswith("Hello, Anna!")
    assert (await desk.asks(anna, typed)).startswith("Welcome back, Anna!")
    assert desk.known(anna).first_payload == payload


async def test_a_start_for_another_bot_is_left_alone(desk: Desk) -> None:
    await desk.open(start, help)
    anna = desk.meet()
    await desk.says(anna, "hello")
    assert await desk.says(anna, "/start@otherbot promo") == []
    assert desk.known(anna).first_start_id == 0
    assert desk.known(anna).first_payload == ""


async def test_a_plugin_before_it_finds_the_payload(desk: Desk) -> None:
    found: list[str] = []

    def plugin(client: BotClient) -> None:
        async def came(event: events.NewMessage.Event) -> None:
            found.append(desk.known(event.sender_id).last_payload)
            raise events.StopPropagation

        client.add_event_handler(came, events.NewMessage(pattern=r"^/start( .+)?$"))

    await desk.open(start, help, plugin=plugin)
    assert await desk.says(desk.meet(), "/start promo") == []
    assert found == ["promo"]


async def test_a_chosen_language_goes_before_that_of_the_app(desk: Desk) -> None:
    await desk.open(start)
    boris = desk.meet("Борис")
    desk.language(boris, "ru")
    assert (await desk.asks(boris, "/start")).startswith("Здравствуйте, Борис!")
    desk.users.choose_language(boris, "en")
    assert (await desk.asks(boris, "/start")).startswith("Welcome back, Борис!")
    odd = desk.meet()
    desk.language(odd, "xx-klingon")
    assert (await desk.asks(odd, "/start")).startswith("Hello, Anna!")


async def test_any_name_can_be_greeted(desk: Desk) -> None:
    await desk.open(start)
    for name, greeted in (
        ("", "Hello!"),
        (" ", "Hello!"),
        ("\u202e\u2066", "Hello!"),
        ("\u3164", "Hello!"),
        ("a\nb", "Hello, a b!"),
        ("*bold* [x](y) {{ $name }}", "Hello, *bold* [x](y) {{ $name }}!"),
        ("👩‍👩‍👧 \u0645\u0631\u062d\u0628\u0627", "Hello, 👩‍👩‍👧 \u0645\u0631\u062d\u0628\u0627!"),
        ("n" * 200, "Hello, " + "n" * 63 + "…!"),
    ):
        assert (await desk.asks(desk.meet(name), "/start")).startswith(greeted)


async def test_a_user_who_blocks_at_once_is_no_failure(desk: Desk) -> None:
    await desk.open(start)
    desk.faults.fail("messages.sendMessage", 403, "USER_IS_BLOCKED")
    assert await desk.says(desk.meet(), "/start") == []
    assert desk.parts.client.handler_errors == 0


@pytest.mark.parametrize("text", ["/start promo", "/START promo", "/start@the_bot", "/start\npromo"])
async def test_in_a_group_a_start_that_can_be_for_this_bot_is_answered_there(desk: Desk, text: str) -> None:
    assert await in_group(desk, text) == [TEXTS.render("en", "start-group")]


@pytest.mark.parametrize("text", ["/start", "/START", "/start@otherbot promo", "hello", ""])
async def test_anything_else_in_a_group_is_left_alone(desk: Desk, text: str) -> None:
    assert await in_group(desk, text) == []


async def in_group(desk: Desk, text: str) -> list[str]:
    """Return what the bot says to a person's message in a group."""

    def plugin(client: BotClient) -> None:
        async def last(event: events.NewMessage.Event) -> None:
            await event.respond("that was all")

        client.add_event_handler(last, events.NewMessage(pattern=r"^the last one$"))

    await desk.open(start, help, plugin=plugin)
    anna = desk.meet()
    profile = desk.world.accounts[desk.bot_id].profile
    assert profile is not None
    profile.sees_all = True
    group = desk.world.new_group("Friends", anna, desk.bot_id)
    box = desk.world.accounts[anna].box

    def answers() -> list[str]:
        copies = [box.get(number) for number in box.dialogs[group.marked].ids]
        return [copy.post.text for copy in copies if copy is not None and copy.post.sender == desk.bot_id]

    desk.world.send_as(anna, group.marked, text)
    desk.world.send_as(anna, group.marked, "the last one")
    await until(lambda: answers()[-1:] == ["that was all"])
    return answers()[:-1]


ME = types.User(id=42, username="ThisBot")


@given(st.text().map(lambda text: "/start" + text) | st.text())
def test_any_text_has_a_payload_that_a_link_can_carry_or_none(text: str) -> None:
    payload = start_payload(text, ME)
    assert not payload or check_payload(payload) == payload
    if not text.lower().startswith("/start"):
        assert payload is None


@given(
    st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"),
    st.sampled_from(["/start ", "/start@thisbot ", "/start@ThisBot ", "/Start\n"]),
)
def test_every_payload_of_a_link_arrives(payload: str, command: str) -> None:
    assert start_payload(command + payload, ME) == payload
