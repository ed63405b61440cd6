"""A small model of Telegram's log of updates: what it pushes, and what a difference from any state holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telethon.tl import types

from tgbot.store.base import UpdateState

THEN = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = UpdateState(10, 5, int(THEN.timestamp()), 1)


@dataclass
class Entry:
    """One thing that happened: `kind` is message, own, edit, deletion or stop."""

    kind: str
    number: int
    pts: int
    qts: int
    count: int

    def update(self) -> Any:
        """The TL update, made anew as if it came off the wire."""
        if self.kind == "stop":
            return types.UpdateBotStopped(1000 + self.number, THEN, True, self.qts)
        if self.kind == "deletion":
            return types.UpdateDeleteMessages([self.number], self.pts, self.count)
        kind = types.UpdateEditMessage if self.kind == "edit" else types.UpdateNewMessage
        return kind(self.message(), self.pts, self.count)

    def message(self) -> Any:
        return types.Message(
            id=self.number,
            peer_id=types.PeerUser(1 + self.number % 3),
            date=THEN,
            message=f"text {self.number}",
            out=self.kind == "own",
        )


class Log:
    """What happened, in order, and the state that it left."""

    def __init__(self, *, slice_at: int = 1000, tells_qts: bool = True) -> None:
        self.entries: list[Entry] = []
        self.pts, self.qts = FIRST.pts, FIRST.qts
        self.slice_at = slice_at
        self.tells_qts = tells_qts

    def add(self, kind: str, count: int = 1) -> Entry:
        """Let something happen that takes `count` of pts, or one qts for a stop."""
        if kind == "stop":
            self.qts += 1
            entry = Entry(kind, len(self.entries) + 1, 0, self.qts, 1)
        else:
            self.pts += count
            entry = Entry(kind, len(self.entries) + 1, self.pts, 0, count)
        self.entries.append(entry)
        return entry

    def push(self, *entries: Entry) -> Any:
        """The container in which these are pushed."""
        return types.Updates([entry.update() for entry in entries], [], [], THEN, 0)

    def sent(self) -> tuple[Entry, Any]:
        """Let the bot send a message; return the entry and the answer, which moves the pts."""
        entry = self.add("own")
        answer = types.UpdateShortSentMessage(entry.number, entry.pts, 1, THEN, out=True)
        answer._self_outgoing = True
        return entry, answer

    def difference(self, request: Any) -> Any:
        """The answer to a getDifference."""
        above = [entry for entry in self.entries if entry.pts > request.pts or entry.qts > request.qts]
        if not above:
            return types.updates.DifferenceEmpty(THEN, 1)
        told = above[: self.slice_at]
        messages = [entry.message() for entry in told if entry.kind in ("message", "own")]
        others: list[Any] = [entry.update() for entry in told if entry.kind not in ("message", "own")]
        others += [types.UpdateMessageID(entry.number, entry.number) for entry in told if entry.kind == "own"]
        pts = max(request.pts, *(entry.pts for entry in told), 0)
        qts = max(request.qts, *(entry.qts for entry in told), 0)
        state = types.updates.State(pts, qts if self.tells_qts else 0, THEN, 1, 0)
        if len(told) < len(above):
            return types.updates.DifferenceSlice(messages, [], others, [], [], state)
        return types.updates.Difference(messages, [], others, [], [], state)


def number_of(update: Any) -> int:
    """Which entry of the log an update is."""
    if isinstance(update, types.UpdateBotStopped):
        return int(update.user_id) - 1000
    if isinstance(update, types.UpdateDeleteMessages):
        return int(update.messages[0])
    return int(update.message.id)
