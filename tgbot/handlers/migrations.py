"""Groups that became supergroups: what each is now, and what it was; kept beside the session."""

from __future__ import annotations

from typing import Any, Protocol

from telethon.tl import types

from tgbot.core.ids import marked_channel, marked_chat, marked_id


class Values(Protocol):
    """Values of the bot under names, on disk as soon as they are set."""

    def bot_value(self, name: str) -> str | int | None: ...

    def set_bot_value(self, name: str, value: str | int) -> None: ...


class Migrations:
    """Remember which group became which supergroup, by marked ids."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def note(self, group: int, supergroup: int) -> None:
        """Note that a group became a supergroup; on disk on return."""
        if self.now(group) != supergroup:
            self._values.set_bot_value(f"group of {supergroup}", group)
            self._values.set_bot_value(f"supergroup of {group}", supergroup)

    def now(self, chat: int) -> int:
        """Return what a chat is now: its supergroup if it is a group that became one."""
        return int(self._values.bot_value(f"supergroup of {chat}") or chat)

    def before(self, chat: int) -> int | None:
        """Return the group that a supergroup was, None if it was none."""
        group = self._values.bot_value(f"group of {chat}")
        return None if group is None else int(group)

    def told(self, update: types.UpdateNewMessage | types.UpdateNewChannelMessage) -> None:
        """Note what a service message tells: one in the group, or one in the supergroup."""
        action: Any = getattr(update.message, "action", None)
        if type(action) is types.MessageActionChatMigrateTo:
            self.note(marked_id(update.message.peer_id), marked_channel(action.channel_id))
        elif type(action) is types.MessageActionChannelMigrateFrom:
            self.note(marked_chat(action.chat_id), marked_id(update.message.peer_id))
