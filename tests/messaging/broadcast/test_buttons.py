"""Link buttons, and the payloads that count who used one."""

from __future__ import annotations

import pytest

from tgbot.core.broadcasterrors import ContentError
from tgbot.core.broadcasts import Broadcast, Button
from tgbot.core.links import pack
from tgbot.messaging.broadcast.buttons import Click, checked, click, counted, markup

KEY = b"a key"


def broadcast(*buttons: Button, number: int = 7) -> Broadcast:
    return Broadcast(number, 2**61 + 5, 0, {}, buttons=buttons)


def urls(one: Broadcast) -> list[str]:
    shown = markup(one, "the_bot", KEY)
    return [] if shown is None else [row.buttons[0].type.url for row in shown.rows]


@pytest.mark.parametrize(
    ("link", "button"),
    [
        ("https://example.com/a?b=c", Button("b", "https://example.com/a?b=c")),
        ("tg://resolve?domain=other", Button("b", "tg://resolve?domain=other")),
        ("https://t.me/other_bot?start=x", Button("b", "https://t.me/other_bot?start=x")),
        ("https://t.me/the_bot", Button("b", "https://t.me/the_bot")),
        ("start", Button("b")),
        ("start:sale-5", Button("b", payload="sale-5")),
        ("https://t.me/The_Bot?start=sale", Button("b", payload="sale")),
        ("tg://resolve?domain=the_bot&start=sale", Button("b", payload="sale")),
    ],
)
def test_a_link_to_start_this_bot_is_counted_and_no_other(link: str, button: Button) -> None:
    assert checked([(" b ", link)], "the_bot") == (button,)


@pytest.mark.parametrize(
    ("text", "link", "problem"),
    [
        ("", "https://example.com", "no text"),
        ("x" * 65, "https://example.com", "65 characters"),
        ("b", "example.com", "no http, https or tg link"),
        ("b", "javascript:alert(1)", "no http, https or tg link"),
        ("b", "https://exam ple.com", "no http, https or tg link"),
        ("b", "https://[", "no http, https or tg link"),
        ("b", "", "no http, https or tg link"),
        ("b", "start:with space", "payload"),
        ("b", "start:" + "x" * 40, "payload"),
    ],
)
def test_what_telegram_does_not_take_is_refused_in_words(text: str, link: str, problem: str) -> None:
    with pytest.raises(ContentError, match=problem):
        checked([(text, link)], "the_bot")


def test_a_bot_without_a_username_has_no_start_links() -> None:
    with pytest.raises(ContentError, match="no username"):
        checked([("b", "start")], "")


def test_at_most_eight_buttons_are_counted() -> None:
    assert len(counted(checked([("b", "start")] * 8, "the_bot"))) == 8
    with pytest.raises(ContentError, match="9 buttons whose clicks"):
        checked([("b", "start")] * 9, "the_bot")
    with pytest.raises(ContentError, match="101 buttons"):
        checked([("b", "https://example.com")] * 101, "the_bot")


def test_the_payload_names_the_broadcast_and_the_button_and_carries_the_owners_own() -> None:
    one = broadcast(Button("a", "https://example.com"), Button("b", payload="sale"), Button("c"))
    plain, *starts = urls(one)
    assert plain == "https://example.com"
    clicks = [click(url.partition("?start=")[2], KEY) for url in starts]
    assert clicks == [Click(7, 5, 0, "sale"), Click(7, 5, 1, "")]
    assert all(found.is_of(one) for found in clicks if found)


def test_the_longest_payload_fits_into_a_link() -> None:
    (button,) = checked([("b", f"start:{'x' * 29}")], "the_bot")
    (url,) = urls(broadcast(button, number=10**7))
    assert len(url.partition("?start=")[2]) <= 64


def test_a_broadcast_of_a_store_that_was_lost_does_not_get_the_clicks() -> None:
    (url,) = urls(broadcast(Button("b")))
    found = click(url.partition("?start=")[2], KEY)
    assert found is not None
    assert not found.is_of(Broadcast(7, 6, 0, {}, buttons=(Button("b"),)))
    assert not found.is_of(broadcast())


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "sale",
        pack("x", key=KEY),
        pack("b", 1, 2, 3, "", key=b"another key"),
        pack("b", "1", 2, 3, "", key=KEY),
    ],
)
def test_any_other_payload_is_no_click(payload: str) -> None:
    assert click(payload, KEY) is None
