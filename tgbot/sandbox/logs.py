"""The update log of an account, numbered by pts for messages and by qts for bot events."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from telethon.tl import TLObject, types

from .dialogs import Copy
from .mentions import mentioned, named

FIRST_PTS = 1
FIRST_QTS = 1


class Entry:
    """One update of an account. An update without pts and qts reaches only connected sessions."""

    __slots__ = ("at", "content", "edited", "own", "pts", "pts_count", "qts")

    def __init__(
        self,
        content: Copy | TLObject,
        *,
        pts: int | None = None,
        pts_count: int = 0,
        qts: int | None = None,
        at: int = 0,
        edited: bool = False,
        own: bool = False,
    ) -> None:
        self.content = content
        self.pts = pts
        self.pts_count = pts_count
        self.qts = qts
        #: The account's pts when this was logged: the place of an entry with a qts among those with a pts.
        self.at = at
        self.edited = edited
        #: Whether the account did it itself: the session that called has it in its answer.
        self.own = own

    @property
    def message(self) -> Copy | None:
        """The new message of this entry, None if it is another update."""
        return self.content if isinstance(self.content, Copy) and not self.edited else None

    def named(self) -> Iterator[int]:
        """Yield the marked ids in the update."""
        content = self.content
        return mentioned(content) if isinstance(content, Copy) else named(content)

    @property
    def update(self) -> TLObject:
        """The TL update, with the message as it is now."""
        content = self.content
        if not isinstance(content, Copy):
            return content
        kind = types.UpdateEditMessage if self.edited else types.UpdateNewMessage
        return kind(content.message(), self.pts, self.pts_count)


class Log:
    """Entries in order; finding one by pts or qts is O(log n)."""

    __slots__ = ("_bot", "_entries", "pts", "qts")

    def __init__(self) -> None:
        self.pts = FIRST_PTS
        self.qts = FIRST_QTS
        self._entries: list[Entry] = []
        self._bot: list[Entry] = []

    def add(self, content: Copy | TLObject, pts_count: int = 1) -> Entry:
        """Log a new message, or a TL update, and set its pts, which grows by `pts_count`."""
        self.pts += pts_count
        entry = Entry(content, pts=self.pts, pts_count=pts_count, at=self.pts)
        content.pts = self.pts
        if not isinstance(content, Copy):
            content.pts_count = pts_count
        self._entries.append(entry)
        return entry

    def add_edit(self, copy: Copy) -> Entry:
        """Log an edit of a message."""
        self.pts += 1
        entry = Entry(copy, pts=self.pts, pts_count=1, at=self.pts, edited=True)
        self._entries.append(entry)
        return entry

    def add_bot(self, update: TLObject) -> Entry:
        """Log an update and set its qts."""
        self.qts += 1
        update.qts = self.qts
        entry = Entry(update, qts=self.qts, at=self.pts)
        self._bot.append(entry)
        return entry

    def above(self, pts: int, qts: int, limit: int | None = None) -> list[Entry]:
        """Return the entries above a state, oldest first, at most `limit` of them."""
        if pts >= self.pts:
            messages: list[Entry] = []
        else:
            start = bisect_right(self._entries, pts, key=_pts)
            messages = self._entries[start : None if limit is None else start + limit]
        if qts >= self.qts:
            return messages
        start = max(qts - FIRST_QTS, 0)
        events = self._bot[start : None if limit is None else start + limit]
        if not messages:
            return events
        # A stable sort, messages first: an event logged at pts n happened after the message with pts n.
        merged = sorted(messages + events, key=_at)
        return merged if limit is None else merged[:limit]


def _pts(entry: Entry) -> int:
    return entry.pts or 0


def _at(entry: Entry) -> int:
    return entry.at
