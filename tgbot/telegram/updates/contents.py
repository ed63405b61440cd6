"""What a difference holds: how much of the log it explains, and whether it has a wrong type inside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from telethon.tl import types

from tgbot.telegram.updates.keys import dialog_of, marked_entity, stable_key
from tgbot.telegram.updates.place import place_of

_MESSAGE = types.MessageEmpty.SUBCLASS_OF_ID
_UPDATE = types.UpdateConfig.SUBCLASS_OF_ID
_USER = types.UserEmpty.SUBCLASS_OF_ID
_CHAT = types.ChatEmpty.SUBCLASS_OF_ID


class WrongContentsError(ValueError):
    """Something inside of an answer is not of the type that belongs there."""


def check_difference(answer: Any) -> None:  # Any: a difference of the account or of a channel
    """Raise WrongContentsError, or what reading a wrong type raises, if a difference holds a wrong type."""
    messages = (*getattr(answer, "new_messages", ()), *getattr(answer, "messages", ()))
    _check(messages, _MESSAGE)
    _check_updates(types.UpdateNewMessage(message, 0, 0) for message in messages)
    others = getattr(answer, "other_updates", ())
    _check(others, _UPDATE)
    _check_updates(others)
    _check_entities(answer)


def _check_updates(updates: Iterable[types.TypeUpdate]) -> None:
    for update in updates:
        place_of(update)
        dialog_of(update)
        stable_key(update)


def _check_entities(answer: Any) -> None:  # Any: as above
    users, chats = getattr(answer, "users", ()), getattr(answer, "chats", ())
    _check(users, _USER)
    _check(chats, _CHAT)
    for entity in (*users, *chats):
        marked_entity(entity)


def _check(things: Iterable[Any], kind: int) -> None:  # Any: whatever was read
    for thing in things:
        if getattr(thing, "SUBCLASS_OF_ID", 0) != kind:
            raise WrongContentsError(type(thing).__name__)


def state_of(answer: types.updates.TypeDifference) -> types.updates.State | None:
    """Return the state in a difference, None where it is empty."""
    return getattr(answer, "state", None) or getattr(answer, "intermediate_state", None)


def account_brought(answer: types.updates.TypeDifference) -> int:
    """Return how many numbers of the account's log a difference explains."""
    places = map(place_of, answer.other_updates)
    counts = (place.number - place.before for place in places if place and place.numbers == "pts")
    return len(answer.new_messages) + sum(counts)


def channel_brought(answer: types.updates.TypeChannelDifference) -> int:
    """Return how many numbers of the channel's log a difference explains."""
    places = map(place_of, getattr(answer, "other_updates", ()))
    counts = (place.number - place.before for place in places if place and isinstance(place.numbers, int))
    return len(getattr(answer, "new_messages", ())) + sum(counts)


def unexplained(answer: types.updates.TypeDifference, at: int) -> int:
    """Return by how much the pts of a difference is above ours, which is `at`, without updates for it."""
    if isinstance(answer, types.updates.DifferenceTooLong):
        return int(answer.pts) - at
    state = state_of(answer)
    return 0 if state is None else int(state.pts) - at - account_brought(answer)
