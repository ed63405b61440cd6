"""What an update is about: its dialog, its name for good, and the channel it belongs to."""

from __future__ import annotations

from typing import Any

from telethon import utils
from telethon.tl import types

from tgbot.telegram.updates.replies import OwnMessage

_NEW_MESSAGES = frozenset({types.UpdateNewMessage, types.UpdateNewChannelMessage})
_EDITS = frozenset({types.UpdateEditMessage, types.UpdateEditChannelMessage})
_SHORT = frozenset({types.UpdateShortMessage, types.UpdateShortChatMessage})


def marked(peer: Any) -> int:
    """Return the marked id of a peer, 0 for none."""
    kind = type(peer)
    if kind is types.PeerUser:
        user_id: int = peer.user_id
        return user_id
    if peer is None:
        return 0
    chat_id: int = utils.get_peer_id(peer)
    return chat_id


def message_of(update: Any) -> Any:
    """Return the new message that an update brings (a service message too), None for other updates."""
    return update.message if type(update) in _NEW_MESSAGES else None


def dialog_of(update: Any) -> int:
    """Return the marked id of the dialog whose order an update keeps; 0 for those that belong to none.

    The private user where there is one, else the chat.
    """
    kind = type(update)
    if kind in _NEW_MESSAGES or kind in _EDITS:
        return marked(update.message.peer_id)
    if kind is types.UpdateShortMessage:
        return int(update.user_id)
    if kind is types.UpdateShortChatMessage:
        return -int(update.chat_id)
    peer = getattr(update, "peer", None)
    if peer is not None and type(peer) in (types.PeerUser, types.PeerChat, types.PeerChannel):
        chat = marked(peer)
        # A join request is about the person: their private dialog, not the chat they want to enter.
        if chat > 0 or kind is not types.UpdateBotChatInviteRequester:
            return chat
    user_id = getattr(update, "user_id", None)
    if isinstance(user_id, int):
        return user_id
    channel_id = getattr(update, "channel_id", None)
    if isinstance(channel_id, int):
        return -1_000_000_000_000 - channel_id
    chat_id = getattr(update, "chat_id", None)
    return -chat_id if isinstance(chat_id, int) else 0


def name_of(update: Any) -> str | None:
    """Return what an update is called for good: the same live, in a difference, and after a restart.

    None for updates that Telegram does not keep (they have neither pts nor qts).
    """
    kind = type(update)
    if kind in _NEW_MESSAGES:
        message = update.message
        return f"m{marked(message.peer_id)}:{message.id}"
    if kind in _SHORT:
        return f"m{dialog_of(update)}:{update.id}"
    if kind in _EDITS:
        message = update.message
        edited = int(message.edit_date.timestamp()) if getattr(message, "edit_date", None) else 0
        return f"e{marked(message.peer_id)}:{message.id}:{edited}"
    qts = getattr(update, "qts", None)
    if qts:
        return f"q{qts}"
    pts = getattr(update, "pts", None)
    if pts:
        return f"p{dialog_of(update) if hasattr(update, 'channel_id') else 0}:{pts}"
    return None


def channel_of(update: Any) -> int | None:
    """Return the bare id of the channel whose own pts an update moves, None for the account's."""
    channel_id = getattr(update, "channel_id", None)
    if channel_id is None:
        peer = getattr(getattr(update, "message", None), "peer_id", None)
        channel_id = getattr(peer, "channel_id", None)
    return channel_id if isinstance(channel_id, int) else None


def marked_entity(entity: Any) -> int:
    """Return the marked id of a user or chat."""
    kind = type(entity)
    if kind is types.User or kind is types.UserEmpty:
        user_id: int = entity.id
        return user_id
    chat_id: int = utils.get_peer_id(entity)
    return chat_id


def content_of(text: str | None, media: Any) -> str:
    """Return what tells one message of ours from another: its text, or the kind of its media."""
    if text and not text.isspace():
        return text.strip()  # as Telegram does
    kind = type(media).__name__ if media is not None else ""
    for prefix in ("InputMedia", "MessageMedia", "Uploaded"):
        kind = kind.removeprefix(prefix)
    return kind.removesuffix("External")


def own_message(message: Any) -> OwnMessage | None:
    """Return what tells a message of ours from others; None for a service message."""
    if not isinstance(message, types.Message):
        return None
    reply_to = getattr(message.reply_to, "reply_to_msg_id", None)
    content = content_of(message.message, message.media)
    return OwnMessage(marked(message.peer_id), message.id, content, reply_to, message)
