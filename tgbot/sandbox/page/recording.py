"""Record what happens between people and one bot, from the bot's log at the server and what the page does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from telethon.tl import types

from ..accounts import Account
from ..dialogs import CHANNEL_BASE, Copy
from ..logs import Entry
from ..world import World
from .contents import chosen, is_media, kind_of, label_of, labels_of
from .gatherings import Gatherings
from .records import (
    Album,
    Blocked,
    Changed,
    Deleted,
    Edited,
    Heard,
    Key,
    LeftOut,
    Pressed,
    Record,
    Said,
    Settled,
    Turned,
    Who,
)

#: The most that is recorded; what comes after is not.
MOST: Final = 2000
_OF_CHANNELS: Final = (
    types.UpdateNewChannelMessage,
    types.UpdateEditChannelMessage,
    types.UpdateDeleteChannelMessages,
)
#: Fields of a message that a record has.
_SAID: Final = frozenset({"grouped_id"})
#: What else people do that a bot hears of.
_OTHERS: Final[Mapping[type, str]] = {
    types.UpdateBotMessageReaction: "a reaction",
    types.UpdateMessagePollVote: "a vote in a poll",
    types.UpdateBotPrecheckoutQuery: "a payment",
    types.UpdateBotShippingQuery: "a payment",
    types.UpdateBotInlineSend: "the choice of an inline result",
}

_Snapshot = tuple[int | None, list[Record], dict[int, Who], dict[int, Who], int, list[str]]


class Recorder:
    """Records of one bot since `begin`, whoever acts: the page, a prompt, or an app.

    `acting` returns the account whose call the page carries out at this moment, None for others.
    """

    def __init__(self, world: World, acting: Callable[[], int | None]) -> None:
        self._world = world
        self._acting = acting
        self._admins: Callable[[], frozenset[int]] = frozenset
        self.bot: int | None = None
        self.records: list[Record] = []
        #: Who has done something, in this order, as they were at first.
        self.people: dict[int, Who] = {}
        self._end: Callable[[], None] | None = None
        #: Called after each record.
        self.heard: Callable[[], object] = lambda: None

    def open(self, admins: Callable[[], frozenset[int]]) -> None:
        """Listen to the world; `admins` returns who the bot's admins are."""
        self._admins = admins
        self._end = self._world.subscribe(self._changed, self._pass)

    def close(self) -> None:
        """Stop to listen."""
        if self._end is not None:
            self._end()

    def begin(self, bot: int | None) -> None:
        """Begin anew with a bot, None for none yet."""
        self.bot = bot
        self.records, self.people = [], {}
        self._now: dict[int, Who] = {}
        #: The messages of private chats by their ids on the bot's side.
        self._known: dict[int, Copy] = {}
        self._gatherings: Gatherings | None = None
        if bot is not None:
            self._gatherings = Gatherings(self._world, bot, self.records, self.did, self._by, self._in_group)
        self.since = self._world.date()
        self.before: list[str] = []
        if bot is None:
            self._pts = self._qts = 0
            return
        self._pts, self._qts = self._world.state(bot)[:2]
        dialogs = self._world.accounts[bot].box.dialogs
        others = [self._world.accounts.get(peer) for peer in dialogs if peer > 0]
        self.before = [other.name for other in others if other is not None and not other.is_bot]

    def look(self) -> None:
        """Note who has changed in a way that Telegram tells nobody, such as the language of their app."""
        for person in list(self._now):
            if self._world.accounts.get(person) is not None:
                self._by(person)

    def settled(self) -> None:
        """Note that the bot has handled everything that was done."""
        if self.records and not isinstance(self.records[-1], Settled):
            self.did(Settled())

    def snapshot(self) -> object:
        """Return what was recorded so far, for `back`."""
        return self.bot, self.records[:], dict(self.people), dict(self._now), self.since, self.before

    def back(self, snapshot: object) -> None:
        """Go back to a snapshot, in a world that has gone back to the same moment."""
        bot, records, people, now, since, before = cast(_Snapshot, snapshot)
        self.begin(bot)
        self.records += records
        self.people, self._now = dict(people), dict(now)
        self.since, self.before = since, before
        if bot is not None:
            self._known = {copy.id: copy for copy in self._world.accounts[bot].box if copy.peer > 0}

    def did(self, record: Record) -> None:
        """Record what was done beside Telegram: a kill, a fault."""
        if self.bot is not None and len(self.records) < MOST:
            self.records.append(record)
            self.heard()

    def answered(self, account: int, channel: int, button: tuple[int, bytes], notice: str) -> None:
        """Note the answer to a person's press.

        The button is given by the id of its message, in the supergroup `channel` or else in the person's
        private chat, and its data.
        """
        number, data = button
        if channel:
            key, who = (-CHANNEL_BASE - channel, number), account
        else:
            copy = self._world.accounts[account].box.get(number)
            twin = copy.twin(self.bot) if copy is not None and self.bot is not None else None
            if twin is None:
                return
            key, who = (account, twin.id), 0
        for record in reversed(self.records):
            if isinstance(record, Pressed) and (record.key, record.who, record.data) == (key, who, data):
                if not record.notice:
                    record.notice.append(notice)
                return

    def _changed(self, account: int) -> None:
        if account != self.bot:
            return
        for entry in self._world.entries(account, self._pts, self._qts):
            self._pts, self._qts = entry.pts or self._pts, entry.qts or self._qts
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        content: Any = entry.content  # Any: a copy, or a TL update
        match content:
            case Copy():
                self._message(content, edited=entry.edited)
            case types.UpdateBotStopped(user_id=who, stopped=stopped):
                self._by(who)
                self.did(Blocked(who, bool(stopped)))
            case types.UpdateDeleteMessages(messages=ids):
                by_bot = self._acting() is None
                for number in ids:
                    if (copy := self._known.pop(number, None)) is not None:
                        self.did(Deleted((copy.peer, number), by_bot))
            case types.UpdateBotChatInviteRequester(user_id=who):
                self.did(LeftOut(f"{self._name(who)} asked to join a group"))
            case types.UpdateChannelParticipant() if self._gatherings is not None:
                self._gatherings.promoted(content)
            case _ if type(content) in _OTHERS:
                self.did(LeftOut(_OTHERS[type(content)]))

    def _pass(self, account: int, entry: Entry) -> None:
        update: Any = entry.content
        if isinstance(update, types.UpdateUserName) and update.user_id == account and account in self._now:
            self._by(account)
        if isinstance(update, _OF_CHANNELS) and self._gatherings is not None:
            self._gatherings.take(update)
        if account != self.bot:
            return
        match update:
            case types.UpdateBotCallbackQuery(peer=types.PeerChannel(channel_id=channel)):
                group = self._world.chats.get(-CHANNEL_BASE - channel)
                copy = group.box.get(update.msg_id) if group is not None and group.megagroup else None
                if copy is None:
                    self.did(LeftOut(f"{self._name(update.user_id)} pressed a button in a channel"))
                else:
                    self._by(update.user_id)
                    key, data = (copy.owner, copy.id), update.data or b""
                    self.did(Pressed(key, label_of(copy, data), data, who=update.user_id))
            case types.UpdateBotCallbackQuery():
                copy = self._world.accounts[account].box.get(update.msg_id)
                if copy is None or copy.peer < 0:
                    self.did(LeftOut(f"{self._name(update.user_id)} pressed a button in a group"))
                else:
                    self._by(update.user_id)
                    label = label_of(copy, update.data)
                    self.did(Pressed((update.user_id, copy.id), label, update.data or b""))
            case types.UpdateBotInlineQuery():
                self.did(LeftOut(f"{self._name(update.user_id)} asked the bot inline"))
            case _ if type(update) in _OTHERS:
                self.did(LeftOut(_OTHERS[type(update)]))

    def _message(self, copy: Copy, *, edited: bool) -> None:
        other = self._world.accounts.get(copy.peer) if copy.peer > 0 else None
        if other is None or other.is_bot:
            self.did(LeftOut("what happened in a group"))
            return
        post, key = copy.post, (copy.peer, copy.id)
        self._known[copy.id] = copy
        if copy.out and post.action is None:
            labels = labels_of(post.markup)
            heard = (
                Edited(key, post.text, labels) if edited else Heard(key, post.text, labels, is_media(post))
            )
            if other.id in self.people:
                self.did(heard)
            else:
                self._by(other.id)
                self.did(heard)
        elif not copy.out:
            self._by(other.id)
            if edited:
                entities, lacks = chosen(post)
                self.did(Changed(key, post.text, entities, lacks))
                return
            said = self._said(copy, key, copy.peer)
            group = (post.extras or {}).get("grouped_id")
            if isinstance(said, Said) and group:
                self._in_album(group, said)
            else:
                self.did(said)

    def _in_group(self, copy: Copy, edited: bool) -> None:
        post, key = copy.post, (copy.owner, copy.id)
        if post.sender == self.bot:
            labels = labels_of(post.markup)
            heard = Heard(key, post.text, labels, is_media(post))
            self.did(Edited(key, post.text, labels) if edited else heard)
            return
        account = self._world.accounts.get(post.sender)
        if account is None or account.is_bot or (post.extras or {}).get("from_id"):
            self.did(LeftOut("what a bot, a channel or an anonymous admin wrote in a group"))
            return
        self._by(account.id)
        if edited:
            entities, lacks = chosen(post)
            self.did(Changed(key, post.text, entities, lacks, who=account.id))
            return
        said = self._said(copy, key, account.id)
        if isinstance(said, Said):
            said = replace(said, who=account.id)
            if group := (post.extras or {}).get("grouped_id"):
                self._in_album(group, said)
                return
        self.did(said)

    def _in_album(self, group: int, said: Said) -> None:
        last = self.records[-1] if self.records else None
        if isinstance(last, Album) and last.group == group:
            # The items of an album arrive as messages of their own, one after another.
            self.records[-1] = Album(group, (*last.items, said))
            self.heard()
        else:
            self.did(Album(group, (said,)))

    def _said(self, copy: Copy, key: Key, sender: int) -> Record:
        post, name = copy.post, self._name(sender)
        if post.action is not None:
            return LeftOut(f"a service message of {name} ({type(post.action).__name__})")
        if copy.topic is not None:
            return LeftOut(f"{name} wrote in a topic")
        if post.own_text is not None and post.own_text != post.text:
            if copy.peer < 0:
                return LeftOut(f"{name} pressed Start for a group")
            return Said(key, post.text, start=post.text.partition(" ")[2])
        entities, lacks = chosen(post)
        source = self._source(copy) if post.forwarded is not None else None
        if post.forwarded is not None and source is None:
            lacks = (*lacks, "that a message was forwarded from elsewhere")
        reply = copy.reply_to
        if post.quote is not None:
            lacks = (*lacks, "which part of a message was quoted")
        extras = (post.extras or {}).items()
        lacks = (*lacks, *(f"{what} of a message" for what, is_so in extras if is_so and what not in _SAID))
        if not is_media(post):
            return Said(
                key, post.text, reply_to=reply, entities=entities, forwarded=source, lacks=tuple(lacks)
            )
        kind = kind_of(self._world, post.media, sender)
        if kind is None:
            return LeftOut(f"{name} sent a {type(post.media).__name__.removeprefix('MessageMedia').lower()}")
        if entities and source is None:
            lacks = (*lacks, "the formatting of a caption")
        return Said(
            key,
            post.text,
            media=kind[0],
            content=kind[1],
            reply_to=reply,
            forwarded=source,
            lacks=(*lacks, *kind[2]) if source is None else lacks,
        )

    def _source(self, copy: Copy) -> int | None:
        """Return which message of the same chat was forwarded, None if it is none of these."""
        post, header = copy.post, copy.post.forwarded
        box = self._world.chats[copy.peer].box if copy.peer < 0 else self._known.values()
        for known in sorted(box, key=lambda one: one.id, reverse=True):
            was = known.post
            same = was.forwarded is header or (
                was.forwarded is None and header is not None and was.date == header.date
            )
            same = same and was.text == post.text and was.media is post.media
            if same and known is not copy and known.peer == copy.peer:
                return known.id
        return None

    def _by(self, person: int) -> None:
        """Note who acts now, and how they have changed since they did last."""
        account = self._world.accounts[person]
        now = self._who(account)
        before = self._now.get(person)
        self._now[person] = now
        if before is None:
            self.people[person] = now
        elif now != before:
            self.did(Turned(now))

    def _who(self, account: Account) -> Who:
        return Who(
            account.id,
            account.first_name,
            account.last_name,
            next(iter(account.usernames), ""),
            account.language or "",
            account.premium,
            account.id in self._admins(),
        )

    def _name(self, person: int) -> str:
        account = self._world.accounts.get(person)
        return "somebody" if account is None else account.first_name
