"""Polls and quizzes: what may be sent, who may vote, and what each viewer is told."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from telethon.tl import TLObject, types
from telethon.tl.functions import messages, updates

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.world import World


def text(value: str) -> types.TextWithEntities:
    return types.TextWithEntities(value, [])


def media(*answers: str, question: str = "Which?", **options: Any) -> types.InputMediaPoll:
    """Return a poll to send; options of InputMediaPoll go there, all others into the poll."""
    outer = {
        name: options.pop(name)
        for name in ("correct_answers", "solution", "solution_entities")
        if name in options
    }
    listed = [types.PollAnswer(text(answer), answer.encode() or b"x") for answer in answers]
    return types.InputMediaPoll(types.Poll(0, text(question), listed, 0, **options), **outer)


def message_in(answer: Any) -> Any:
    return next(update.message for update in answer.updates if hasattr(update, "message"))


def poll_in(answer: Any) -> Any:
    """Return the updateMessagePoll in an answer."""
    return next(update for update in answer.updates if isinstance(update, types.UpdateMessagePoll))


def voters(results: Any) -> list[int]:
    return [each.voters for each in results.results]


@pytest.fixture
def told(world: World) -> Callable[[Client, type], list[Any]]:
    """Return a function: the updates of one kind that an account has got and that are in no log."""
    found: list[tuple[int, TLObject]] = []
    world.subscribe(lambda _: None, lambda account, entry: found.append((account, entry.update)))
    return lambda client, kind: [
        one for account, one in found if account == client.id and isinstance(one, kind)
    ]


def send(bot: Client, to: Client, poll: types.InputMediaPoll) -> Any:
    return message_in(bot(messages.SendMediaRequest(bot.peer(to), poll, "")))


def vote(client: Client, to: Client, number: int, *options: bytes) -> Any:
    return poll_in(client(messages.SendVoteRequest(client.peer(to), number, list(options)))).results


def newest(client: Client) -> Any:
    return client.difference().new_messages[-1]


def test_a_vote_shows_to_the_voter_and_to_the_bot_and_can_be_changed_and_taken_back(
    ann: Client, bot: Client, told: Any
) -> None:
    ann.send(bot)
    sent = send(bot, ann, media("red", "blue", public_voters=True))
    assert sent.media.poll.creator
    assert voters(sent.media.results) == [0, 0]  # who made it always sees the results
    seen = newest(ann)
    assert (seen.media.results.results, seen.media.results.total_voters) == (None, 0)
    results = vote(ann, bot, seen.id, b"blue")
    assert (voters(results), [each.chosen for each in results.results]) == ([0, 1], [None, True])
    assert results.recent_voters == [types.PeerUser(ann.id)]
    assert voters(vote(ann, bot, seen.id, b"red")) == [1, 0]
    assert vote(ann, bot, seen.id).total_voters == 0
    votes = [one for one in bot.difference().other_updates if isinstance(one, types.UpdateMessagePollVote)]
    assert [(one.options, one.positions) for one in votes] == [([b"blue"], [1]), ([b"red"], [0]), ([], [])]
    assert [one.qts for one in votes] == [2, 3, 4]
    assert [voters(one.results) for one in told(bot, types.UpdateMessagePoll)] == [[0, 1], [1, 0], [0, 0]]


def test_an_anonymous_poll_names_nobody(ann: Client, bot: Client) -> None:
    ann.send(bot)
    send(bot, ann, media("red", "blue"))
    assert vote(ann, bot, newest(ann).id, b"red").recent_voters is None
    assert not [one for one in bot.difference().other_updates if isinstance(one, types.UpdateMessagePollVote)]
    with refused("POLL_VOTE_REQUIRED", 403):
        ann(messages.GetPollVotesRequest(ann.peer(bot), newest(ann).id, 10))


def test_a_quiz_tells_the_answer_and_the_reason_only_after_the_vote(ann: Client, bot: Client) -> None:
    ann.send(bot)
    quiz = media(
        "3", "4", question="2+2?", quiz=True, correct_answers=[1], solution="  Count.", public_voters=True
    )
    send(bot, ann, quiz)
    seen = newest(ann)
    assert (seen.media.results.results, seen.media.results.solution) == (None, None)
    results = vote(ann, bot, seen.id, b"3")
    assert [each.correct for each in results.results] == [None, True]
    assert results.solution == "Count."
    with refused("REVOTE_NOT_ALLOWED"):
        vote(ann, bot, seen.id)
    with refused("REVOTE_NOT_ALLOWED"):
        vote(ann, bot, seen.id, b"4")


def test_several_answers_are_for_polls_that_allow_them(ann: Client, bot: Client) -> None:
    ann.send(bot)
    send(bot, ann, media("a", "b", "c"))
    with refused("OPTIONS_TOO_MUCH"):
        vote(ann, bot, newest(ann).id, b"a", b"b")
    with refused("OPTION_INVALID"):
        vote(ann, bot, newest(ann).id, b"d")
    send(bot, ann, media("a", "b", "c", multiple_choice=True, public_voters=True))
    number = newest(ann).id
    assert voters(vote(ann, bot, number, b"c", b"a")) == [1, 0, 1]
    listed = ann(messages.GetPollVotesRequest(ann.peer(bot), number, 10))
    assert [(one.peer.user_id, one.options) for one in listed.votes] == [(ann.id, [b"a", b"c"])]
    [only] = ann(messages.GetPollVotesRequest(ann.peer(bot), number, 10, option=b"a")).votes
    assert isinstance(only, types.MessagePeerVoteInputOption)
    with refused("OPTION_INVALID"):
        ann(messages.GetPollVotesRequest(ann.peer(bot), number, 10, option=b"z"))
    with refused("MESSAGE_ID_INVALID"):
        vote(ann, bot, 1, b"a")


def test_the_votes_of_a_poll_come_in_pages(world: World, ann: Client, new_person: Any) -> None:
    people = [ann, *(new_person(f"P{number}") for number in range(3))]
    chat = world.new_group("Group", *(one.id for one in people))
    peer = types.InputPeerChat(chat.id)
    number = message_in(ann(messages.SendMediaRequest(peer, media("a", "b", public_voters=True), ""))).id
    for one in people:
        own = number if one is ann else newest(one).id
        one(messages.SendVoteRequest(peer, own, [b"a"]))
    first = ann(messages.GetPollVotesRequest(peer, number, 3))
    assert (first.count, [each.peer.user_id for each in first.votes]) == (
        4,
        [one.id for one in people[:0:-1]],
    )
    rest = ann(messages.GetPollVotesRequest(peer, number, 3, offset=first.next_offset))
    assert ([each.peer.user_id for each in rest.votes], rest.next_offset) == ([ann.id], None)
    hostile = ann(messages.GetPollVotesRequest(peer, number, -5, offset="²"))
    assert [each.peer.user_id for each in hostile.votes] == [people[-1].id]


@pytest.mark.parametrize(
    ("poll", "error"),
    [
        (media("a", "b", question=" "), "POLL_QUESTION_INVALID"),
        (media("a", "b", question="x" * 301), "POLL_QUESTION_INVALID"),
        (media(), "POLL_ANSWERS_INVALID"),
        (media(*map(str, range(13))), "POLL_ANSWERS_INVALID"),
        (media("a", " "), "POLL_ANSWER_INVALID"),
        (media("a", "x" * 101), "POLL_ANSWER_INVALID"),
        (media("a", "a"), "POLL_OPTION_DUPLICATE"),
        (media("a", "b", quiz=True), "QUIZ_CORRECT_ANSWERS_EMPTY"),
        (media("a", "b", quiz=True, correct_answers=[2]), "QUIZ_CORRECT_ANSWER_INVALID"),
        (media("a", "b", quiz=True, correct_answers=[-1]), "QUIZ_CORRECT_ANSWER_INVALID"),
        (media("a", "b", quiz=True, correct_answers=[0, 1]), "QUIZ_CORRECT_ANSWERS_TOO_MUCH"),
    ],
)
def test_a_poll_that_telegram_does_not_take_is_refused(
    ann: Client, bot: Client, poll: types.InputMediaPoll, error: str
) -> None:
    ann.send(bot)
    with refused(error):
        send(bot, ann, poll)


def test_the_server_makes_the_options_that_are_not_given(ann: Client, bot: Client) -> None:
    answers = [types.InputPollAnswer(text(each)) for each in "ab"]
    send(ann, bot, types.InputMediaPoll(types.Poll(0, text("?"), answers, 0)))
    options = [answer.option for answer in newest(bot).media.poll.answers]
    assert len(set(options)) == 2
    assert vote(ann, bot, 1, options[0]).total_voters == 1


def test_a_poll_is_closed_by_who_made_it_and_then_shows_its_results(
    ann: Client, bot: Client, told: Any
) -> None:
    ann.send(bot)
    sent = send(bot, ann, media("a", "b"))
    peer, end = bot.peer(ann), media("a", "b", closed=True)
    with refused("MEDIA_NEW_INVALID"):
        bot(messages.EditMessageRequest(peer, sent.id, media=media("a", "b")))
    with refused("MEDIA_PREV_INVALID"):
        bot(messages.EditMessageRequest(peer, sent.id, media=types.InputMediaDice("🎲")))
    answer = bot(messages.EditMessageRequest(peer, sent.id, media=end))
    assert answer.updates[0].poll.closed
    assert message_in(answer).media.poll.closed
    assert voters(newest(ann).media.results) == [0, 0]
    assert told(ann, types.UpdateMessagePoll)[-1].poll.closed
    with refused("MESSAGE_POLL_CLOSED"):
        vote(ann, bot, newest(ann).id, b"a")
    with refused("MESSAGE_NOT_MODIFIED"):
        bot(messages.EditMessageRequest(peer, sent.id, media=end))


def test_a_poll_closes_by_the_clock_also_in_a_copy_of_the_world(
    ann: Client, bot: Client, clock: Clock, world: World, told: Any
) -> None:
    ann.send(bot)
    sent = send(bot, ann, media("a", "b", close_period=60))
    assert sent.media.poll.close_date == clock.time + 60
    number = newest(ann).id
    copy = pickle.loads(pickle.dumps(world))
    clock.time += 59
    assert vote(ann, bot, number, b"a").total_voters == 1
    clock.time += 1
    with refused("MESSAGE_POLL_CLOSED"):
        vote(ann, bot, number)
    assert told(ann, types.UpdateMessagePoll)[-1].poll.closed
    copy._true_time = clock
    copy.agenda.run()
    assert copy.accounts[ann.id].box.get(number).message().media.poll.closed


def test_results_can_be_hidden_until_the_end(ann: Client, bot: Client) -> None:
    ann.send(bot)
    sent = send(bot, ann, media("a", "b", hide_results_until_close=True, revoting_disabled=True))
    number = newest(ann).id
    assert vote(ann, bot, number, b"a").results is None
    with refused("REVOTE_NOT_ALLOWED"):
        vote(ann, bot, number)
    bot(messages.EditMessageRequest(bot.peer(ann), sent.id, media=media("a", closed=True)))
    again = ann(messages.GetPollResultsRequest(ann.peer(bot), number, 0))
    assert voters(poll_in(again).results) == [1, 0]
    known = ann(messages.GetPollResultsRequest(ann.peer(bot), number, poll_in(again).poll.hash))
    assert poll_in(known).poll is None


def test_a_forward_is_the_same_poll(ann: Client, bot: Client, new_person: Any, told: Any) -> None:
    bea = new_person("Bea")
    ann.send(bot)
    send(bot, ann, media("a", "b"))
    number = newest(ann).id
    ann(messages.ForwardMessagesRequest(ann.peer(bot), [number], to_peer=ann.peer(bea), random_id=[7]))
    assert vote(bea, ann, newest(bea).id, b"b").total_voters == 1
    assert told(ann, types.UpdateMessagePoll)[-1].results.total_voters == 1
    assert voters(vote(ann, bot, number, b"b")) == [0, 2]


def test_a_poll_has_its_place(world: World, ann: Client, bot: Client, new_person: Any) -> None:
    bea = new_person("Bea")
    with refused("MEDIA_INVALID"):
        send(ann, bea, media("a", "b"))
    channel = world.new_channel("News", creator=ann.id)
    access = world.accounts.access_hash(ann.id, channel.id, kind=b"channel")
    peer = types.InputPeerChannel(channel.id, access)
    with refused("BROADCAST_PUBLIC_VOTERS_FORBIDDEN"):
        ann(messages.SendMediaRequest(peer, media("a", "b", public_voters=True), ""))
    sent = message_in(ann(messages.SendMediaRequest(peer, media("a", "b"), "")))
    ann(messages.SendVoteRequest(peer, sent.id, [b"a"]))
    request = updates.GetChannelDifferenceRequest(peer, types.ChannelMessagesFilterEmpty(), 1, 100)
    [found] = [one for one in ann(request).new_messages if one.media]
    assert voters(found.media.results) == [1, 0]
    single = types.InputSingleMedia(media("a", "b"), "", random_id=5)
    with refused("MEDIA_INVALID"):
        ann(
            messages.SendMultiMediaRequest(
                peer, [single, types.InputSingleMedia(media("a"), "", random_id=6)]
            )
        )
    with refused("BOT_METHOD_INVALID"):
        bot(messages.SendVoteRequest(bot.peer(ann), 1, [b"a"]))
