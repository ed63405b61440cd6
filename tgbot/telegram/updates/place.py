"""Where an update stands in Telegram's log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from telethon.tl import types

from tgbot.telegram.updates.keys import channel_of

#: The greatest pts, qts and seq.
GREATEST = 2**31 - 1


class Place(NamedTuple):
    """Where an update stands."""

    #: "pts", "qts" or the bare id of a channel.
    numbers: str | int
    before: int
    number: int


def place_of(update: types.TypeUpdate) -> Place | None:
    """Return where an update stands, None for one that stands in no sequence."""
    number = getattr(update, "pts", None)
    if number:
        channel = channel_of(update)
        if channel == 0:
            return None
        count = getattr(update, "pts_count", None) or 0
        return Place("pts" if channel is None else channel, number - count, number)
    number = getattr(update, "qts", None)
    return Place("qts", number - 1, number) if number else None


def updates_in(container: types.TypeUpdates) -> list[types.TypeUpdate]:
    """Return the updates in a container of any kind."""
    return getattr(container, "updates", None) or [getattr(container, "update", container)]


def channels_of(updates: Iterable[types.TypeUpdate]) -> set[int]:
    """Return the bare ids of the channels whose pts these updates move."""
    return {channel for update in updates if (channel := channel_of(update))}


def pts_before(updates: Iterable[types.TypeUpdate]) -> int | None:
    """Return the account's pts before the first of these updates, None if no update has one."""
    places = map(place_of, updates)
    numbers = (place.before for place in places if place and place.numbers == "pts" and is_possible(place))
    return min(numbers, default=None)


def is_possible(place: Place) -> bool:
    """Return whether an update can have these numbers."""
    return 0 <= place.before <= place.number <= GREATEST


def order_of(update: types.TypeUpdate) -> int:
    """Return what to sort the updates of a container by."""
    place = place_of(update)
    return place.before if place is not None else 0
