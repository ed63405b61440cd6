"""Keyboards: from the reply markup of a bot to what users see."""

from __future__ import annotations

import re
from typing import Final

from telethon.tl import TLObject, types

from ..rpc import RpcError
from .calls import Call

_CALLBACK_BYTES: Final = 64
#: What a link of a button looks like: a host with a dot in it and any path, or a link for Telegram's apps.
_URL: Final = re.compile(
    r"(?:https?://)?[^\s/?#@:]+\.[^\s/?#@:.]+(?::[0-9]{1,5})?(?:[/?#]\S*)?|(?:tg|ton|tonsite)://\S+",
    re.IGNORECASE,
)


def shown_markup(call: Call, markup: TLObject) -> TLObject:
    """Return a bot's keyboard as users see it; None for a user, who cannot send one."""
    if markup is None or not call.me.is_bot:
        return None
    for row in getattr(markup, "rows", None) or []:
        for button in row.buttons:
            kind = getattr(button, "type", None)
            if not button.text:
                raise RpcError(400, "BUTTON_TEXT_INVALID")
            if isinstance(kind, types.InlineButtonTypeCallback):
                if not 0 < len(kind.data) <= _CALLBACK_BYTES:
                    raise RpcError(400, "BUTTON_DATA_INVALID")
            elif isinstance(kind, types.InlineButtonTypeUrl) and not _URL.fullmatch(kind.url):
                raise RpcError(400, "BUTTON_URL_INVALID")
            elif isinstance(kind, types.InputInlineButtonTypeUserProfile):
                user = call.user(kind.user_id, "BUTTON_USER_INVALID")
                button.type = types.InlineButtonTypeUserProfile(user.id)
            elif isinstance(kind, types.InputButtonTypeRequestPeer):
                button.type = types.ButtonTypeRequestPeer(kind.button_id, kind.peer_type, kind.max_quantity)
    return markup
