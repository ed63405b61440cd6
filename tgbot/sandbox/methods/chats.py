"""messages.* and channels.* about groups and channels."""

from __future__ import annotations

from typing import Any, Final

from telethon.tl import types
from telethon.tl.functions import channels, messages

from ..chats import Chat
from .calls import Call, Method


def get_chats(call: Call, request: Any) -> Any:
    found = [call.chat(types.InputPeerChat(number)) for number in request.id]
    return types.messages.Chats([call.world.view.chat(call.me, chat) for chat in found])


def get_channels(call: Call, request: Any) -> Any:
    found: list[Chat] = [call.chat(given, "CHANNEL_INVALID") for given in request.id]
    return types.messages.Chats([call.world.view.chat(call.me, chat) for chat in found])


METHODS: Final = {
    messages.GetChatsRequest: Method(get_chats),
    channels.GetChannelsRequest: Method(get_channels),
}
