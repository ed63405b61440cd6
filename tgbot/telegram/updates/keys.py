"""What an update is about: its dialog, its key, and the channel it belongs to."""

from __future__ import annotations

from telethon import utils
from telethon.tl import TLObject, types

_NEW_MESSAGES = frozenset({types.UpdateNewMessage, types.UpdateNewChannelMessage})
_EDITS = frozenset({types.UpdateEditMessage, types.UpdateEditChannelMessage})
_SHORT = frozenset({types.UpdateShortMessage, types.UpdateShortChatMessage})
_PEERS = frozenset({types.PeerUser, types.PeerChat, types.PeerChannel})
_CHANNEL_MARK = -1_000_000_000_000


def marked(peer: types.TypePeer | None) -> int:
    """Return the marked id of a peer, 0 for None."""
    if peer is None:
        return 0
    if type(peer) is types.PeerUser:
        user_id: int = peer.user_id
        return user_id
    chat_id: int = utils.get_peer_id(peer)
    return chat_id


def marked_entity(entity: types.TypeUser | types.TypeChat) -> int:
    """Return the marked id of a user or chat."""
    kind = type(entity)
    if kind is types.User or kind is types.UserEmpty:
        user_id: int = entity.id
        return user_id
    chat_id: int = utils.get_peer_id(entity)
    return chat_id


def marked_input(peer: types.TypeInputPeer | None) -> int:
    """Return the marked id of an input peer; 0 for None, for the bot itself, and for a peer without an id."""
    if peer is None:
        return 0
    kind = type(peer)
    if kind is types.InputPeerUser:
        user_id: int = peer.user_id
        return user_id
    if kind is types.InputPeerSelf or kind is types.InputPeerEmpty:
        return 0
    try:
        return marked(utils.get_peer(peer))
    except TypeError:
        return 0


def message_of(update: types.TypeUpdate) -> types.TypeMessage | None:
    """Return the new message (a service message too) of an update, None for other updates."""
    return update.message if type(update) in _NEW_MESSAGES else None


def dialog_of(update: types.TypeUpdate) -> int:
    """Return the marked id of the dialog that an update belongs to, 0 where it belongs to none.

    The dialog is the private user if there is one, else the chat. Updates of one dialog are handled in order.
    """
    kind = type(update)
    if kind in _NEW_MESSAGES or kind in _EDITS:
        return marked(update.message.peer_id)
    if kind is types.UpdateShortMessage:
        return int(update.user_id)
    if kind is types.UpdateShortChatMessage:
        return -int(update.chat_id)
    peer = getattr(update, "peer", None)
    if peer is not None and type(peer) in _PEERS:
        chat = marked(peer)
        # A join request belongs to the private dialog of the person, not to the chat they want to enter.
        if chat > 0 or kind is not types.UpdateBotChatInviteRequester:
            return chat
    user_id = getattr(update, "user_id", None)
    if isinstance(user_id, int):
        return user_id
    channel_id = getattr(update, "channel_id", None)
    if isinstance(channel_id, int):
        return _CHANNEL_MARK - channel_id
    chat_id = getattr(update, "chat_id", None)
    return -chat_id if isinstance(chat_id, int) else 0


def stable_key(update: types.TypeUpdate) -> str | None:
    """Return the key of an update: the same live, in a difference and after a restart; no two share one.

    The chat and the message id of a new message, the pts of any other event of a message log (the account's,
    or a channel's), the qts of a bot event. None for updates that Telegram does not keep: those without pts
    and qts, and those that take no place in the log (their pts is the one of the event before them).
    """
    kind = type(update)
    if kind in _NEW_MESSAGES:
        message = update.message
        return f"m{marked(message.peer_id)}:{message.id}"
    if kind in _SHORT:
        return f"m{dialog_of(update)}:{update.id}"
    qts = getattr(update, "qts", None)
    if qts:
        return f"q{qts}"
    pts = getattr(update, "pts", None)
    if not pts or not getattr(update, "pts_count", 0):
        return None
    channel = channel_of(update)
    return f"p{pts}" if channel is None else f"p{channel}:{pts}"


def channel_of(update: TLObject) -> int | None:
    """Return the bare id of the channel whose own pts an update moves, None for the account's."""
    channel_id = getattr(update, "channel_id", None)
    if channel_id is None:
        peer = getattr(getattr(update, "message", None), "peer_id", None)
        channel_id = getattr(peer, "channel_id", None)
    return channel_id if isinstance(channel_id, int) else None
