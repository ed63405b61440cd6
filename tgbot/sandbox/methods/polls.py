"""messages.*: polls and quizzes, from InputMediaPoll to the votes."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Copy
from ..entities import check_bounds, trimmed
from ..polls import Poll
from ..rpc import RpcError
from .calls import Call, Method, Open, seconds

_QUESTION: Final = 255
_BOTS_QUESTION: Final = 300
_ANSWER: Final = 100
_ANSWERS: Final = 12
_OPTION_BYTES: Final = 100
_SOLUTION: Final = 200
_SOLUTION_LINES: Final = 3
#: The shortest and the longest time for which a poll that closes by itself is open, in seconds.
_SHORTEST: Final = 5
_LONGEST: Final = 730 * 3600
_PAGE: Final = 100


def new_poll(call: Call, given: types.InputMediaPoll) -> Poll:
    """Return the poll of an InputMedia; raise Telegram's error for what a poll cannot be."""
    asked = given.poll
    longest = _BOTS_QUESTION if call.me.is_bot else _QUESTION
    question = _text(asked.question, longest, "POLL_QUESTION_INVALID")
    if not 1 <= len(asked.answers) <= _ANSWERS:
        raise RpcError(400, "POLL_ANSWERS_INVALID")
    answers = [
        types.PollAnswer(_text(answer.text, _ANSWER, "POLL_ANSWER_INVALID"), _option(answer, place))
        for place, answer in enumerate(asked.answers)
    ]
    if not all(0 < len(answer.option) <= _OPTION_BYTES for answer in answers):
        raise RpcError(400, "POLL_OPTION_INVALID")
    if len({answer.option for answer in answers}) < len(answers):
        raise RpcError(400, "POLL_OPTION_DUPLICATE")
    poll = Poll(
        call.world.random.getrandbits(62) or 1,
        call.me.id,
        question,
        answers,
        public=bool(asked.public_voters),
        multiple=bool(asked.multiple_choice),
        quiz=bool(asked.quiz),
        final=bool(asked.revoting_disabled),
        shuffled=bool(asked.shuffle_answers),
        hidden=bool(asked.hide_results_until_close),
        closed=bool(asked.closed),
    )
    if poll.quiz:
        _make_quiz(poll, given)
    elif given.correct_answers or given.solution:
        raise RpcError(400, "QUIZ_CORRECT_ANSWERS_TOO_MUCH" if given.correct_answers else "MEDIA_INVALID")
    _set_end(call, poll, asked)
    return poll


def _text(given: types.TextWithEntities, longest: int, error: str) -> types.TextWithEntities:
    check_bounds(given.text, given.entities)
    text, entities = trimmed(given.text, given.entities)
    if not 0 < len(text) <= longest:
        raise RpcError(400, error)
    return types.TextWithEntities(text, entities)


def _option(answer: TLObject, place: int) -> bytes:
    """Return the option of an answer: the sender's, or one that the server makes."""
    return b"%d" % place if isinstance(answer, types.InputPollAnswer) else bytes(answer.option)


def _make_quiz(poll: Poll, given: types.InputMediaPoll) -> None:
    # Clients of older layers name the options instead of their places.
    options = [answer.option for answer in poll.answers]
    correct = [
        (options.index(each) if each in options else -1) if isinstance(each, bytes) else each
        for each in given.correct_answers or []
    ]
    if not correct:
        raise RpcError(400, "QUIZ_CORRECT_ANSWERS_EMPTY")
    if len(correct) > 1 and not poll.multiple:
        raise RpcError(400, "QUIZ_CORRECT_ANSWERS_TOO_MUCH")
    if not all(0 <= place < len(poll.answers) for place in correct) or len(set(correct)) < len(correct):
        raise RpcError(400, "QUIZ_CORRECT_ANSWER_INVALID")
    poll.correct = frozenset(poll.answers[place].option for place in correct)
    if given.solution:
        check_bounds(given.solution, given.solution_entities)
        poll.solution, poll.solution_entities = trimmed(given.solution, given.solution_entities)
        if len(poll.solution) > _SOLUTION or poll.solution.count("\n") >= _SOLUTION_LINES:
            raise RpcError(400, "MEDIA_CAPTION_TOO_LONG")


def _set_end(call: Call, poll: Poll, asked: types.Poll) -> None:
    """Set how long the poll is open; a time outside of Telegram's bounds is left out."""
    now, date = call.world.date(), seconds(asked.close_date)
    period = asked.close_period or (date - now if date else 0)
    if _SHORTEST <= period <= _LONGEST:
        poll.close_period = period


def check_place(call: Call, to: Account | Chat, poll: Poll) -> None:
    """Raise an RPC error where a poll cannot be sent: between two people, or with names in a channel."""
    if isinstance(to, Chat):
        if to.channel and not to.megagroup and poll.public:
            raise RpcError(400, "BROADCAST_PUBLIC_VOTERS_FORBIDDEN")
    elif not (to is call.me or to.is_bot or call.me.is_bot):
        raise RpcError(400, "MEDIA_INVALID")


def closed_by(call: Call, copy: Copy, given: TLObject) -> Poll:
    """Return the poll that an edit of its message closes; raise an RPC error if it would do anything else."""
    poll = copy.post.media
    if not isinstance(poll, Poll) or not isinstance(given, types.InputMediaPoll):
        raise RpcError(400, "MEDIA_PREV_INVALID")
    if not given.poll.closed:
        raise RpcError(400, "MEDIA_NEW_INVALID")
    if poll.creator != call.me.id:
        raise RpcError(403, "MESSAGE_AUTHOR_REQUIRED")
    if poll.closed:
        raise RpcError(400, "MESSAGE_NOT_MODIFIED")
    return poll


def _in(call: Call, given: TLObject, number: int) -> tuple[Copy, Poll]:
    """Return a message that the caller sees, and the poll in it; raise MESSAGE_ID_INVALID."""
    peer = call.peer(given)
    copy = call.box(peer).get(number)
    if copy is None or copy.peer != peer.marked or not isinstance(copy.post.media, Poll):
        raise RpcError(400, "MESSAGE_ID_INVALID")
    return copy, copy.post.media


def send_vote(call: Call, request: messages.SendVoteRequest) -> TLObject:
    copy, poll = _in(call, request.peer, request.msg_id)
    call.world.polls.vote(call.me, poll, request.options)
    return _told(call, copy, poll)


def get_poll_results(call: Call, request: messages.GetPollResultsRequest) -> TLObject:
    copy, poll = _in(call, request.peer, request.msg_id)
    return _told(call, copy, poll, changed=request.poll_hash != poll.hash)


def _told(call: Call, copy: Copy, poll: Poll, *, changed: bool = True) -> TLObject:
    update = call.world.polls.update(poll, copy, call.me.id, changed=changed)
    return call.happened([update], [copy.peer, *poll.named()])


def get_poll_votes(call: Call, request: messages.GetPollVotesRequest) -> TLObject:
    copy, poll = _in(call, request.peer, request.id)
    if copy.owner < 0 and not call.world.chats[copy.owner].megagroup:
        raise RpcError(400, "BROADCAST_FORBIDDEN")
    if not poll.public or not poll.reveals(call.me.id):
        raise RpcError(403, "POLL_VOTE_REQUIRED")
    option = request.option
    if option and option not in {answer.option for answer in poll.answers}:
        raise RpcError(400, "OPTION_INVALID")
    votes = [each for each in reversed(poll.votes.items()) if not option or option in each[1].options]
    start = offset_of(request.offset)
    shown = votes[start : start + min(max(request.limit, 1), _PAGE)]
    listed: list[TLObject] = []
    for number, vote in shown:
        peer = types.PeerUser(number)
        if option:
            listed.append(types.MessagePeerVoteInputOption(peer, vote.date))
        elif len(vote.options) == 1:
            listed.append(types.MessagePeerVote(peer, vote.options[0], vote.date))
        else:
            listed.append(types.MessagePeerVoteMultiple(peer, list(vote.options), vote.date))
    end = start + len(shown)
    users, chats = call.world.view.beside(call.me, [number for number, _ in shown], complete=True)
    following = str(end) if end < len(votes) else None
    return types.messages.VotesList(len(votes), listed, chats, users, next_offset=following)


def offset_of(given: str | None) -> int:
    """Return the place in a list that an offset of an earlier answer names; 0 for anything else."""
    given = given or ""
    return int(given) if len(given) < 10 and given.isascii() and given.isdigit() else 0


METHODS: Final = {
    messages.SendVoteRequest: Method(send_vote, Open.USERS),
    messages.GetPollResultsRequest: Method(get_poll_results, Open.USERS),
    messages.GetPollVotesRequest: Method(get_poll_votes, Open.USERS),
}
