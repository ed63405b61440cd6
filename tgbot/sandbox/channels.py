"""Messages of channels and supergroups: one copy for all members, with the channel's own ids and pts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .chats import Chat
from .dialogs import Copy, Post, peer_of
from .feeds import Feeds
from .logs import Entry
from .privacy import reaches


def channel_update(entry: Entry, viewer: int) -> TLObject:
    """Build the TL update of an entry in a channel's log, as one member sees it."""
    copy = entry.content
    if not isinstance(copy, Copy):
        return copy
    kind = types.UpdateEditChannelMessage if entry.edited else types.UpdateNewChannelMessage
    return kind(copy.message(viewer), entry.pts, entry.pts_count)


class ChannelPosts:
    """Posts, edits and deletions in channels; each goes to the connected members at once."""

    def __init__(self, accounts: Accounts, feeds: Feeds, date: Callable[[], int]) -> None:
        self._accounts = accounts
        self._feeds = feeds
        self._date = date

    def add(
        self, sender: int, chat: Chat, post: Post, reply_to: int | None = None, topic: int | None = None
    ) -> Copy:
        """Add a post to the messages of a channel."""
        if not chat.megagroup:
            post.extras = {"post": True, **self._signature(sender, chat)} | (post.extras or {})
        elif chat.is_anonymous(sender):
            post.extras = {"from_id": peer_of(chat.marked)} | (post.extras or {})
        copy = Copy(chat.marked, chat.marked, post, out=False, reply_to=reply_to, topic=topic)
        chat.box.add(copy)
        self._hand(chat, chat.log.add(copy), sender)
        return copy

    def _signature(self, sender: int, chat: Chat) -> dict[str, object]:
        """Return what a post of a channel shows of its author."""
        author = self._accounts.get(sender) if chat.signatures else None
        if author is None:
            return {"from_id": None}
        shown = peer_of(sender) if chat.signature_profiles else None
        return {"from_id": shown, "post_author": author.name}

    def copy_into(self, group: Chat, channel: Chat, copy: Copy) -> None:
        """Copy a post of a channel into its discussion group, as Telegram does by itself."""
        post, peer = copy.post, peer_of(channel.marked)
        header = types.MessageFwdHeader(
            post.date, from_id=peer, channel_post=copy.id, saved_from_peer=peer, saved_from_msg_id=copy.id
        )
        same = Post(
            channel.marked,
            post.date,
            post.text,
            entities=post.entities,
            media=post.media,
            forwarded=header,
        )
        self.add(channel.marked, group, same)

    def edited(self, chat: Chat, copy: Copy) -> Entry:
        """Log an edit of the post."""
        entry = chat.log.add_edit(copy)
        self._hand(chat, entry, copy.post.sender)
        return entry

    def delete(self, chat: Chat, copies: Iterable[Copy], by: Account) -> int:
        """Delete messages for all members; return the number of messages deleted."""
        ids = []
        for copy in copies:
            if not copy.deleted:
                chat.box.remove(copy)
                ids.append(copy.id)
        if ids:
            self._hand(
                chat, chat.log.add(types.UpdateDeleteChannelMessages(chat.id, ids, 0, 0), len(ids)), by.id
            )
        return len(ids)

    def pin(self, chat: Chat, copies: list[Copy], *, pinned: bool, by: Account) -> None:
        """Pin messages for all members, or unpin them."""
        for copy in copies:
            copy.pinned = pinned
        ids = [copy.id for copy in copies]
        update = types.UpdatePinnedChannelMessages(chat.id, ids, 0, 0, pinned=pinned or None)
        self._hand(chat, chat.log.add(update, len(ids)), by.id)

    def seen(self, chat: Chat, viewer: Account, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that this member may see."""
        after = chat.first_seen.get(viewer.id, 0)
        return [
            entry
            for entry in entries
            if not isinstance(entry.content, Copy)
            or (entry.content.id > after and reaches(chat, viewer, entry.content, self._accounts))
        ]

    def _hand(self, chat: Chat, entry: Entry, sender: int) -> None:
        chat.changed_at = self._date()
        copy = entry.content
        author, one_by_one = (copy.post.sender, copy.per_viewer) if isinstance(copy, Copy) else (0, False)
        shared = None if one_by_one else channel_update(entry, 0)
        for member in chat.members:
            # The sender's session gets it in the answer to the call.
            if member != sender and self.seen(chat, self._accounts[member], [entry]):
                update = channel_update(entry, member) if shared is None or member == author else shared
                self._feeds.hand(member, update)
