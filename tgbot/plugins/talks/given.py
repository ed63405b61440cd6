"""What a talk is carried on with while it waits for an answer."""

from __future__ import annotations

from typing import Any, NamedTuple


class Written(NamedTuple):
    """A message of the user that may answer the open question."""

    event: Any  # Any: an event of Telethon's


class Pressed(NamedTuple):
    """The value of the option that the user chose by a button."""

    value: Any  # Any: JSON


class Cancelled(NamedTuple):
    """The user ended the talk by a command; the id of the message if the talk takes it, else 0."""

    command: str
    message: int


class Late(NamedTuple):
    """The time for an answer is over."""
