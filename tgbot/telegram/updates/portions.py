"""Updates to hand out, with what came with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from telethon.tl import types

from tgbot.telegram.updates.keys import stable_key


class Portion(NamedTuple):
    """Updates to hand out together, with the users and chats that came with them."""

    updates: list[types.TypeUpdate]
    users: Sequence[types.TypeUser]
    chats: Sequence[types.TypeChat]
    #: Whether they were taken ahead of a hole.
    ahead: bool


@dataclass(slots=True, eq=False)
class Item:
    """An update, its place in a sequence, and what came with it."""

    update: types.TypeUpdate
    users: Sequence[types.TypeUser]
    chats: Sequence[types.TypeChat]
    #: The number before it and its own.
    before: int
    number: int
    #: Whether it is the bot's own doing, which no handler is told of.
    own: bool
    at: float


@dataclass(slots=True, eq=False)
class Span:
    """Numbers beyond a hole that were handed out: those above `start`, up to `end`."""

    start: int
    end: int
    at: float


#: Updates to hand out, in order, and whether each was taken ahead of a hole.
Out = list[tuple[Item, bool]]


def brought_item(update: types.TypeUpdate, answer: object, now: float) -> Item:
    """Return an update of a difference, with its users and chats."""
    return Item(update, getattr(answer, "users", ()), getattr(answer, "chats", ()), 0, 0, False, now)


def news(out: Out) -> bool:
    """Return whether any of these has a key: others may come with each answer."""
    return any(stable_key(item.update) is not None for item, _ in out)


def portions_of(
    out: Out, users: Sequence[types.TypeUser] = (), chats: Sequence[types.TypeChat] = ()
) -> list[Portion]:
    """Return what is handed out, in order, each with the users and chats that came with it.

    `users` and `chats` are handed out even where no update is.
    """
    portions: list[Portion] = []
    for item, ahead in out:
        last = portions[-1] if portions else None
        if last is None or last.ahead != ahead or last.users is not item.users:
            last = Portion([], item.users, item.chats, ahead)
            portions.append(last)
        last.updates.append(item.update)
    if (users or chats) and not any(portion.users is users for portion in portions):
        portions.append(Portion([], users, chats, False))
    return portions


class Hole(NamedTuple):
    """Numbers of a sequence that never came, both ends included."""

    sequence: str
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.sequence} {self.first} to {self.last}"
