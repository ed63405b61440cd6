"""Who may do what in a chat: the checks before a send, and before admins change something."""

from __future__ import annotations

from datetime import datetime

from telethon.tl import TLObject

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Post
from ..rights import refusal, send_right
from ..rpc import RpcError
from .calls import Call

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
    right = send_right(post)
    if not chat.broadcast and not chat.allows(me.id, right, now):
        raise refusal(right)
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
