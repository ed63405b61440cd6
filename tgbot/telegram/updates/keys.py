"""What an update is about: its dialog, its key, and the channel it belongs to."""

from __future__ import annotations

from typing import Any

from telethon import utils
from telethon.tl import TLObject, types

from tgbot.core.ids import marked_id

#: The updates that bring a new message.
NEW_MESSAGES = frozenset({types.UpdateNewMessage, types.UpdateNewChannelMessage})
_MESSAGES = NEW_MESSAGES | {types.UpdateEditMessage, types.UpdateEditChannelMessage}


#: Updates that somebody waits for, in an app: they stand in no message log and die with the connection.
_QUERIES = frozenset(
    {
        types.UpdateBotCallbackQuery,
        types.UpdateInlineBotCallbackQuery,
        types.UpdateBusinessBotCallbackQuery,
        types.UpdateBotInlineQuery,
        types.UpdateBotInlineSend,
        types.UpdateBotShippingQuery,
        types.UpdateBotPrecheckoutQuery,
    }
)
#: The lane of a user's queries is this minus the user's id; no marked id is as low.
_LANES = -(1 << 60)


def marked_entity(entity: types.TypeUser | types.TypeChat) -> int:
    """Return the marked id of a user or chat."""
    return int(entity.id if type(entity) is types.User else utils.get_peer_id(entity))


def dialog_of(update: types.TypeUpdate) -> int:
    """Return the marked id of the dialog that an update belongs to, 0 where it belongs to none.

    The dialog is the private user if there is one, else the chat. Updates of one dialog are handled in order.
    """
    kind = type(update)
    if kind in _MESSAGES:
        peer = update.message.peer_id
        return int(peer.user_id) if type(peer) is types.PeerUser else marked_id(peer)
    if kind is types.UpdateBotChatInviteRequester:
        # The private dialog of the person, not the chat they want to enter.
        return int(update.user_id)
    return marked_id(getattr(update, "peer", None)) or marked_id(update)


def topic_of(update: types.TypeUpdate) -> int | None:
    """Return the id of the topic that the message of an update is in, None for none and the general one."""
    header: Any = getattr(getattr(update, "message", None) or update, "reply_to", None)  # Any: a TL object
    if type(header) is not types.MessageReplyHeader or not header.forum_topic:
        return None
    topic: int | None = header.reply_to_top_id or header.reply_to_msg_id
    return topic


def lane_of(update: types.TypeUpdate, dialog: int) -> int:
    """Return the number of the lane in which an update of a dialog is handled: the dialog itself for most.

    Presses of buttons and other queries of a user do not queue behind messages, but in a lane of their own.
    """
    return _LANES - int(update.user_id) if type(update) in _QUERIES else dialog


def key_in(dialog: int, message_id: int) -> str:
    """Return the key of a new message of a dialog."""
    return f"m{dialog}:{message_id}"


def stable_key(update: types.TypeUpdate) -> str | None:
    """Return the key of an update: the same live, in a difference and after a restart; no two share one.

    The chat and the message id of a new message, the pts of any other event of a message log (the account's,
    or a channel's), the qts of a bot event. None for updates that Telegram does not keep: those without pts
    and qts, and those that take no place in the log (their pts is the one of the event before them).
    """
    kind = type(update)
    if kind in NEW_MESSAGES:
        return key_in(dialog_of(update), update.message.id)
    if kind is types.UpdateShortMessage or kind is types.UpdateShortChatMessage:
        return key_in(marked_id(update), update.id)
    qts = getattr(update, "qts", None)
    if qts:
        return f"q{qts}"
    pts = getattr(update, "pts", None)
    if not pts or not getattr(update, "pts_count", 0):
        return None
    channel = channel_of(update)
    return f"p{pts}" if channel is None else f"p{channel}:{pts}"


def album_key(first: types.TypeUpdate) -> str:
    """Return the key of an album whose first message this update brings; no update has such a key."""
    message = first.message
    return f"a{marked_id(message.peer_id)}:{message.id}"


def message_key(update: types.TypeUpdate) -> str | None:
    """Return the key of a new message, which a difference brings without its pts; None for other updates."""
    kind = type(update)
    if kind in NEW_MESSAGES or kind is types.UpdateShortMessage or kind is types.UpdateShortChatMessage:
        return stable_key(update)
    return None


def channel_of(update: TLObject) -> int | None:
    """Return the bare id of the channel whose own pts an update moves, None for the account's."""
    channel_id = getattr(update, "channel_id", None)
    if channel_id is None:
        peer = getattr(getattr(update, "message", None), "peer_id", None)
        channel_id = getattr(peer, "channel_id", None)
    return channel_id if isinstance(channel_id, int) else None
