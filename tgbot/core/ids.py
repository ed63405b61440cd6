"""Marked ids: one number that names a user (positive), a group or a channel (both negative). Pure."""

from __future__ import annotations

from typing import Final

#: The marked id of a channel or supergroup is this minus its bare id; a basic group's is minus its bare id.
CHANNEL_MARK: Final = -1_000_000_000_000


def marked_channel(channel_id: int) -> int:
    """Return the marked id of the channel or supergroup with this bare id."""
    return CHANNEL_MARK - channel_id


def marked_chat(chat_id: int) -> int:
    """Return the marked id of the basic group with this bare id."""
    return -chat_id


def marked_id(peer: object) -> int:
    """Return the marked id of a TL peer: whatever has a `user_id`, `channel_id` or `chat_id`; 0 for others.

    These are `Peer…`, `InputPeer…`, `InputUser` and `InputChannel`; None and the bot itself have no id here.
    """
    user_id = getattr(peer, "user_id", None)
    if isinstance(user_id, int):
        return user_id
    channel_id = getattr(peer, "channel_id", None)
    if isinstance(channel_id, int):
        return marked_channel(channel_id)
    chat_id = getattr(peer, "chat_id", None)
    return marked_chat(chat_id) if isinstance(chat_id, int) else 0


def is_user(marked: int) -> bool:
    """Return whether a marked id names a user."""
    return marked > 0


def is_channel(marked: int) -> bool:
    """Return whether a marked id names a channel or a supergroup."""
    return marked < CHANNEL_MARK


def bare_id(marked: int) -> int:
    """Return the id that Telegram's own types hold: without sign and mark."""
    if is_channel(marked):
        return CHANNEL_MARK - marked
    return abs(marked)
