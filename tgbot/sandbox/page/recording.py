"""Record what happens between people and one bot, from the bot's log at the server and what the page does."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from telethon.tl import TLObject, types

from ..accounts import Account
from ..dialogs import Copy, Post
from ..logs import Entry
from ..world import World
from .records import (
    Album,
    Blocked,
    Changed,
    Deleted,
    Edited,
    Heard,
    Key,
    Labels,
    LeftOut,
    Media,
    Pressed,
    Record,
    Said,
    Settled,
    Turned,
    Who,
)

#: The most that is recorded; what comes after is not.
MOST: Final = 2000
#: Formatting that a person chooses. The server finds the rest, such as links and commands, by itself.
_CHOSEN: Final = (
    types.MessageEntityBold,
    types.MessageEntityItalic,
    types.MessageEntityUnderline,
    types.MessageEntityStrike,
    types.MessageEntitySpoiler,
    types.MessageEntityCode,
    types.MessageEntityPre,
    types.MessageEntityBlockquote,
    types.MessageEntityTextUrl,
    types.MessageEntityMentionName,
    types.MessageEntityCustomEmoji,
)
#: Fields of a message that a record has.
_SAID: Final = frozenset({"grouped_id"})
#: What is true of any file that is sent as one.
_PLAIN: Final = types.DocumentAttributeFilename, types.DocumentAttributeImageSize
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
        self.records, self.people, self._now = records[:], dict(people), dict(now)
        self.since, self.before = since, before
        if bot is not None:
            self._known = {copy.id: copy for copy in self._world.accounts[bot].box if copy.peer > 0}

    def did(self, record: Record) -> None:
        """Record what was done beside Telegram: a kill, a fault."""
        if self.bot is not None and len(self.records) < MOST:
            self.records.append(record)
            self.heard()

    def answered(self, account: int, button: tuple[int, bytes], notice: str) -> None:
        """Note the answer to a press, by the person's id of the message and the data."""
        number, data = button
        copy = self._world.accounts[account].box.get(number)
        twin = copy.twin(self.bot) if copy is not None and self.bot is not None else None
        if twin is None:
            return
        for record in reversed(self.records):
            if isinstance(record, Pressed) and record.key == (account, twin.id) and record.data == data:
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
            case _ if type(content) in _OTHERS:
                self.did(LeftOut(_OTHERS[type(content)]))

    def _pass(self, account: int, entry: Entry) -> None:
        update: Any = entry.content
        if isinstance(update, types.UpdateUserName) and update.user_id == account and account in self._now:
            self._by(account)
        if account != self.bot:
            return
        match update:
            case types.UpdateBotCallbackQuery():
                copy = self._world.accounts[account].box.get(update.msg_id)
                if copy is None or copy.peer < 0:
                    self.did(LeftOut(f"{self._name(update.user_id)} pressed a button in a group"))
                else:
                    self._by(update.user_id)
                    label = _label_of(copy, update.data)
                    self.did(Pressed((update.user_id, copy.id), label, update.data or b""))
            case types.UpdateBotInlineQuery():
                self.did(LeftOut(f"{self._name(update.user_id)} asked the bot inline"))
            case types.UpdateNewChannelMessage():
                self.did(LeftOut("what happened in a group"))
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
                Edited(key, post.text, labels) if edited else Heard(key, post.text, labels, _is_media(post))
            )
            if other.id in self.people:
                self.did(heard)
            else:
                self._by(other.id)
                self.did(heard)
        elif not copy.out:
            self._by(other.id)
            if edited:
                entities, lacks = self._chosen(post)
                self.did(Changed(key, post.text, entities, lacks))
                return
            said = self._said(copy, key)
            group = (post.extras or {}).get("grouped_id")
            if isinstance(said, Said) and group:
                self._in_album(group, said)
            else:
                self.did(said)

    def _in_album(self, group: int, said: Said) -> None:
        last = self.records[-1] if self.records else None
        if isinstance(last, Album) and last.group == group:
            # The items of an album arrive as messages of their own, one after another.
            self.records[-1] = Album(group, (*last.items, said))
            self.heard()
        else:
            self.did(Album(group, (said,)))

    def _said(self, copy: Copy, key: Key) -> Record:
        post, name = copy.post, self._name(copy.peer)
        if post.action is not None:
            return LeftOut(f"a service message of {name} ({type(post.action).__name__})")
        if copy.topic is not None:
            return LeftOut(f"{name} wrote in a topic")
        if post.own_text is not None and post.own_text != post.text:
            return Said(key, post.text, start=post.text.partition(" ")[2])
        entities, lacks = self._chosen(post)
        source = self._source(copy) if post.forwarded is not None else None
        if post.forwarded is not None and source is None:
            lacks = (*lacks, "that a message was forwarded from elsewhere")
        reply = copy.reply_to
        if post.quote is not None:
            lacks = (*lacks, "which part of a message was quoted")
        extras = (post.extras or {}).items()
        lacks = (*lacks, *(f"{what} of a message" for what, is_so in extras if is_so and what not in _SAID))
        if not _is_media(post):
            return Said(
                key, post.text, reply_to=reply, entities=entities, forwarded=source, lacks=tuple(lacks)
            )
        kind = self._kind(post.media, copy.peer)
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

    def _chosen(self, post: Post) -> tuple[tuple[TLObject, ...], tuple[str, ...]]:
        """Return the formatting that the sender chose, and what of it a test cannot do."""
        chosen = [entity for entity in post.entities or () if isinstance(entity, _CHOSEN)]
        able = tuple(one for one in chosen if not isinstance(one, types.MessageEntityMentionName))
        return able, ("a mention without a username",) if len(able) < len(chosen) else ()

    def _source(self, copy: Copy) -> int | None:
        """Return which message of the same chat was forwarded, None if it is none of these."""
        post, header = copy.post, copy.post.forwarded
        for number in sorted(self._known, reverse=True):
            known = self._known[number]
            was = known.post
            same = was.forwarded is header or (
                was.forwarded is None and header is not None and was.date == header.date
            )
            same = same and was.text == post.text and was.media is post.media
            if same and number != copy.id and known.peer == copy.peer:
                return number
        return None

    def _kind(self, media: Any, sender: int) -> tuple[Media, tuple[object, ...], tuple[str, ...]] | None:
        """Return what was sent, its content, and what of it a test cannot do."""
        match media:
            case types.MessageMediaPhoto(photo=photo):
                stored = self._world.files.named(photo.id) if photo is not None else None
                sizes = stored.picture.sizes if stored is not None and stored.picture is not None else ()
                largest = max((size.content for size in sizes), key=len, default=None)
                lacks = ("that a picture was covered",) if media.spoiler else ()
                return Media.PHOTO, () if largest is None else (largest,), lacks
            case types.MessageMediaDocument(document=types.Document() as document):
                content = self._world.files.stored(document.id)
                name = next((one.file_name for one in document.attributes if hasattr(one, "file_name")), "")
                return None if content is None else (Media.FILE, (content, name), _special(document, name))
            case types.MessageMediaContact(phone_number=phone, first_name=name):
                own = self._world.accounts[sender].phone or ""
                return Media.CONTACT, ("" if phone.lstrip("+") == own else phone, name), ()
            case types.MessageMediaGeo(geo=types.GeoPoint(lat=latitude, long=longitude)):
                return Media.LOCATION, (latitude, longitude), ()
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


def labels_of(markup: Any) -> Labels:  # Any: a reply markup of the schema, or None
    """Return the labels of a keyboard."""
    return tuple(button.text for row in getattr(markup, "rows", ()) for button in row.buttons)


def _label_of(copy: Copy, data: bytes | None) -> str:
    """Return the label of the button of a message that has this data."""
    for row in getattr(copy.post.markup, "rows", ()):
        for button in row.buttons:
            if getattr(getattr(button, "type", button), "data", None) == data:
                return str(button.text)
    return ""


def _special(document: types.Document, name: str) -> tuple[str, ...]:
    """Return how a file differs from one that a test sends under this name."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    special = [type(one).__name__ for one in document.attributes if not isinstance(one, _PLAIN)]
    kinds = ", ".join(one.removeprefix("DocumentAttribute").lower() for one in special)
    return (
        *((f"that the type of a file was {document.mime_type}",) if document.mime_type != kind else ()),
        *((f"that a file was sent as {kinds}",) if kinds else ()),
    )


def _is_media(post: Post) -> bool:
    return post.media is not None and not isinstance(post.media, types.MessageMediaWebPage)
