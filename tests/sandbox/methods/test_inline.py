"""Inline queries: from a person's words to a message by way of the bot."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages, users

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


def answer(inline: Client, query: Any, *results: Any, **options: Any) -> Any:
    cache = options.pop("cache_time", 0)
    return inline(messages.SetInlineBotResultsRequest(query.query_id, list(results), cache, **options))


def send(ann: Client, to: Any, shown: Any, name: str = "1", random_id: int = 9, **options: Any) -> Any:
    request = messages.SendInlineBotResultRequest(to, shown.query_id, name, random_id=random_id, **options)
    return next(one.message for one in ann(request).updates if hasattr(one, "message"))


GEO = types.InputGeoPoint(1.5, 2.5)
BUTTON = types.ReplyInlineMarkup(
    [types.KeyboardInlineButtonRow([types.KeyboardInlineButton("Go", types.InlineButtonTypeCallback(b"go"))])]
)


@pytest.mark.parametrize(
    ("message", "kind", "shown"),
    [
        (types.InputBotInlineMessageMediaGeo(GEO), types.MessageMediaGeo, types.BotInlineMessageMediaGeo),
        (
            types.InputBotInlineMessageMediaGeo(GEO, period=900, heading=90),
            types.MessageMediaGeoLive,
            types.BotInlineMessageMediaGeo,
        ),
        (
            types.InputBotInlineMessageMediaVenue(GEO, "Zoo", "Road 1", "", "", ""),
            types.MessageMediaVenue,
            types.BotInlineMessageMediaVenue,
        ),
        (
            types.InputBotInlineMessageMediaContact("+1555", "Max", "", ""),
            types.MessageMediaContact,
            types.BotInlineMessageMediaContact,
        ),
    ],
)
def test_a_result_may_be_a_place_or_a_person(
    ann: Client, inline: Client, asked: list[Any], message: Any, kind: type, shown: type
) -> None:
    results = ask(ann, inline)
    message.reply_markup = BUTTON
    answer(inline, asked[0], types.InputBotInlineResult("1", "article", message, title="Here"))
    assert isinstance(results[0].results[0].send_message, shown)
    made = send(ann, ann.peer(inline), results[0])
    assert (type(made.media), made.via_bot_id) == (kind, inline.id)
    assert made.reply_markup.rows[0].buttons[0].text == "Go"


def test_a_result_may_be_a_file_that_the_server_has(
    world: World, ann: Client, inline: Client, asked: list[Any]
) -> None:
    world.files.save_part(inline.id, 5, 0, b"gif")
    file = types.InputFile(5, 1, "cat.gif", "")
    media = types.InputMediaUploadedDocument(file, "image/gif", [types.DocumentAttributeAnimated()])
    stored = inline(messages.UploadMediaRequest(types.InputPeerSelf(), media)).document
    document = types.InputDocument(stored.id, stored.access_hash, stored.file_reference)
    auto = types.InputBotInlineMessageMediaAuto("a cat", invert_media=True)
    results = ask(ann, inline)
    answer(inline, asked[0], types.InputBotInlineResultDocument("1", "gif", document, auto), gallery=True)
    assert (results[0].gallery, results[0].results[0].document.id) == (True, stored.id)
    made = send(ann, ann.peer(inline), results[0])
    assert (made.message, made.media.document.id, made.invert_media) == ("a cat", stored.id, True)


def test_a_message_of_a_result_is_edited_and_pressed_by_its_own_id(
    world: World, ann: Client, inline: Client, asked: list[Any], new_person: Any, new_bot: Any
) -> None:
    bea = new_person("Bea")
    world.accounts[inline.id].profile.inline_feedback = True  # type: ignore[union-attr]
    results = ask(ann, inline)
    text = types.InputBotInlineMessageText("meow", reply_markup=BUTTON)
    answer(inline, asked[0], types.InputBotInlineResult("1", "article", text, title="A cat"))
    asked.clear()
    send(ann, ann.peer(bea), results[0])
    [chosen] = asked
    assert (chosen.user_id, chosen.query, chosen.id) == (ann.id, "cats", "1")
    asked.clear()
    later = bea(messages.GetBotCallbackAnswerRequest(bea.peer(ann), 1, data=b"go"))
    ann(messages.GetBotCallbackAnswerRequest(ann.peer(bea), 1, data=b"go"))
    first, second = asked
    assert isinstance(first, types.UpdateInlineBotCallbackQuery)
    assert (first.user_id, second.user_id) == (bea.id, ann.id)
    assert first.msg_id == second.msg_id == chosen.msg_id
    assert first.chat_instance == second.chat_instance
    said: list[Any] = []
    later.then(said.append)
    inline(messages.SetBotCallbackAnswerRequest(first.query_id, 0, message="purr"))
    assert said[0].message == "purr"
    edit = messages.EditInlineBotMessageRequest(chosen.msg_id, message="purr", reply_markup=BUTTON)
    assert inline(edit) is True
    for one in (ann, bea):
        [edited] = [each for each in one.difference().other_updates if hasattr(each, "message")]
        assert (edited.message.message, edited.message.via_bot_id) == ("purr", inline.id)
    with refused("MESSAGE_NOT_MODIFIED"):
        inline(edit)
    with refused("MESSAGE_ID_INVALID"):
        new_bot("other_bot")(edit)
    wrong = types.InputBotInlineMessageID64(2, ann.id, 1, 5)
    with refused("MESSAGE_ID_INVALID"):
        inline(messages.EditInlineBotMessageRequest(wrong, message="x"))
    ann(messages.DeleteMessagesRequest([1], revoke=True))
    with refused("MESSAGE_ID_INVALID"):
        inline(edit)


def test_a_bot_without_feedback_does_not_hear_what_was_chosen(
    ann: Client, inline: Client, asked: list[Any], new_person: Any
) -> None:
    results = ask(ann, inline)
    answer(inline, asked[0], article())
    asked.clear()
    send(ann, ann.peer(new_person("Bea")), results[0])
    assert not asked


def test_results_are_kept_for_the_time_that_the_bot_gives(
    ann: Client, inline: Client, asked: list[Any], clock: Clock, new_person: Any
) -> None:
    bea = new_person("Bea")
    ask(ann, inline)
    answer(inline, asked[0], article(), cache_time=60)
    [kept] = ask(bea, inline)
    assert (len(asked), kept.query_id != asked[0].query_id) == (1, True)
    assert send(bea, types.InputPeerSelf(), kept).message == "**meow**"
    ask(ann, inline, "dogs")
    answer(inline, asked[1], article(), cache_time=60, private=True)
    assert len(ask(ann, inline, "dogs")) == 1
    assert not ask(bea, inline, "dogs")
    clock.time += 61
    assert not ask(ann, inline)
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"next_offset": "x" * 65}, "NEXT_OFFSET_INVALID"),
        ({"switch_pm": types.InlineBotSwitchPM("", "a")}, "SWITCH_PM_TEXT_EMPTY"),
        ({"switch_pm": types.InlineBotSwitchPM("Sign in", "")}, "START_PARAM_EMPTY"),
        ({"switch_pm": types.InlineBotSwitchPM("Sign in", "ä")}, "START_PARAM_INVALID"),
        ({"switch_pm": types.InlineBotSwitchPM("Sign in", "x" * 65)}, "START_PARAM_INVALID"),
    ],
)
def test_what_stands_beside_the_results_has_its_limits(
    ann: Client, inline: Client, asked: list[Any], options: dict[str, Any], error: str
) -> None:
    results = ask(ann, inline)
    with refused(error):
        answer(inline, asked[0], **options)
    switch = types.InlineBotSwitchPM("Sign in", "from_inline")
    answer(inline, asked[0], switch_pm=switch)
    assert results[0].switch_pm == switch


def test_kinds_of_results_are_known(ann: Client, inline: Client, asked: list[Any]) -> None:
    ask(ann, inline)
    text = types.InputBotInlineMessageText("hi")
    with refused("RESULT_TYPE_INVALID"):
        answer(inline, asked[0], types.InputBotInlineResult("1", "odd", text))
    with refused("VIDEO_TITLE_EMPTY"):
        answer(inline, asked[0], types.InputBotInlineResult("1", "video", text))
    web = types.InputWebDocument("ftp://example.org/a.jpg", 0, "image/jpeg", [])
    with refused("WEBDOCUMENT_URL_INVALID"):
        answer(inline, asked[0], types.InputBotInlineResult("1", "article", text, title="t", thumb=web))
    web.url = "https://example.org/a.jpg"
    auto = types.InputBotInlineMessageMediaAuto("")
    with refused("SEND_MESSAGE_MEDIA_INVALID"):
        answer(inline, asked[0], types.InputBotInlineResult("1", "photo", auto, thumb=web))
    with refused("WEBPAGE_CURL_FAILED"):  # nothing was fetched ahead of the call
        answer(inline, asked[0], types.InputBotInlineResult("1", "photo", auto, thumb=web, content=web))
    with refused("MEDIA_INVALID"):
        live = types.InputBotInlineMessageMediaGeo(GEO, period=59)
        answer(inline, asked[0], types.InputBotInlineResult("1", "geo", live))
    assert answer(inline, asked[0], types.InputBotInlineResult("1", "article", text, title="t", thumb=web))


def test_a_bot_is_told_where_people_are_if_it_wants_to_know(
    world: World, ann: Client, inline: Client, asked: list[Any]
) -> None:
    def ask_from(point: Any) -> None:
        ann(messages.GetInlineBotResultsRequest(ann.user(inline), types.InputPeerSelf(), "", "", point))

    ask_from(GEO)
    assert asked.pop().geo is None
    world.accounts[inline.id].profile.inline_geo = True  # type: ignore[union-attr]
    ask_from(GEO)
    assert asked.pop().geo.lat == 1.5
    [seen] = ann(users.GetUsersRequest([ann.user(inline)]))
    assert seen.bot_inline_geo
    with refused("GEO_POINT_INVALID"):
        ask_from(types.InputGeoPoint(float("nan"), 0.0))
