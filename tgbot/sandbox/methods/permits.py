"""Who may do what in a chat: the checks before a send, and before admins change something."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from telethon.tl import TLObject, types

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Post
from ..polls import Poll
from ..rpc import RpcError
from .calls import Call

#: What a document is, by its attributes, and the right that it needs; the first that is there counts.
_DOCUMENTS: Final = (
    (types.DocumentAttributeSticker, "send_stickers"),
    (types.DocumentAttributeAnimated, "send_gifs"),
    (types.DocumentAttributeVideo, "send_videos"),
    (types.DocumentAttributeAudio, "send_audios"),
)
#: The end of the error's name of each right to send: CHAT_SEND_…_FORBIDDEN.
_ERRORS: Final = {"send_polls": "POLL", "send_games": "GAME"}
#: The largest number that fits into a date of TL.
_LAST_DATE = 0x7FFFFFFF


def may_write(call: Call, chat: Chat) -> None:
    """Raise the error with which Telegram refuses any message of the caller to a chat."""
    me, now = call.me, call.world.date()
    if not chat.may_post(me.id):
        raise RpcError(403, "CHAT_WRITE_FORBIDDEN")
    if chat.broadcast or chat.is_admin(me.id):
        return
    own = chat.restriction(me.id, now)
    if own is not None and own.rights.send_messages:
        raise RpcError(400, "CHAT_RESTRICTED")
    if chat.default_rights.send_messages:
        raise RpcError(403, "CHAT_WRITE_FORBIDDEN")
    wait = chat.last_sent.get(me.id, 0) + chat.slow_seconds - now
    if chat.slow_seconds and wait > 0:
        raise RpcError(420, f"SLOWMODE_WAIT_{wait}")


def may_post(call: Call, chat: Chat, post: Post) -> None:
    """Raise the error with which Telegram refuses what is in a post; begin the pause of the slow mode."""
    me, now = call.me, call.world.date()
    right = _send_right(post)
    if not chat.broadcast and not chat.allows(me.id, right, now):
        raise _refusal(right)
    if chat.slow_seconds and not chat.is_admin(me.id):
        chat.last_sent[me.id] = now


def demand(call: Call, chat: Chat, right: str) -> Chat:
    """Return the chat if the caller is an admin of it with this right; else raise CHAT_ADMIN_REQUIRED."""
    if not chat.has_right(call.me.id, right) or call.me.id not in chat.members:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return chat


def demand_allowed(call: Call, chat: Chat, right: str) -> Chat:
    """Return the chat if the caller may do what members may do unless it is forbidden."""
    if not chat.allows(call.me.id, right, call.world.date()):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return chat


def chat_of(call: Call, given: TLObject) -> Chat:
    """Return the chat of an InputPeer; raise PEER_ID_INVALID for a user."""
    chat = call.peer(given)
    if isinstance(chat, Account):
        raise RpcError(400, "PEER_ID_INVALID")
    return chat


def moment(date: datetime | int | None) -> int:
    """Return the unix time of a date within the range of TL, 0 for none or one before 1970."""
    if date is None:
        return 0
    return min(max(int(date.timestamp() if isinstance(date, datetime) else date), 0), _LAST_DATE)


def _send_right(post: Post) -> str:
    """Return the name of the right that is needed to send a post."""
    media = post.media
    if post.extras and post.extras.get("via_bot_id"):
        return "send_inline"
    if media is None or isinstance(media, types.MessageMediaWebPage):
        return "send_plain"
    if isinstance(media, types.MessageMediaPhoto):
        return "send_photos"
    if isinstance(media, Poll | types.MessageMediaPoll):
        return "send_polls"
    if isinstance(media, types.MessageMediaGame):
        return "send_games"
    if isinstance(media, types.MessageMediaDocument) and media.document is not None:
        attributes = media.document.attributes
        for kind, right in _DOCUMENTS:
            found = next((each for each in attributes if isinstance(each, kind)), None)
            if getattr(found, "round_message", False):
                return "send_roundvideos"
            if getattr(found, "voice", False):
                return "send_voices"
            if found is not None:
                return right
        return "send_docs"
    # Dice are taken for stickers; contacts and places need the right to plain messages.
    return "send_stickers" if isinstance(media, types.MessageMediaDice) else "send_plain"


def _refusal(right: str) -> RpcError:
    """Return the error of a send that needs this right."""
    kind = _ERRORS.get(right, right.removeprefix("send_").upper())
    return RpcError(403, f"CHAT_SEND_{kind}_FORBIDDEN")
