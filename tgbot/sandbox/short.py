"""The short forms of updates, in which Telegram leaves out what a client knows already.

Source: https://core.telegram.org/api/updates
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from telethon.tl import TLObject, types

#: The most users and chats that a session is taken to know; with more, it is taken to know none.
MAX_KNOWN: Final = 10_000
#: Updates that need no users and chats beside them.
_BARE: Final = frozenset(
    (
        types.UpdateChannelUserTyping,
        types.UpdateChatUserTyping,
        types.UpdateUserTyping,
        types.UpdateUserStatus,
        types.UpdateReadHistoryInbox,
        types.UpdateReadHistoryOutbox,
        types.UpdateReadChannelInbox,
        types.UpdateReadChannelOutbox,
    )
)
#: The fields of a message that its short form has, too; `from_id` and `peer_id` become ids there.
_SHARED: Final = (
    *("id", "message", "date", "out", "mentioned", "media_unread", "silent"),
    *("fwd_from", "via_bot_id", "reply_to", "entities", "ttl_period"),
)
_FIELDS: Final = frozenset((*_SHARED, "from_id", "peer_id"))


class ShortUpdates(StrEnum):
    """Whose updates come in short forms."""

    #: Nobody's.
    OFF = "off"
    #: Those of users.
    USERS = "users"
    #: Those of users and bots.
    ALL = "all"


class Known:
    """The users and chats that one session has been sent in full, by their marked ids."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def note(self, updates: types.Updates) -> None:
        """Note who and what is beside updates that are sent."""
        if len(self._ids) > MAX_KNOWN:
            self._ids.clear()
        self._ids.update(user.id for user in updates.users if not user.min)
        self._ids.update(-chat.id for chat in updates.chats if isinstance(chat, types.Chat))

    def has(self, updates: types.Updates) -> bool:
        """Return whether all are known that are beside updates."""
        users = all(user.id in self._ids for user in updates.users)
        return users and all(-chat.id in self._ids for chat in updates.chats)


def shortened(updates: types.Updates, known: Known) -> TLObject:
    """Return the short form that Telegram would send to a session instead, or the updates themselves."""
    if len(updates.updates) != 1:
        return updates
    update: Any = updates.updates[0]
    if type(update) in _BARE:
        return types.UpdateShort(update, updates.date)
    if isinstance(update, types.UpdateNewMessage) and isinstance(update.message, types.Message):
        message: Any = update.message
        if known.has(updates) and not any(value for name, value in vars(message).items() if _is_more(name)):
            return _short_message(update, message) or updates
    return updates


def _is_more(name: str) -> bool:
    """Return whether the short form does not have this field of a message."""
    return name not in _FIELDS and not name.startswith("_")


def _short_message(update: Any, message: Any) -> TLObject | None:
    shared = {name: getattr(message, name) for name in _SHARED}
    numbers = {"pts": update.pts, "pts_count": update.pts_count}
    peer, sender = message.peer_id, message.from_id
    if isinstance(peer, types.PeerUser):
        # In a dialog the client knows the sender by the direction, but not in that with itself.
        if message.out and isinstance(sender, types.PeerUser) and sender.user_id == peer.user_id:
            return None
        return types.UpdateShortMessage(user_id=peer.user_id, **shared, **numbers)
    if isinstance(peer, types.PeerChat) and isinstance(sender, types.PeerUser):
        return types.UpdateShortChatMessage(from_id=sender.user_id, chat_id=peer.chat_id, **shared, **numbers)
    return None
