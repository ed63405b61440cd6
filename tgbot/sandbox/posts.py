"""Posts in dialogs: copies for all accounts concerned, edits, deletions, read marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from telethon.tl import types

from .accounts import Account, Accounts
from .channels import ChannelPosts
from .chats import Chat
from .dialogs import Copy, Post, peer_of
from .feeds import Feeds
from .logs import Entry
from .privacy import reaches
from .sends import SendKey, Sends


class Posts:
    """Give each account of a dialog its copy; every change is logged before a method returns."""

    def __init__(
        self,
        accounts: Accounts,
        chats: dict[int, Chat],
        feeds: Feeds,
        sends: Sends,
        date: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._chats = chats
        self._feeds = feeds
        self._sends = sends
        self._date = date
        self._channels = ChannelPosts(accounts, feeds, date)

    def add(
        self,
        sender: Account,
        peer: int,
        post: Post,
        *,
        random_id: int | None = None,
        reply_to: int | None = None,
        topic: int | None = None,
        opens: bool = True,
    ) -> Copy:
        """Give the sender and all others in the dialog a copy; return the sender's.

        `reply_to` and `topic` are ids of messages of the sender, or of the channel.

        The message is recorded under its random_id, which must be new (`Sends.earlier`). A message to a bot
        opens its dialog, unless `opens` is False.
        """
        copy = self._spread(sender, peer, post, reply_to, topic, opens=opens)
        if random_id:
            copy.random_id = random_id
            self._sends.add(SendKey(sender.id, peer, random_id), copy)
        return copy

    def _spread(
        self, sender: Account, peer: int, post: Post, reply_to: int | None, topic: int | None, *, opens: bool
    ) -> Copy:
        chat = self._chats[peer] if peer < 0 else None
        if chat is not None and chat.channel:
            copy = self._channels.add(sender.id, chat, post, reply_to, topic)
            group = self._chats.get(chat.linked)
            if group is not None and not chat.megagroup and post.action is None:
                self._channels.copy_into(group, chat, copy)
            return copy
        mine = Copy(sender.id, peer, post, out=True, reply_to=reply_to, topic=topic)
        copies = [mine]
        if peer > 0:
            to = self._accounts[peer]
            if to is not sender and sender.id not in to.blocked:
                reply, root = (self._twin(sender, number, peer) for number in (reply_to, topic))
                copies.append(Copy(peer, sender.id, post, out=False, reply_to=reply, topic=root))
            if to.is_bot and not sender.is_bot and opens:
                to.started.add(sender.id)
        elif chat is not None:
            copies += [
                Copy(member, peer, post, out=False, reply_to=self._twin(sender, reply_to, member))
                for member in chat.members
                if member != sender.id and reaches(chat, self._accounts[member], mine, self._accounts)
            ]
        for copy in copies:
            owner = self._accounts[copy.owner]
            owner.box.add(copy)
            owner.log.add(copy)
        for copy in copies:
            self._feeds.notify(copy.owner)
        return mine

    def edited(self, copy: Copy) -> None:
        """Log an edit of a post, for all accounts with a copy."""
        copy.post.edit_date = self._date()
        if copy.owner < 0:
            self._channels.edited(self._chats[copy.owner], copy)
            return
        for each in copy.post.copies:
            self._accounts[each.owner].log.add_edit(each)
        for each in copy.post.copies:
            self._feeds.notify(each.owner)

    def delete(self, copies: Iterable[Copy], *, revoke: bool) -> dict[int, int]:
        """Delete copies, with `revoke` those of all accounts; return the number of deletions by account."""
        lost: dict[int, list[int]] = {}
        for copy in copies:
            for each in list(copy.post.copies) if revoke else [copy]:
                if not each.deleted:
                    self._accounts[each.owner].box.remove(each)
                    each.post.copies.remove(each)
                    lost.setdefault(each.owner, []).append(each.id)
        for owner, ids in lost.items():
            self._feeds.log(self._accounts[owner], types.UpdateDeleteMessages(ids, 0, 0), len(ids))
        return {owner: len(ids) for owner, ids in lost.items()}

    def pin(self, copies: list[Copy], *, pinned: bool, for_all: bool, by: Account) -> None:
        """Pin messages of one dialog or unpin them, for all who have them or only for their owner."""
        if copies[0].owner < 0:
            self._channels.pin(self._chats[copies[0].owner], copies, pinned=pinned, by=by)
            return
        changed: dict[int, list[Copy]] = {}
        for copy in copies:
            for each in copy.post.copies if for_all else [copy]:
                if each.pinned != pinned:
                    each.pinned = pinned
                    changed.setdefault(each.owner, []).append(each)
        for owner, marked in changed.items():
            ids = [each.id for each in marked]
            update = types.UpdatePinnedMessages(peer_of(marked[0].peer), ids, 0, 0, pinned=pinned or None)
            self._feeds.log(self._accounts[owner], update, len(ids))

    def delete_in_channel(self, chat: Chat, copies: Iterable[Copy], by: Account) -> int:
        """Delete messages of a channel for all members; return the number of messages deleted."""
        return self._channels.delete(chat, copies, by)

    def seen(self, chat: Chat, viewer: Account, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries of a channel's log that this member may see."""
        return self._channels.seen(chat, viewer, entries)

    def read(self, account: Account, peer: int, max_id: int) -> int:
        """Mark a dialog as read up to a message id (0: all of it); return the pts_count."""
        dialog = account.box.dialogs.get(peer)
        if dialog is None or not dialog.ids:
            return 0
        top = min(max_id or dialog.ids[-1], dialog.ids[-1])
        if top <= dialog.read_in:
            return 0
        unread = dialog.above(dialog.read_in)
        copies = [copy for number in unread if (copy := account.box.get(number)) is not None and not copy.out]
        read = [copy for copy in copies if copy.id <= top]
        dialog.read_in = top
        dialog.unread = len(copies) - len(read)
        self._feeds.log(account, types.UpdateReadHistoryInbox(peer_of(peer), top, dialog.unread, 0, 0))
        other = self._accounts.get(peer) if peer > 0 else None
        if read and other is not None and other is not account and not other.is_bot:
            twin = read[-1].twin(peer)
            if twin is not None:
                other.box.dialogs[account.id].read_out = twin.id
                peer_read = types.UpdateReadHistoryOutbox(types.PeerUser(account.id), twin.id, 0, 0)
                self._feeds.log(other, peer_read)
        return 1

    def _twin(self, sender: Account, message_id: int | None, owner: int) -> int | None:
        """Return another account's id of a message of the sender, None if it has none."""
        copy = sender.box.get(message_id) if message_id else None
        twin = copy.twin(owner) if copy is not None else None
        return twin.id if twin is not None else None
