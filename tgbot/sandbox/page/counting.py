"""What a bot owes: messages of people without an answer, and answers that were said twice.

Counted from the bot's own log of updates at the server, whoever wrote and whatever client the bot is:

- A message of a person in a private chat is answered by the bot's reply to it, else by its next message in
  that chat: each message answers one, in their order. An edit answers one if it is not for a pressed button.
  An album is one message. Who blocks the bot is owed nothing more.
- It is lost if something was wrong meanwhile (the bot was killed or stopped, its link was cut, a fault was
  on), and it has no answer although the bot is idle and has handled all that came. If nothing was wrong, the
  bot had nothing to say to it.
- Said twice is a send whose random_id became a second message; and words that the bot says again in a chat
  after it was killed or its link was cut, more often than the person had done anything there.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from telethon.tl import types

from ..dialogs import Copy
from ..logs import Entry
from ..world import World

#: How many entries of the log are read at once.
_BATCH: Final = 1000
#: How many of what is lost or said twice are shown.
SHOWN: Final = 20


@dataclass(slots=True, eq=False)
class _Chat:
    """The private chat of a person with the bot, since the count began."""

    #: Messages of the person without an answer, oldest first.
    owed: deque[Copy] = field(default_factory=deque)
    #: How often the person wrote, edited or pressed something.
    deeds: int = 0
    #: Presses whose edit has not come yet.
    presses: int = 0
    album: object = None
    #: How often each thing was said, and in which life of the bot last.
    said: Counter[object] = field(default_factory=Counter)
    life: dict[object, int] = field(default_factory=dict)


class Count:
    """Counts for one bot from now on; `read` takes in what has happened."""

    def __init__(self, world: World, bot: int, faulty: Callable[[], bool] = lambda: False) -> None:
        self._world = world
        self.bot = bot
        #: Whether a fault is on.
        self._faulty = faulty
        self.begin()

    def begin(self) -> None:
        """Begin anew with what happens from now on."""
        self._pts, self._qts = self._world.state(self.bot)[:2]
        self.since = self._world.date()
        self._chats: defaultdict[int, _Chat] = defaultdict(_Chat)
        #: Those in which a message has no answer.
        self._owing: dict[_Chat, None] = {}
        #: Messages that the bot may not have got, because something was wrong, and whether something is.
        self._endangered: dict[Copy, None] = {}
        self._danger = False
        #: Messages that the bot had nothing to say to.
        self.unanswered = 0
        #: The messages that sends became.
        self._names: dict[tuple[int, int], Copy] = {}
        self._life = 0
        #: The messages of people, and those of the bot.
        self.asked = 0
        self.answers = 0
        self.twice: list[Copy] = []
        #: The place up to which the bot has said that it has handled everything.
        self._idle = (self._pts, self._qts)

    @property
    def place(self) -> tuple[int, int]:
        """The (pts, qts) of the bot's log up to which this has read."""
        return self._pts, self._qts

    @property
    def settled(self) -> bool:
        """Whether the bot has handled all that this has read, by its word."""
        return self._idle == self.place

    @property
    def owed(self) -> list[Copy]:
        """The messages without an answer."""
        self._owing = {chat: None for chat in self._owing if chat.owed}
        return [copy for chat in self._owing for copy in chat.owed if not copy.deleted]

    @property
    def lost(self) -> list[Copy]:
        """The messages that the bot has passed without an answer."""
        return [copy for copy in self.owed if copy.pts <= self._idle[0] and copy in self._endangered]

    def idle(self, place: tuple[int, int]) -> None:
        """Take the word of the bot that it has handled everything up to a place."""
        self._idle = place
        for chat in self._owing:
            silent = [copy for copy in chat.owed if copy.pts <= place[0] and copy not in self._endangered]
            for copy in silent:
                chat.owed.remove(copy)
            self.unanswered += len(silent)
        self._danger = self._faulty()

    def endanger(self) -> None:
        """Note that something goes wrong: what waits now, or comes before the bot is idle, may be lost."""
        self._danger = True
        self._endangered.update(dict.fromkeys(self.owed))

    def cut(self) -> None:
        """Note that the bot was killed, or its link was cut: what it says now may be said again."""
        self._life += 1
        self.endanger()

    def pressed(self, person: int) -> None:
        """Note that a person has pressed a button."""
        chat = self._chats[person]
        chat.deeds += 1
        chat.presses += 1

    def read(self) -> None:
        """Take in what has happened since the last call."""
        while entries := self._world.entries(self.bot, self._pts, self._qts, _BATCH):
            for entry in entries:
                self._pts, self._qts = entry.pts or self._pts, entry.qts or self._qts
                self._take(entry)

    def shown(self) -> dict[str, object]:
        """Return what a page shows."""
        lost = self.lost
        return {
            "account": self.bot,
            "since": self.since,
            "asked": self.asked,
            "answers": self.answers,
            "waiting": len(self.owed) - len(lost),
            "unanswered": self.unanswered,
            "lost": len(lost),
            "twice": len(self.twice),
            "which_lost": self._listed(lost),
            "which_twice": self._listed(self.twice),
        }

    def _listed(self, copies: Iterable[Copy]) -> list[dict[str, object]]:
        return [
            {"who": self._world.accounts[copy.peer].name, "text": copy.post.text[:80], "date": copy.post.date}
            for copy in [*copies][-SHOWN:]
        ]

    def _take(self, entry: Entry) -> None:
        content: Any = entry.content  # Any: a copy, or a TL update
        if isinstance(content, types.UpdateBotStopped):
            if content.stopped:
                self._chats[content.user_id].owed.clear()
        elif isinstance(content, Copy) and self._counts(content):
            chat = self._chats[content.peer]
            if not content.out:
                self._hear(chat, content, edited=entry.edited)
            elif not entry.edited:
                self._say(chat, content)
            elif chat.presses:
                chat.presses -= 1
            elif chat.owed:
                chat.owed.popleft()

    def _counts(self, copy: Copy) -> bool:
        other = self._world.accounts.get(copy.peer) if copy.peer > 0 else None
        return other is not None and not other.is_bot and copy.post.action is None

    def _hear(self, chat: _Chat, copy: Copy, *, edited: bool) -> None:
        chat.deeds += 1
        album = (copy.post.extras or {}).get("grouped_id")
        if edited or (album is not None and album == chat.album):
            return
        chat.album = album
        self.asked += 1
        chat.owed.append(copy)
        self._owing[chat] = None
        if self._danger or self._faulty():
            self._endangered[copy] = None

    def _say(self, chat: _Chat, copy: Copy) -> None:
        self.answers += 1
        if self._again(chat, copy):
            self.twice.append(copy)
            return
        replied = next((each for each in chat.owed if each.id == copy.reply_to), None)
        if replied is not None:
            chat.owed.remove(replied)
        elif chat.owed:
            chat.owed.popleft()

    def _again(self, chat: _Chat, copy: Copy) -> bool:
        """Return whether the bot has said this before; note that it has now."""
        words = copy.post.text, _labels(copy.post.markup), type(copy.post.media)
        chat.said[words] += 1
        before = chat.life.get(words, self._life)
        chat.life[words] = self._life
        if copy.random_id is not None:
            name = copy.peer, copy.random_id
            if name in self._names:
                return True
            self._names[name] = copy
        return before != self._life and chat.said[words] > chat.deeds


def _labels(markup: Any) -> tuple[str, ...]:  # Any: a reply markup, or None
    return tuple(button.text for row in getattr(markup, "rows", ()) for button in row.buttons)
