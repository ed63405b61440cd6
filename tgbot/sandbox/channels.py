"""Messages of channels and supergroups: one copy for all, with ids and pts of the channel's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from telethon.tl import types

from .accounts import Account, Accounts
from .chats import Chat
from .dialogs import Copy, Post
from .feeds import Feeds
from .logs import Entry
from .privacy import hears


def channel_update(entry: Entry, viewer: int) -> Any:
    """Builds the TL update of an entry of a channel's log, for one viewer."""
    copy = entry.content
    if not isinstance(copy, Copy):
        return copy
    kind = types.UpdateEditChannelMessage if entry.edited else types.UpdateNewChannelMessage
    return kind(copy.message(viewer), entry.pts, entry.pts_count)


class ChannelPosts:
    """Posts, edits and deletions in channels; the members who are connected are handed each at once."""

    def __init__(self, accounts: Accounts, feeds: Feeds, date: Callable[[], int]) -> None:
        self._accounts = accounts
        self._feeds = feeds
        self._date = date

    def add(self, sender: Account, chat: Chat, post: Post, reply_to: int | None) -> Copy:
        """Adds a post to the channel's messages."""
        if not chat.megagroup:
            post.extras = {"post": True, "from_id": None} | (post.extras or {})
        copy = Copy(chat.marked, chat.marked, post, out=False, reply_to=reply_to)
        chat.box.add(copy)
        self._hand(chat, chat.log.add(copy), sender)
        return copy

    def edited(self, chat: Chat, copy: Copy) -> Entry:
        """Logs that the post of a copy was changed."""
        entry = chat.log.add_edit(copy)
        self._hand(chat, entry, self._accounts[copy.post.sender])
        return entry

    def delete(self, chat: Chat, copies: Iterable[Copy], by: Account) -> int:
        """Deletes messages for everybody; returns how many there were."""
        ids = []
        for copy in copies:
            if not copy.deleted:
                chat.box.remove(copy)
                ids.append(copy.id)
        if ids:
            self._hand(
                chat, chat.log.add(types.UpdateDeleteChannelMessages(chat.id, ids, 0, 0), len(ids)), by
            )
        return len(ids)

    def seen(self, chat: Chat, viewer: Account, entries: Iterable[Entry]) -> list[Entry]:
        """Returns those entries that this member is told of."""
        return [
            entry
            for entry in entries
            if not isinstance(entry.content, Copy) or hears(chat, viewer, entry.content, self._accounts)
        ]

    def _hand(self, chat: Chat, entry: Entry, sender: Account) -> None:
        chat.changed_at = self._date()
        for member in chat.members:
            # The sender's own session has it in the answer to the call.
            if member != sender.id and self.seen(chat, self._accounts[member], [entry]):
                self._feeds.hand(member, channel_update(entry, member))
