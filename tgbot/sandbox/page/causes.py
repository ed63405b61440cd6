"""Which calls of a bot belong to which update: exactly where the wire tells it, else by their order."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from telethon.tl import TLObject, TLRequest, functions, types

from ..dialogs import CHANNEL_BASE
from ..mentions import named
from ..mtproto import GZIP_PACKED
from ..records import Kind, Record
from ..trace import Trace
from .reading import Readings

#: Seconds for which a call may belong to an update after which nothing came in its dialog.
_LONGEST: Final = 60.0
#: The most earlier updates of a dialog of which a call may be the exact answer.
_EARLIER: Final = 20
#: Seconds for which a call may have waited for others (invokeAfterMsg) before it sent something.
_WAITED: Final = 3.0
#: The most updates whose names are remembered.
_MAX_NAMED: Final = 200

_DIFFERENCES: Final = (functions.updates.GetDifferenceRequest, functions.updates.GetChannelDifferenceRequest)
_QUERY_ANSWERS: Final = (
    functions.messages.SetBotCallbackAnswerRequest,
    functions.messages.SetInlineBotResultsRequest,
    functions.messages.SetBotShippingResultsRequest,
    functions.messages.SetBotPrecheckoutResultsRequest,
    functions.bots.SetJoinChatResultsRequest,
)

_EDITS: Final = (functions.messages.EditMessageRequest, functions.messages.EditInlineBotMessageRequest)

#: From a bot, an update and the marked id of a chat to the random_ids with which the bot answers it there,
#: for bots that compute them from the update.
Names = Callable[[int, TLObject, int], Iterable[int]]


class Why(StrEnum):
    """How it is known that a call belongs to an update. All but the last are certain."""

    #: It answers the query that the update brought.
    QUERY = "it answers this query"
    #: Its random_id is computed from this update.
    NAME = "its random_id is named after this update"
    #: It is a reply to the message that the update brought.
    REPLY = "it replies to this message"
    #: It is about the same chat, and came after this update and before the next one of the chat.
    ORDER = "probably: it is about this chat, and came before its next update"


@dataclass(frozen=True, slots=True)
class Brought:
    """An update that reached a bot."""

    record: Record
    update: TLObject
    #: The marked id of the chat that it is about, as the bot sees it; 0 for none.
    dialog: int
    #: The message that it brought or is about, 0 for none.
    message: int = 0
    #: The query that the bot is to answer, 0 for none.
    query: int = 0
    #: Whether a difference brought it, and not a push.
    late: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A call of a bot because of an update."""

    record: Record
    why: Why
    #: Whether the person gets to see something by it: a message, an edit, an answer to a query.
    speaks: bool


@dataclass(slots=True)
class Story:
    """An update of a bot with what came of it."""

    bot: int
    brought: Brought | None
    #: The call of the person that caused the update, if it is recorded.
    cause: Record | None = None
    made: list[Made] = field(default_factory=list)

    @property
    def start(self) -> float:
        """When it began: at the person's call, else at the update, else at the first call."""
        records = [made.record for made in self.made]
        records += [] if self.brought is None else [self.brought.record]
        records += [] if self.cause is None else [self.cause]
        return min((record.at for record in records), default=0.0)

    @property
    def first(self) -> Record | None:
        """The first call with which the bot answers the person."""
        return next((made.record for made in self.made if made.speaks), None)

    def sandbox_until(self, end: float) -> float:
        """Return the seconds up to a moment that passed in the sandbox: before the update, and in calls."""
        spans = [(made.record.at, made.record.at + (made.record.took or 0.0)) for made in self.made]
        if self.cause is not None and self.brought is not None:
            spans.append((self.cause.at, self.brought.record.at))
        total, reached = 0.0, 0.0
        for begin, stop in sorted(spans):
            begin, stop = max(begin, reached), min(stop, end)
            if stop > begin:
                total, reached = total + stop - begin, stop
        return total


@dataclass(frozen=True, slots=True)
class _Others:
    """What shows that a call belongs to another update of the same chat."""

    #: The random_ids of sends that are named after earlier updates.
    names: frozenset[int]
    #: The messages that other updates have brought.
    messages: frozenset[int]


class Causes:
    """Find the updates and calls of bots in what a trace has recorded."""

    def __init__(self, trace: Trace, readings: Readings, names: Names | None = None) -> None:
        self._trace = trace
        self._readings = readings
        self._names = names
        #: The random_ids of answers, by bot, number of the record, dialog and message.
        self._named: dict[tuple[int, int, int, int], frozenset[int]] = {}

    # Where the world went back to an earlier state, ids and random_ids come again: what is asked for is that
    # of a message, and `since` is its date.

    def call_with(self, account: int, random_id: int, since: float) -> Record | None:
        """Return the first call, over the wire or on the page, that sent with this random_id."""
        wanted = struct.pack("<q", random_id)
        for record in self._trace.records():
            if record.time < since - _WAITED:
                continue
            if record.account == account and record.kind in (Kind.CALL, Kind.PAGE):
                call = self._call(record, wanted)
                if call is not None and random_id in random_ids(call):
                    return record
        return None

    def brought(self, bot: int, message: int, dialog: int, since: float) -> Brought | None:
        """Return the first update that brought a new message to a bot."""
        for each in self._updates(bot, struct.pack("<i", message), since):
            if (each.message, each.dialog, each.query) == (message, dialog, 0):
                return each
        return None

    def presses(self, bot: int, message: int, dialog: int, since: float) -> list[Brought]:
        """Return the updates about presses of the buttons of a bot's message."""
        found = self._updates(bot, struct.pack("<i", message), since)
        return [each for each in found if each.query and (each.message, each.dialog) == (message, dialog)]

    def press(self, brought: Brought) -> Record | None:
        """Return the call with which a person pressed the button that an update is about."""
        person = getattr(brought.update, "user_id", 0)
        for record in reversed(self._trace.records()):
            if record.account != person or record.kind not in (Kind.CALL, Kind.PAGE):
                continue
            if record.number < brought.record.number:
                call = self._readings.call(record)
                if isinstance(call, functions.messages.GetBotCallbackAnswerRequest):
                    return record
        return None

    def story(self, bot: int, brought: Brought) -> Story:
        """Return what a bot did because of an update."""
        story = Story(bot, brought)
        if not brought.dialog:
            return story
        updates = list(self._updates(bot, _bytes_of(brought.dialog)))
        following = self._next(brought, updates)
        before = [each for each in updates if each.record.number < brought.record.number][-_EARLIER:]
        others = _Others(
            frozenset[int]().union(*(self._names_of(bot, each) for each in before)),
            frozenset(each.message for each in updates if each.message != brought.message),
        )
        wanted = struct.pack("<q", brought.query) if brought.query else _bytes_of(brought.dialog)
        for record in self._trace.records(brought.record.number):
            if record.account != bot or record.kind is not Kind.CALL:
                continue
            call = self._call(record, wanted) or (self._call(record, _bytes_of(brought.dialog)))
            if call is None:
                continue
            why = self._certain(bot, call, brought)
            if why is None and self._is_probable(record, call, brought, following, others):
                why = Why.ORDER
            if why is not None:
                speaks = bool(random_ids(call)) or isinstance(call, (*_QUERY_ANSWERS, *_EDITS))
                story.made.append(Made(record, why, speaks))
        return story

    def answered(self, bot: int, record: Record, dialog: int) -> Brought | None:
        """Return the update because of which a bot made a call about a chat."""
        call = self._readings.call(record)
        before = [each for each in self._updates(bot, _bytes_of(dialog)) if each.dialog == dialog]
        before = [each for each in before if each.record.number < record.number and _is_for(each)]
        for each in reversed(before[-_EARLIER:]):
            if call is not None and self._certain(bot, call, each) is not None:
                return each
        latest = before[-1] if before else None
        return latest if latest is not None and record.at <= latest.record.at + _LONGEST else None

    # -- inside

    def _certain(self, bot: int, call: Any, brought: Brought) -> Why | None:  # Any: a TLRequest
        """Return how the call itself tells that it belongs to an update, None if it does not."""
        if isinstance(call, _QUERY_ANSWERS):
            return Why.QUERY if brought.query and call.query_id == brought.query else None
        if not self._names_of(bot, brought).isdisjoint(random_ids(call)):
            return Why.NAME
        if brought.query or not brought.message or brought.dialog not in named(call):
            return None
        reply = getattr(getattr(call, "reply_to", None), "reply_to_msg_id", None)
        return Why.REPLY if reply == brought.message else None

    def _is_probable(
        self,
        record: Record,
        call: Any,  # Any: a TLRequest
        brought: Brought,
        following: Record | None,
        others: _Others,
    ) -> bool:
        """Return whether the order alone tells that a call belongs to an update."""
        if isinstance(call, (*_QUERY_ANSWERS, *_DIFFERENCES)) or brought.dialog not in named(call):
            return False
        if following is not None and record.number > following.number:
            return False
        reply = getattr(getattr(call, "reply_to", None), "reply_to_msg_id", None)
        if reply in others.messages or not others.names.isdisjoint(random_ids(call)):
            return False
        return record.at <= brought.record.at + _LONGEST

    def _next(self, brought: Brought, updates: Sequence[Brought]) -> Record | None:
        """Return the record of the next update of the dialog on which a bot may act."""
        for each in updates:
            later = each.record.number > brought.record.number
            if later and each.dialog == brought.dialog and _is_for(each):
                return each.record
        return None

    def _names_of(self, bot: int, brought: Brought) -> frozenset[int]:
        """Return the random_ids of what answers an update, where they are computed from it."""
        if self._names is None:
            return frozenset()
        key = bot, brought.record.number, brought.dialog, brought.message
        if key not in self._named:
            if len(self._named) >= _MAX_NAMED:
                self._named.clear()
            self._named[key] = frozenset(self._names(bot, brought.update, brought.dialog))
        return self._named[key]

    def _call(self, record: Record, wanted: bytes) -> Any:  # Any: a TLRequest, None if it lacks these bytes
        body = record.body
        if wanted in body or int.from_bytes(body[:4], "little") == GZIP_PACKED:
            return self._readings.call(record)
        return None

    def _updates(self, bot: int, wanted: bytes, since: float = 0.0) -> Iterator[Brought]:
        """Yield the updates of a bot in messages that hold these bytes, oldest first."""
        for record in self._trace.records():
            if record.account != bot or not record.out or record.time < since:
                continue
            body = record.body
            if record.kind is Kind.UPDATE:
                packed = int.from_bytes(body[:4], "little") == GZIP_PACKED
            elif record.kind is Kind.ANSWER and record.call is not None:
                if not isinstance(self._readings.call(record.call), _DIFFERENCES):
                    continue
                packed = int.from_bytes(body[12:16], "little") == GZIP_PACKED
            else:
                continue
            if (packed or wanted in body) and record.msg_id:
                yield from brought_by(record, self._readings.value(record))


def brought_by(record: Record, value: Any) -> Iterator[Brought]:  # Any: a TL value
    """Yield the updates in a message of the server."""
    match value:
        case types.Updates() | types.UpdatesCombined():
            for update in value.updates:
                yield _brought(record, update, late=False)
        case types.UpdateShort():
            yield _brought(record, value.update, late=False)
        case types.UpdateShortMessage():
            yield Brought(record, value, value.user_id, value.id)
        case types.UpdateShortChatMessage():
            yield Brought(record, value, -value.chat_id, value.id)
        case types.updates.Difference() | types.updates.DifferenceSlice() | types.updates.ChannelDifference():
            for message in value.new_messages:
                update = types.UpdateNewMessage(message, 0, 0)
                yield _brought(record, update, late=True)
            for update in value.other_updates:
                yield _brought(record, update, late=True)


def _brought(record: Record, update: Any, *, late: bool) -> Brought:  # Any: a TL update
    message = getattr(update, "message", None)
    query = getattr(update, "query_id", 0) or 0
    if isinstance(message, TLObject):
        dialog = next(named(getattr(message, "peer_id", None)), 0)
        return Brought(record, update, dialog, getattr(message, "id", 0), query, late)
    peer = getattr(update, "peer", None)
    number = getattr(update, "msg_id", 0) or 0
    if isinstance(update, types.UpdateBotChatInviteRequester):
        # A bot answers the person, not the chat.
        return Brought(record, update, update.user_id, 0, query, late)
    dialog = next(named(peer), 0) if peer is not None else next(named(update), 0)
    return Brought(record, update, dialog, number, query, late)


def _is_for(brought: Brought) -> bool:
    """Return whether a bot may act on an update: a message of somebody else, a press, a reaction."""
    message = getattr(brought.update, "message", None)
    own = getattr(message, "out", False) or getattr(brought.update, "out", False)
    return bool(brought.message or brought.query) and not own


def random_ids(call: TLRequest) -> list[int]:
    """Return the random_ids with which a call sends."""
    held = getattr(call, "random_id", None)
    if isinstance(held, list):
        return held
    if isinstance(held, int):
        return [held]
    return [each.random_id for each in getattr(call, "multi_media", None) or ()]


def _bytes_of(marked: int) -> bytes:
    """Return the id of a user or chat as it stands in TL."""
    return struct.pack("<q", -marked - CHANNEL_BASE if marked < -CHANNEL_BASE else abs(marked))
