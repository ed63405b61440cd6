"""Polls over the wire, between plain Telethon clients."""

from __future__ import annotations

from typing import Any

from telethon import events
from telethon.tl import functions, types

from tests.sandbox.conftest import Person, PlainBot
from tests.sandbox.test_conversation import Seen
from tgbot.sandbox.server import Sandbox


def quiz(**options: Any) -> types.InputMediaPoll:
    answers = [types.PollAnswer(types.TextWithEntities(each, []), each.encode()) for each in ("3", "4")]
    question = types.TextWithEntities("2 + 2?", [])
    return types.InputMediaPoll(
        types.Poll(0, question, answers, 0, quiz=True, **options), correct_answers=[1]
    )


async def test_a_vote_reaches_the_bot_live_and_in_a_difference_and_the_poll_closes_by_itself(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("quiz_bot").token), await person("Ann")
    at_bot, at_ann = Seen(bot, events.NewMessage()), Seen(ann, events.NewMessage(incoming=True))
    votes, polls = (
        Seen(bot, events.Raw(types.UpdateMessagePollVote)),
        Seen(ann, events.Raw(types.UpdateMessagePoll)),
    )
    await ann.send_message("quiz_bot", "hi")
    await (await at_bot.next()).respond(file=quiz(public_voters=True, close_period=25))
    state = await bot(functions.updates.GetStateRequest())
    message = (await at_ann.next()).message
    voted = await ann(functions.messages.SendVoteRequest("quiz_bot", message.id, [b"4"]))
    assert [each.correct for each in voted.updates[0].results.results] == [False, True]
    vote = await votes.next()
    assert (vote.options, vote.positions) == ([b"4"], [1])
    difference = await bot(functions.updates.GetDifferenceRequest(state.pts, state.date, state.qts))
    [same] = difference.other_updates
    assert (same.options, same.qts) == (vote.options, vote.qts)
    sandbox.faults.set_clock(26)
    assert (await polls.next()).poll.closed
