"""The ids in a message or an update: their users and chats must be sent with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telethon.tl import TLObject, types

from .dialogs import CHANNEL_BASE, Copy, PerViewer

_USER_FIELDS: Final = frozenset(
    (
        "user_id",
        "bot_id",
        "via_bot_id",
        "inviter_id",
        "admin_id",
        "actor_id",
        "promoted_by",
        "kicked_by",
        "approved_by",
    )
)
#: Vectors that hold bare user ids.
_USER_VECTORS: Final = frozenset(("users", "recent_requesters"))


def mentioned(copy: Copy) -> Iterator[int]:
    """Yield the marked ids in a message."""
    post = copy.post
    if not (post.extras and "from_id" in post.extras):  # else the sender is not shown
        yield post.sender
    yield copy.peer
    if copy.out:
        yield copy.owner
    for each in (post.media, post.action):
        if isinstance(each, PerViewer):
            yield from each.named()
    if post.reactions is not None:
        yield from post.reactions.given
    for part in (post.forwarded, post.media, post.action, post.entities, post.extras):
        if part is not None:
            yield from named(part)


def named(value: object) -> Iterator[int]:
    """Yield the marked ids in a TL value, at any depth."""
    if isinstance(value, types.PeerUser):
        yield value.user_id
    elif isinstance(value, types.PeerChat):
        yield -value.chat_id
    elif isinstance(value, types.PeerChannel):
        yield -CHANNEL_BASE - value.channel_id
    elif isinstance(value, TLObject):
        for name, part in vars(value).items():
            if name in _USER_FIELDS and isinstance(part, int):
                yield part
            elif name == "chat_id" and isinstance(part, int):
                yield -part
            elif name == "channel_id" and isinstance(part, int):
                yield -CHANNEL_BASE - part
            elif name in _USER_VECTORS and isinstance(part, list):
                yield from (number for number in part if isinstance(number, int))
                yield from named([each for each in part if not isinstance(each, int)])
            elif isinstance(part, TLObject | list):
                yield from named(part)
    elif isinstance(value, list):
        for part in value:
            yield from named(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from named(part)
