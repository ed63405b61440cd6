"""/stop_news and /news: who wants no broadcasts says so by a command or a button, and can take it back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.conftest import Desk
from tests.handlers.test_buttons import ask, press
from tgbot.core.access import Access
from tgbot.core.broadcasts import Audience, declines
from tgbot.handlers import news, privacy

EDIT = "messages.editMessage"
STOPPED = "I will send you no more news. Everything else works as before: I answer when you write to me."
WANTED = "You will get news from me. I will tell you when there is something new."


def button(copy: Any) -> tuple[str, bytes]:
    """Return the text and the bytes of the only button of a message."""
    ((only,),) = (row.buttons for row in copy.post.markup.rows)
    return only.text, only.type.data


async def test_who_sends_stop_news_is_in_no_audience_and_reachable_as_before(desk: Desk) -> None:
    await desk.open(news)
    anna = desk.meet()
    stopped = await ask(desk, anna, "/stop_news")
    assert stopped.post.text == STOPPED
    assert declines(desk.known(anna))
    assert not Audience().includes(desk.known(anna))
    assert desk.known(anna).verdict(desk.world.now()).access is Access.REACHABLE
    wanted = await ask(desk, anna, "/news")
    assert wanted.post.text == WANTED
    assert Audience().includes(desk.known(anna))
    assert desk.known(anna).preferences == {}


async def test_the_button_under_an_answer_is_for_the_opposite_and_changes_the_answer(desk: Desk) -> None:
    await desk.open(news)
    anna = desk.meet()
    shown = await ask(desk, anna, "/stop_news")
    assert button(shown) == ("Send me news again", b"news:on:here")
    answer = await press(desk, anna, shown, b"news:on:here")
    assert answer.message == "Done. You will get news from me."
    assert not declines(desk.known(anna))
    assert (shown.post.text, button(shown)) == (WANTED, ("No more news", b"news:off:here"))
    answer = await press(desk, anna, shown, b"news:off:here")
    assert answer.message == "Done. No more news. /news turns them on again."
    assert declines(desk.known(anna))
    assert (shown.post.text, button(shown)) == (STOPPED, ("Send me news again", b"news:on:here"))
    await press(desk, anna, shown, b"news:off:here")  # a second press is not an error
    assert declines(desk.known(anna))
    assert desk.parts.client.handler_errors == 0


async def test_a_button_of_a_broadcast_leaves_what_the_broadcast_says(desk: Desk) -> None:
    await desk.open(news)
    anna = desk.meet()
    news_item = await ask(desk, anna, "/news")
    answer = await press(desk, anna, news_item, b"news:off")
    assert answer.message == "Done. No more news. /news turns them on again."
    assert declines(desk.known(anna))
    assert news_item.post.text == WANTED
    await press(desk, anna, news_item, b"news:on")
    assert not declines(desk.known(anna))
    assert news_item.post.text == WANTED


@pytest.mark.parametrize(
    "data", [b"news:", b"news:offer", b"news:off\n", b"xnews:off", b"news:off:here:", b"\xff"]
)
async def test_other_bytes_are_no_choice(desk: Desk, data: bytes) -> None:
    await desk.open(news)
    anna = desk.meet()
    shown = await ask(desk, anna, "/news")
    assert (await press(desk, anna, shown, data)).message is None
    assert not declines(desk.known(anna))
    assert desk.parts.client.handler_errors == 0


async def test_a_choice_is_on_disk_before_it_is_confirmed(desk: Desk) -> None:
    kept: list[tuple[bool, list[str]]] = []

    async def checkpoint() -> None:
        kept.append((declines(desk.known(anna)), desk.stage.heard(anna)))

    await desk.open(news, checkpoint=checkpoint)
    anna = desk.meet()
    assert await desk.asks(anna, "/stop_news") == STOPPED
    assert kept == [(True, [])]


async def test_a_choice_counts_also_where_telegram_refuses_to_show_it(desk: Desk) -> None:
    await desk.open(news)
    anna = desk.meet()
    shown = await ask(desk, anna, "/news")
    desk.faults.fail(EDIT, 400, "MESSAGE_ID_INVALID", times=1)
    answer = await press(desk, anna, shown, b"news:off:here")
    assert answer.message == "Done. No more news. /news turns them on again."
    assert declines(desk.known(anna))
    assert desk.parts.client.handler_errors == 0


async def test_the_words_are_in_the_users_language(desk: Desk) -> None:
    await desk.open(news)
    boris = desk.meet("Борис")
    desk.language(boris, "ru")
    shown = await ask(desk, boris, "/stop_news")
    assert shown.post.text.startswith("Новостей от меня больше не будет.")
    assert button(shown)[0] == "Снова присылать новости"
    answer = await press(desk, boris, shown, b"news:on:here")
    assert answer.message == "Готово. Новости будут приходить."


async def test_privacy_tells_of_the_choice_and_forget_deletes_it(desk: Desk) -> None:
    await desk.open(news, privacy)
    anna = desk.meet()
    line = "you asked me not to send you news"
    assert line not in (await desk.asks(anna, "/privacy")).split("\n")
    await desk.says(anna, "/stop_news")
    assert line in (await desk.asks(anna, "/privacy")).split("\n")
    asked = await ask(desk, anna, "/forget")
    await press(desk, anna, asked, b"forget:yes")
    # The bot knows nothing of her, so she gets no broadcast; when she writes again, all begins anew.
    assert desk.users.get(anna) is None
    assert line not in (await desk.asks(anna, "/privacy")).split("\n")
