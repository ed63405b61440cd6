"""Pressed buttons and the answers of bots."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.methods import Later
from tgbot.sandbox.world import World


def _keyboard(data: bytes) -> Any:
    button = types.KeyboardInlineButton("Go", types.InlineButtonTypeCallback(data))
    return types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([button])])


def test_a_press_waits_until_its_bot_answers(world: World, ann: Client, bot: Client, new_bot: Any) -> None:
    ann.send(bot)
    bot.send(ann, "press", reply_markup=_keyboard(b"go"))
    asked: list[Any] = []
    world.subscribe(lambda _: None, lambda _, entry: asked.append(entry.update))
    with refused("DATA_INVALID"):
        ann(messages.GetBotCallbackAnswerRequest(ann.peer(bot), 2, data=b"other"))
    later = ann(messages.GetBotCallbackAnswerRequest(ann.peer(bot), 2, data=b"go"))
    assert isinstance(later, Later)
    answers: list[Any] = []
    later.then(answers.append)
    [query] = asked
    assert (query.user_id, query.msg_id, query.data) == (ann.id, 2, b"go")
    with refused("QUERY_ID_INVALID"):
        new_bot()(messages.SetBotCallbackAnswerRequest(query.query_id, 0, message="no"))
    bot(messages.SetBotCallbackAnswerRequest(query.query_id, 0, message="done", alert=True))
    assert [(answer.message, answer.alert) for answer in answers] == [("done", True)]
    with refused("QUERY_ID_INVALID"):
        bot(messages.SetBotCallbackAnswerRequest(query.query_id, 0))


def test_a_bot_that_never_answers_a_press_times_out(
    world: World, clock: Clock, ann: Client, bot: Client
) -> None:
    ann.send(bot)
    bot.send(ann, "press", reply_markup=_keyboard(b"go"))
    later = ann(messages.GetBotCallbackAnswerRequest(ann.peer(bot), 2, data=b"go"))
    answers: list[Any] = []
    later.then(answers.append)
    assert later.expires == clock.time + 15
    later.expire()
    assert [answer.name for answer in answers] == ["BOT_RESPONSE_TIMEOUT"]


@pytest.mark.parametrize("data", [b"", b"x" * 65])
def test_a_button_has_up_to_64_bytes(ann: Client, bot: Client, data: bytes) -> None:
    ann.send(bot)
    with refused("BUTTON_DATA_INVALID"):
        bot.send(ann, "press", reply_markup=_keyboard(data))
