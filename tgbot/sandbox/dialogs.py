"""Messages: posts, and each account's copies of them under its own message ids."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from telethon.tl import TLObject, types

from .reactions import Reactions

CHANNEL_BASE = 1_000_000_000_000


def peer_of(marked: int) -> types.PeerUser | types.PeerChat | types.PeerChannel:
    """Return the TL peer of a marked id: user id, -group id, or -(10^12 + channel id)."""
    if marked > 0:
        return types.PeerUser(marked)
    if marked < -CHANNEL_BASE:
        return types.PeerChannel(-marked - CHANNEL_BASE)
    return types.PeerChat(-marked)


class PerViewer:
    """What is not the same for all who see the message: a poll names what its viewer chose."""

    __slots__ = ()

    #: The messages with it as their media.
    posts: list[Post]

    def shown(self, viewer: int) -> TLObject:
        """Build the TL media for one viewer."""
        raise NotImplementedError

    def named(self) -> Iterator[int]:
        """Yield the ids of the accounts that are named in the media."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Quote:
    """A part of the message that another one answers; its offset is in UTF-16 units."""

    text: str
    entities: list[TLObject]
    offset: int


class Post:
    """The content of a message, shared by all its copies; an edit changes it for all of them."""

    __slots__ = (
        "action",
        "copies",
        "date",
        "edit_date",
        "entities",
        "extras",
        "forwarded",
        "inline",
        "markup",
        "media",
        "own_text",
        "quote",
        "reactions",
        "sender",
        "text",
    )

    def __init__(
        self,
        sender: int,
        date: int,
        text: str,
        *,
        entities: list[TLObject] | None = None,
        media: TLObject | PerViewer | None = None,
        markup: TLObject | None = None,
        forwarded: types.MessageFwdHeader | None = None,
        action: TLObject | PerViewer | None = None,
        extras: dict[str, Any] | None = None,
    ) -> None:
        #: The account that wrote it; the marked id of the channel that a post of a channel was copied from.
        self.sender = sender
        self.date = date
        self.text = text
        #: What the sender sees instead of `text`: only the bot gets a start payload.
        self.own_text: str | None = None
        self.entities = entities
        self.media = media
        self.markup = markup
        self.forwarded = forwarded
        self.action = action
        self.edit_date: int | None = None
        self.extras = extras
        self.quote: Quote | None = None
        #: The id under which the bot knows a message that was made of its inline result.
        self.inline: types.InputBotInlineMessageID64 | None = None
        self.reactions: Reactions | None = None
        self.copies: list[Copy] = []
        if isinstance(media, PerViewer):
            media.posts.append(self)


class Copy:
    """One account's copy of a post: message id, direction and dialog."""

    __slots__ = (
        "deleted",
        "id",
        "out",
        "owner",
        "peer",
        "pinned",
        "post",
        "pts",
        "random_id",
        "reply_to",
        "topic",
    )

    def __init__(
        self,
        owner: int,
        peer: int,
        post: Post,
        *,
        out: bool,
        reply_to: int | None,
        topic: int | None = None,
    ) -> None:
        self.owner = owner
        self.id = 0
        self.peer = peer
        self.post = post
        self.out = out
        self.reply_to = reply_to
        #: The id of the topic that it is in.
        self.topic = topic
        #: The pts of the message in the log of its owner.
        self.pts = 0
        self.random_id: int | None = None
        self.deleted = False
        self.pinned = False
        post.copies.append(self)

    @property
    def makes_topic(self) -> bool:
        """Whether this is the service message that made a topic."""
        return isinstance(self.post.action, types.MessageActionTopicCreate)

    def twin(self, owner: int) -> Copy | None:
        """Return another account's copy of the same post."""
        return next((copy for copy in self.post.copies if copy.owner == owner and not copy.deleted), None)

    @property
    def per_viewer(self) -> bool:
        """Whether members of a channel other than the sender see it differently."""
        post = self.post
        reacted = post.reactions is not None and bool(post.reactions.given)
        return reacted or isinstance(post.action, PerViewer) or isinstance(post.media, PerViewer)

    def message(self, viewer: int = 0) -> types.Message | types.MessageService:
        """Build the TL message as it is now; in a channel, `viewer` is the account that sees it."""
        post = self.post
        out = self.out or post.sender == viewer
        # In a private dialog only outgoing messages name their sender; the peer sent all others.
        sender = peer_of(post.sender) if self.out or self.peer < 0 else None
        if post.action is not None:
            kind, fields = types.MessageService, {"action": _for(post.action, viewer or self.owner)}
        else:
            kind = types.Message
            fields = {
                "message": post.own_text if out and post.own_text is not None else post.text,
                "media": _for(post.media, viewer or self.owner),
                "reply_markup": post.markup,
                "entities": post.entities,
                "fwd_from": post.forwarded,
                "edit_date": post.edit_date,
            }
        if post.reactions is not None and post.reactions.given:
            # Posts of broadcast channels do not name who reacted.
            listed = not (post.extras and post.extras.get("post"))
            fields["reactions"] = post.reactions.shown(viewer or self.owner, listed=listed)
        if post.extras:
            fields.update(post.extras)
            if not out:
                fields.pop("from_scheduled", None)  # only the sender sees that it was planned
            sender = fields.pop("from_id", sender)
        return kind(
            id=self.id,
            peer_id=peer_of(self.peer),
            date=post.date,
            out=out,
            pinned=self.pinned or None,
            from_id=sender,
            reply_to=fields.pop("reply_to", self._header()),
            **fields,
        )

    def _header(self) -> types.MessageReplyHeader | None:
        reply, topic = self.reply_to or self.topic, self.topic
        if reply is None:
            return None
        above = topic if topic != reply else None
        header = types.MessageReplyHeader(
            forum_topic=topic is not None or None, reply_to_msg_id=reply, reply_to_top_id=above
        )
        quote = self.post.quote
        if quote is not None and self.reply_to is not None:
            header.quote, header.quote_text = True, quote.text
            header.quote_entities, header.quote_offset = quote.entities, quote.offset
        return header


def _for(part: TLObject | PerViewer | None, viewer: int) -> TLObject | None:
    """Return media or an action as a viewer sees them."""
    return part.shown(viewer) if isinstance(part, PerViewer) else part


class Dialog:
    """An account's view of a dialog: its message ids in ascending order, and what was read."""

    __slots__ = ("ids", "read_in", "read_out", "unread")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.read_in = 0
        self.read_out = 0
        self.unread = 0

    def above(self, message_id: int) -> list[int]:
        """Return the ids above this one."""
        return self.ids[bisect_right(self.ids, message_id) :]


class Box:
    """All message copies of an account. Ids count from 1 over all its dialogs and are never reused."""

    __slots__ = ("_copies", "dialogs")

    def __init__(self) -> None:
        self._copies: list[Copy | None] = []
        self.dialogs: dict[int, Dialog] = {}

    def add(self, copy: Copy) -> None:
        """Store a copy under the next id."""
        self._copies.append(copy)
        copy.id = len(self._copies)
        dialog = self.dialogs.get(copy.peer)
        if dialog is None:
            dialog = self.dialogs[copy.peer] = Dialog()
        dialog.ids.append(copy.id)
        if not copy.out:
            dialog.unread += 1

    def get(self, message_id: int) -> Copy | None:
        """Return the copy with this id, None if there is none or it was deleted."""
        if 0 < message_id <= len(self._copies):
            return self._copies[message_id - 1]
        return None

    def remove(self, copy: Copy) -> None:
        """Delete a copy; its id is not used again."""
        copy.deleted = True
        self._copies[copy.id - 1] = None
        dialog = self.dialogs[copy.peer]
        index = bisect_left(dialog.ids, copy.id)
        del dialog.ids[index]
        if not copy.out and copy.id > dialog.read_in:
            dialog.unread -= 1

    def pinned(self, peer: int) -> int | None:
        """Return the id of the last pinned message of a dialog, None for none."""
        for number in reversed(self.history(peer)):
            copy = self.get(number)
            if copy is not None and copy.pinned:
                return number
        return None

    def history(self, peer: int) -> list[int]:
        """Return the ids of a dialog in ascending order: the list itself, not to be changed."""
        dialog = self.dialogs.get(peer)
        return dialog.ids if dialog is not None else []

    def __len__(self) -> int:
        return len(self._copies)

    def __iter__(self) -> Iterator[Copy]:
        return (copy for copy in self._copies if copy is not None)


class NewerPart(Box):
    """A box as one sees it who came later: without what is up to some message."""

    __slots__ = ("_after",)

    def __init__(self, box: Box, after: int) -> None:
        self._copies, self.dialogs = box._copies, box.dialogs
        self._after = after

    def get(self, message_id: int) -> Copy | None:
        return super().get(message_id) if message_id > self._after else None

    def history(self, peer: int) -> list[int]:
        dialog = self.dialogs.get(peer)
        return dialog.above(self._after) if dialog is not None else []

    def __iter__(self) -> Iterator[Copy]:
        return (copy for copy in super().__iter__() if copy.id > self._after)
