"""Reactions of accounts to messages: all who have the message are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from telethon.tl import types

from .accounts import Account, Accounts
from .chats import Chat
from .dialogs import Copy, peer_of
from .feeds import Feeds
from .reactions import Given, Reactions, reaction
from .rpc import RpcError

#: The most different reactions of one message.
_DIFFERENT: Final = 11


class Reacting:
    """React to messages, and tell all who have them."""

    def __init__(
        self, accounts: Accounts, chats: dict[int, Chat], feeds: Feeds, date: Callable[[], int]
    ) -> None:
        self._accounts = accounts
        self._chats = chats
        self._feeds = feeds
        self._date = date

    def react(self, account: Account, copy: Copy, emoji: list[str], *, big: bool = False) -> None:
        """Replace the reactions of an account to a message; none takes them back."""
        post = copy.post
        reactions = post.reactions = post.reactions or Reactions()
        before = reactions.given.get(account.id)
        old, new = before.emoji if before is not None else (), tuple(dict.fromkeys(emoji))
        if old == new:
            raise RpcError(400, "MESSAGE_NOT_MODIFIED")
        if len(reactions.counts().keys() | set(new)) > _DIFFERENT:
            raise RpcError(400, "REACTIONS_TOO_MANY")
        reactions.given.pop(account.id, None)
        if new:
            reactions.given[account.id] = Given(new, self._date(), big)
        for each in list(post.copies):
            for viewer in [each.owner] if each.owner > 0 else list(self._chats[each.owner].members):
                self._tell(each, self._accounts[viewer], account, old, new)

    def _tell(
        self, copy: Copy, viewer: Account, actor: Account, old: tuple[str, ...], new: tuple[str, ...]
    ) -> None:
        if not viewer.is_bot:
            self._feeds.hand(viewer.id, self.update(copy, viewer.id), own=viewer is actor)
            return
        chat = self._chats.get(copy.peer)
        if viewer is actor or actor.is_bot or (chat is not None and viewer.id not in chat.admins):
            return
        where, date = peer_of(copy.peer), self._date()
        if self.named(copy):
            was, now = ([reaction(emoji) for emoji in each] for each in (old, new))
            told = types.UpdateBotMessageReaction(where, copy.id, date, types.PeerUser(actor.id), was, now, 0)
            self._feeds.log_bot(viewer, told)
            return
        counts = self.update(copy, 0).reactions.results
        self._feeds.log_bot(viewer, types.UpdateBotMessageReactions(where, copy.id, date, counts, 0))

    def named(self, copy: Copy) -> bool:
        """Return whether the reactions to a message name who reacted: not in broadcast channels."""
        chat = self._chats.get(copy.peer)
        return chat is None or chat.megagroup or not chat.channel

    def update(self, copy: Copy, viewer: int) -> types.UpdateMessageReactions:
        """Build the update about the reactions to a message for one viewer."""
        shown = (copy.post.reactions or Reactions()).shown(viewer, listed=self.named(copy))
        return types.UpdateMessageReactions(peer_of(copy.peer), copy.id, shown, top_msg_id=copy.topic)
