"""Inline queries: from a person's words to a message by way of the bot."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.methods import Later
from tgbot.sandbox.world import World


@pytest.fixture
def inline(world: World, bot: Client) -> Client:
    profile = world.accounts[bot.id].profile
    assert profile is not None
    profile.inline = "Search…"
    return bot


@pytest.fixture
def asked(world: World) -> list[Any]:
    """The updates that pass by no log."""
    found: list[Any] = []
    world.subscribe(lambda _: None, lambda _, entry: found.append(entry.update))
    return found


def ask(ann: Client, bot: Client, query: str = "cats") -> list[Any]:
    """Ask a bot; return where its results appear."""
    request = messages.GetInlineBotResultsRequest(ann.user(bot), types.InputPeerSelf(), query, "")
    later = ann(request)
    assert isinstance(later, Later)
    results: list[Any] = []
    later.then(results.append)
    return results


def article(name: str = "1", title: str = "A cat", text: str = "**meow**") -> Any:
    return types.InputBotInlineResult(name, "article", types.InputBotInlineMessageText(text), title=title)


def test_a_query_is_answered_and_a_result_sent(ann: Client, inline: Client, asked: list[Any]) -> None:
    results = ask(ann, inline)
    [query] = asked
    assert (query.user_id, query.query, query.offset) == (ann.id, "cats", "")
    assert not results
    assert inline(messages.SetInlineBotResultsRequest(query.query_id, [article()], 300, next_offset="2"))
    [shown] = results
    assert (shown.query_id, shown.next_offset, shown.results[0].title) == (query.query_id, "2", "A cat")
    ann.send(inline)
    send = messages.SendInlineBotResultRequest(ann.peer(inline), query.query_id, "1", random_id=5)
    message = next(one.message for one in ann(send).updates if hasattr(one, "message"))
    assert (message.message, message.via_bot_id) == ("**meow**", inline.id)
    again = next(one.message for one in ann(send).updates if hasattr(one, "message"))
    assert again.id == message.id
    send.random_id, send.id = 6, "2"
    with refused("RESULT_ID_INVALID"):
        ann(send)


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ([article(), article()], "RESULT_ID_DUPLICATE"),
        ([article(str(number)) for number in range(51)], "RESULTS_TOO_MUCH"),
        ([article("")], "RESULT_ID_INVALID"),
        ([article("x" * 65)], "RESULT_ID_INVALID"),
        ([article(title="")], "ARTICLE_TITLE_EMPTY"),
        ([article(text=" ")], "MESSAGE_EMPTY"),
    ],
)
def test_results_that_telegram_does_not_take_are_refused(
    ann: Client, inline: Client, asked: list[Any], results: list[Any], error: str
) -> None:
    found = ask(ann, inline)
    with refused(error):
        inline(messages.SetInlineBotResultsRequest(asked[0].query_id, results, 0))
    assert not found


def test_a_query_is_of_one_bot_and_one_person_and_for_a_time(
    world: World, clock: Clock, ann: Client, inline: Client, new_bot: Any, new_person: Any, asked: list[Any]
) -> None:
    other = new_bot("other_bot")
    with refused("BOT_INLINE_DISABLED"):
        ask(ann, other)
    ask(ann, inline)
    answer = messages.SetInlineBotResultsRequest(asked[0].query_id, [article()], 0)
    with refused("QUERY_ID_INVALID"):
        other(answer)
    assert inline(answer)
    with refused("QUERY_ID_INVALID"):
        inline(answer)
    bea = new_person("Bea")
    bea.send(inline)
    with refused("INLINE_RESULT_EXPIRED"):
        bea(messages.SendInlineBotResultRequest(bea.peer(inline), asked[0].query_id, "1", random_id=1))
    ask(ann, inline)
    clock.time += 16
    with refused("QUERY_ID_INVALID"):
        inline(messages.SetInlineBotResultsRequest(asked[1].query_id, [article()], 0))
