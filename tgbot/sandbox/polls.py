"""Polls and quizzes: who voted for what, and what each viewer is told about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .agenda import Agenda
from .chats import Chat
from .dialogs import Copy, PerViewer, Post, peer_of
from .feeds import Feeds
from .rpc import RpcError

#: How many of those who voted last a poll names.
_RECENT: Final = 3


@dataclass(frozen=True, slots=True)
class Vote:
    """What one account chose, and when."""

    options: tuple[bytes, ...]
    date: int


@dataclass(slots=True, eq=False)
class Poll(PerViewer):
    """A poll. Messages that are forwards of it share it, with its votes."""

    id: int
    #: The account that made it.
    creator: int
    question: types.TextWithEntities
    answers: list[types.PollAnswer]
    public: bool = False
    multiple: bool = False
    quiz: bool = False
    #: The options that are right answers of a quiz.
    correct: frozenset[bytes] = frozenset()
    solution: str | None = field(default=None, repr=False)
    solution_entities: list[TLObject] | None = field(default=None, repr=False)
    #: Whether a vote cannot be changed or taken back.
    final: bool = False
    shuffled: bool = False
    #: Whether only the creator sees the results before the poll is closed.
    hidden: bool = False
    close_period: int | None = None
    close_date: int | None = None
    closed: bool = False
    #: Account → vote, those who voted last at the end.
    votes: dict[int, Vote] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list, repr=False)

    @property
    def hash(self) -> int:
        """A number that changes when the poll itself changes, not when somebody votes."""
        return self.id ^ self.closed

    def reveals(self, viewer: int) -> bool:
        """Return whether this account sees the results."""
        if self.closed or viewer == self.creator:
            return True
        return viewer in self.votes and not self.hidden

    def shown(self, viewer: int) -> types.MessageMediaPoll:
        """Build the media of a message for one viewer."""
        return types.MessageMediaPoll(self.poll(viewer), self.results(viewer))

    def poll(self, viewer: int) -> types.Poll:
        """Build the TL poll."""
        return types.Poll(
            self.id,
            self.question,
            self.answers,
            self.hash,
            closed=self.closed or None,
            public_voters=self.public or None,
            multiple_choice=self.multiple or None,
            quiz=self.quiz or None,
            revoting_disabled=self.final or None,
            shuffle_answers=self.shuffled or None,
            hide_results_until_close=self.hidden or None,
            creator=viewer == self.creator or None,
            close_period=self.close_period,
            close_date=self.close_date,
        )

    def results(self, viewer: int) -> types.PollResults:
        """Build what one viewer sees of the votes: who has not voted sees only how many there are."""
        results = types.PollResults(total_voters=len(self.votes))
        if self.public and not self.hidden:
            results.recent_voters = [
                types.PeerUser(number) for number in list(reversed(self.votes))[:_RECENT]
            ]
        if not self.reveals(viewer):
            return results
        mine = self.votes[viewer].options if viewer in self.votes else ()
        results.results = [
            types.PollAnswerVoters(
                answer.option,
                chosen=answer.option in mine or None,
                correct=answer.option in self.correct or None,
                voters=len(chose := self._chose(answer.option)),
                recent_voters=[types.PeerUser(number) for number in chose[:_RECENT]] if self.public else [],
            )
            for answer in self.answers
        ]
        if self.solution:
            results.solution, results.solution_entities = self.solution, self.solution_entities or []
        return results

    def named(self) -> Iterator[int]:
        """Yield the ids of the accounts that are named in the poll."""
        if self.public:
            for answer in self.answers:
                yield from self._chose(answer.option)[:_RECENT]

    def _latest(self) -> list[int]:
        return list(reversed(self.votes))[:_RECENT]

    def _chose(self, option: bytes) -> list[int]:
        """Return who chose an option, those who voted last first."""
        return [number for number, vote in reversed(self.votes.items()) if option in vote.options]

    def positions(self, options: tuple[bytes, ...]) -> list[int]:
        """Return the places of options among the answers."""
        return [place for place, answer in enumerate(self.answers) if answer.option in options]


class Polls:
    """Vote in polls and close them; all who have the poll are told."""

    def __init__(
        self,
        accounts: Accounts,
        chats: dict[int, Chat],
        feeds: Feeds,
        date: Callable[[], int],
        agenda: Agenda,
    ) -> None:
        self._accounts = accounts
        self._chats = chats
        self._feeds = feeds
        self._date = date
        self._agenda = agenda

    def opened(self, poll: Poll) -> None:
        """Begin a poll that has been sent; one with a `close_period` closes by itself."""
        if poll.close_period is not None and poll.close_date is None:
            poll.close_date = self._date() + poll.close_period
            self._agenda.at(poll.close_date, self.close, poll)

    def close(self, poll: Poll) -> None:
        """Close a poll; nobody can vote any more, and everybody sees the results."""
        if not poll.closed:
            poll.closed = True
            self._tell(poll, changed=True)

    def vote(self, account: Account, poll: Poll, options: list[bytes]) -> None:
        """Vote, vote again, or take the vote back with no options."""
        chosen = tuple(answer.option for answer in poll.answers if answer.option in options)
        if poll.closed:
            raise RpcError(400, "MESSAGE_POLL_CLOSED")
        if len(chosen) < len(options):
            raise RpcError(400, "OPTION_INVALID")
        if len(chosen) > 1 and not poll.multiple:
            raise RpcError(400, "OPTIONS_TOO_MUCH")
        if account.id in poll.votes and (poll.quiz or poll.final):
            raise RpcError(400, "REVOTE_NOT_ALLOWED")
        before = poll.votes.pop(account.id, None)
        if chosen:
            poll.votes[account.id] = Vote(chosen, self._date())
        elif before is None:
            return
        creator = self._accounts[poll.creator]
        if poll.public and creator.is_bot:
            told = types.UpdateMessagePollVote(
                poll.id, types.PeerUser(account.id), list(chosen), poll.positions(chosen), 0
            )
            self._feeds.log_bot(creator, told)
        self._tell(poll, by=account.id)

    def update(self, poll: Poll, copy: Copy, viewer: int, *, changed: bool = True) -> types.UpdateMessagePoll:
        """Build the update about a poll for one viewer; with `changed`, it holds the poll itself, too."""
        return types.UpdateMessagePoll(
            poll.id,
            poll.results(viewer),
            peer=peer_of(copy.peer),
            msg_id=copy.id,
            top_msg_id=copy.topic,
            poll=poll.poll(viewer) if changed else None,
        )

    def _tell(self, poll: Poll, *, by: int = 0, changed: bool = False) -> None:
        """Send the poll to all who have it; a bot only hears of its own polls."""
        told: set[int] = set()
        for copy in (copy for post in poll.posts for copy in post.copies if not copy.deleted):
            for viewer in [copy.owner] if copy.owner > 0 else list(self._chats[copy.owner].members):
                if viewer in told or (viewer != poll.creator and self._accounts[viewer].is_bot):
                    continue
                told.add(viewer)
                whole = changed or self._accounts[viewer].is_bot
                update = self.update(poll, copy, viewer, changed=whole)
                self._feeds.hand(viewer, update, own=viewer == by)
