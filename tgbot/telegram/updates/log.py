"""Telegram's log of updates: what is next in it, what is known, and what is missing; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from telethon.tl import types

from tgbot.store.base import UpdateState
from tgbot.telegram.updates.contents import account_brought, channel_brought, state_of
from tgbot.telegram.updates.numbers import IDLE_SECONDS, Numbers
from tgbot.telegram.updates.place import GREATEST, is_possible, order_of, place_of, updates_in
from tgbot.telegram.updates.portions import Hole, Item, Out, Portion, brought_item, news, portions_of

#: By how much a state may be above the updates that came with it; beyond it the state needs a proof.
PLAUSIBLE_JUMP = 100
#: How many seconds of containers a seq may be behind and count as known.
PLAUSIBLE_SEQ = 1_000
#: How many seconds a date may be ahead of Telegram's time.
PLAUSIBLE_DATE = 300

_new: Final = tuple.__new__  # of a NamedTuple: its own __new__ is a function in Python


class Log:
    """How far Telegram's log of updates was taken: the account's pts and qts, and the pts of each channel.

    `latest` is Telegram's time in unix seconds. `now` is a time in seconds that never jumps.
    """

    def __init__(self, latest: Callable[[], float]) -> None:
        self.account = Numbers("pts", None, 0.0)
        self.qts = Numbers("qts", None, 0.0)
        self.channels: dict[int, Numbers] = {}
        self.date = 0
        self.seq = 0
        #: Sequences with a hole.
        self.holes: dict[Numbers, None] = {}
        #: Channels whose difference has to be requested.
        self.channels_due: dict[int, None] = {}
        #: How many updates with impossible numbers came.
        self.strange = 0
        self._latest = latest
        self._noted: datetime | None = None  # the date that came last

    # ---- the state -----------------------------------------------------------------------------

    def load(self, state: UpdateState, now: float, *, replayed: bool = False) -> None:
        """Start from a state."""
        self.account = Numbers("pts", state.pts, now, replayed=replayed)
        self.qts = Numbers("qts", state.qts or None, now, replayed=replayed)
        self.channels = {
            channel: Numbers(f"channel {channel}, pts", pts, now, channel=channel, replayed=replayed)
            for channel, pts in state.channels.items()
        }
        self.date, self.seq = state.date, state.seq
        self._noted = None
        self.holes.clear()
        self.channels_due.clear()

    def is_empty(self) -> bool:
        """Return whether there is no state yet."""
        return self.account.at is None

    def mark(self, channels: Iterable[int] = ()) -> UpdateState:
        """Return the state before which nothing is missing, with the pts of those channels that are known."""
        told = {}
        for channel in channels:
            numbers = self.channels.get(channel)
            if numbers is not None and numbers.at is not None:
                told[channel] = numbers.at
        return UpdateState(self.account.at or 0, self.qts.at or 0, self.date, self.seq, told)

    @property
    def due(self) -> bool:
        """Whether the account's difference has to be requested."""
        return self.account.due or self.qts.due

    def start_over(self, state: types.updates.State) -> None:
        """Go on from a state of another log."""
        for numbers, number in ((self.account, state.pts), (self.qts, state.qts or None)):
            numbers.forget()
            numbers.at = number
        self.seq = state.seq
        self._note(self.account, self.qts)

    def roll_back(self, state: UpdateState) -> None:
        """Go back to a state: what was taken after it was not handed out."""
        self.account.at = state.pts
        self.qts.at = state.qts or None
        for channel, pts in state.channels.items():
            if channel in self.channels:
                self.channels[channel].at = pts

    def forget_channel(self, channel: int) -> None:
        """Forget what is known of a channel: its next update tells it."""
        numbers = self.channels.pop(channel, None)
        if numbers is not None:
            self.holes.pop(numbers, None)
        self.channels_due.pop(channel, None)

    # ---- what comes live -----------------------------------------------------------------------

    def take_one(self, container: types.Updates, now: float) -> UpdateState | None:
        """Take a container with one new message that is next in the log; return the state before it.

        Return None, and take nothing, for any other. Does what `take` would do, at a fraction of the cost.
        """
        updates = container.updates
        if container.seq or len(updates) != 1 or type(updates[0]) is not types.UpdateNewMessage:
            return None
        account = self.account
        before = _new(UpdateState, (account.at or 0, self.qts.at or 0, self.date, self.seq, {}))
        if not self.take_next(updates[0], container.date):
            return None
        account.deadline = now + IDLE_SECONDS
        return before

    def take_next(self, moved: types.UpdateNewMessage | types.UpdateShortSentMessage, date: datetime) -> bool:
        """Take a message that is next in the log; return False if it is not, or not as simple."""
        account, number = self.account, moved.pts
        if not account.plain or number - moved.pts_count != account.at or number <= account.at:
            return False
        account.at = number
        if date is not self._noted:
            self._note_date(date)
        return True

    def take(self, container: types.TypeUpdates, now: float) -> list[Portion]:
        """Take a container of any kind; return what is handed out now."""
        if isinstance(container, types.UpdatesTooLong):
            self.account.due = True
            return []
        updates = updates_in(container)
        users = getattr(container, "users", None) or []
        chats = getattr(container, "chats", None) or []
        own = getattr(container, "_self_outgoing", False)
        fresh = self._take_seq(container)
        out: Out = []
        for update in sorted(updates, key=order_of) if len(updates) > 1 else updates:
            self._take(Item(update, users, chats, 0, 0, own, now), out, fresh=fresh)
        if self.account not in self.holes and self.qts not in self.holes:
            self._note_date(container.date)
        return portions_of(out, users, chats)

    def expire(self, now: float) -> list[Portion]:
        """Request differences that are due by time; return what was held for long enough."""
        out: Out = []
        for numbers in tuple(self.holes):
            numbers.expire(now, out)
            self._note(numbers)
        return portions_of(out)

    def next_time(self) -> float | None:
        """Return when `expire` has something to do, None: never."""
        times = [time for numbers in self.holes if (time := numbers.next_time()) is not None]
        return min(times, default=None)

    def sweep(self, now: float) -> None:
        """Request the difference of every sequence that had no update for 15 minutes."""
        for numbers in (self.account, *self.channels.values()):
            if numbers.at is not None and now >= numbers.deadline:
                numbers.due = True
                numbers.deadline = now + IDLE_SECONDS
                self._note(numbers)

    # ---- differences ---------------------------------------------------------------------------

    def begin_difference(self) -> None:
        """Have everything after the account's state requested, once more if a request is under way."""
        self.account.due, self.account.again = True, self.account.asking

    def apply_difference(
        self,
        answer: types.updates.TypeDifference,
        asked: UpdateState,
        now: float,
        *,
        believed: bool = True,
        part: str = "",
    ) -> tuple[list[Portion], bool]:
        """Take the account's difference; return what is handed out, and whether it made progress.

        `believed` tells whether the state in it is taken; `asked` is the state that it was requested from.
        `part` is "pts" or "qts" where only that sequence was requested: the other one stays as it is.
        """
        account, qts = self.account, self.qts
        state = state_of(answer)
        if state is None:  # it is empty
            if not part:
                account.complete(now)
                qts.complete(now)
            self.seq = answer.seq or self.seq
            return [], True
        before, out, greatest_qts = (account.at, qts.at), Out(), 0
        brought = account_brought(answer)
        # Only a state that covers all that came with it makes sure that nothing of it comes a second time.
        covered = believed and part != "qts" and state.pts - asked.pts >= brought
        final = isinstance(answer, types.updates.Difference)
        for message in answer.new_messages:
            item = brought_item(types.UpdateNewMessage(message, 0, 0), answer, now)
            account.take_brought(item, out, remember=not (final and covered))
        for encrypted in answer.new_encrypted_messages:
            out.append((brought_item(types.UpdateNewEncryptedMessage(encrypted, 0), answer, now), False))
        for update in answer.other_updates:
            place = place_of(update)
            item = brought_item(update, answer, now)
            if place is None or place.numbers not in ("pts", "qts"):
                self._take(item, out, fresh=True)
                continue
            numbers = account if place.numbers == "pts" else qts
            if not is_possible(place):
                self.strange += 1
                continue
            greatest_qts = max(greatest_qts, place.number if numbers is qts else 0)
            item.before, item.number = place.before, place.number
            numbers.take_brought(item, out)
        if part != "qts":
            if believed and (account.at or 0) <= state.pts <= GREATEST:
                account.move(state.pts, now, out)
            else:
                account.absorb(out)
        if part != "pts":
            told = state.qts if 0 < state.qts <= GREATEST else 0
            if told - max(qts.at or told, greatest_qts) > PLAUSIBLE_JUMP:
                told = 0  # there would be updates
            if told or greatest_qts:
                qts.move(max(told, greatest_qts, qts.at or 0), now, out)
        if final and covered and not part:
            account.complete(now)
            account.forget_brought()
            qts.complete(now)
        if 0 < state.seq <= GREATEST:
            self.seq = state.seq
        self._note(account, qts)
        if account not in self.holes:
            self._note_date(state.date)
        progress = news(out) or (account.at, qts.at) != before or not self.due
        return portions_of(out, answer.users, answer.chats), progress

    def apply_channel_difference(
        self, channel: int, answer: types.updates.TypeChannelDifference, now: float, *, believed: bool = True
    ) -> tuple[list[Portion], bool]:
        """Take the difference of a channel; return what is handed out, and whether it made progress."""
        numbers = self.channels[channel]
        asked, out = numbers.at or 0, Out()
        too_long = isinstance(answer, types.updates.ChannelDifferenceTooLong)
        top = (answer.dialog.pts or 0) if too_long else answer.pts
        covered = believed and (too_long or top - asked >= channel_brought(answer))
        for message in answer.messages if too_long else getattr(answer, "new_messages", ()):
            item = brought_item(types.UpdateNewChannelMessage(message, 0, 0), answer, now)
            numbers.take_brought(item, out, remember=not (answer.final and covered))
        for update in getattr(answer, "other_updates", ()):
            place = place_of(update)
            item = brought_item(update, answer, now)
            if place is None or place.numbers != channel:
                self._take(item, out, fresh=True)
            elif not is_possible(place):
                self.strange += 1
            else:
                item.before, item.number = place.before, place.number
                numbers.take_brought(item, out)
        if believed and asked <= top <= GREATEST:
            numbers.move(max(top, numbers.at or 0), now, out)
        else:
            numbers.absorb(out)
        if answer.final and covered:
            numbers.complete(now)
            if not isinstance(answer, types.updates.ChannelDifferenceEmpty):
                numbers.forget_brought()
            if answer.timeout:
                numbers.deadline = now + min(max(answer.timeout, 60), IDLE_SECONDS)
        self._note(numbers)
        progress = news(out) or numbers.at != asked or not numbers.due
        return portions_of(out, getattr(answer, "users", ()), getattr(answer, "chats", ())), progress

    def close_holes(self, numbers: Numbers, top: int, denied: int) -> tuple[list[Portion], list[Hole]]:
        """Give up the holes of a sequence up to the number `denied`; the server's log reaches up to `top`.

        Return what is handed out, and the holes that are lost.
        """
        lost, out = [], Out()
        while (hole := numbers.hole) is not None and hole[0] <= denied:
            given_up = numbers.give_up(top, out)
            if given_up is not None:
                lost.append(given_up)
        self._note(numbers)
        return portions_of(out), lost

    def skip_to(self, numbers: Numbers, top: int) -> tuple[list[Portion], list[Hole]]:
        """Go on from `top`; return what is handed out, and what never came."""
        out: Out = []
        missed = numbers.skip_to(top, out)
        self._note(numbers)
        return portions_of(out), missed

    def skip_over(self, numbers: Numbers, to: int, now: float) -> list[Portion]:
        """Go on from a number that is above the own one; return what is handed out."""
        out: Out = []
        numbers.move(to, now, out)
        self._note(numbers)
        return portions_of(out)

    def request_channel(self, channel: int) -> None:
        """Have the difference of a channel requested."""
        numbers = self.channels[channel]
        numbers.due = True
        self._note(numbers)

    def request_channels(self) -> None:
        """Have the difference of every known channel requested."""
        for channel in self.channels:
            self.request_channel(channel)

    def drop_held(self) -> None:
        """Drop all that is behind a hole: the difference brings it."""
        for numbers in tuple(self.holes):
            numbers.drop()
            numbers.due = True
            self._note(numbers)

    # ---- inside --------------------------------------------------------------------------------

    def _take(self, item: Item, out: Out, *, fresh: bool) -> None:
        update = item.update
        kind = type(update)
        if kind is types.UpdateChannelTooLong:
            numbers = self.channels.get(update.channel_id)
            if numbers is not None:
                numbers.due = True
                self._note(numbers)
            return
        if kind is types.UpdatePtsChanged:
            self.account.due = True
            return
        place = place_of(update)
        if place is None:
            if fresh and not item.own:
                out.append((item, False))
            return
        if not is_possible(place):
            self.strange += 1
            known = self.channels.get(place.numbers) if isinstance(place.numbers, int) else self.account
            if known is not None:
                known.due = True
                self._note(known)
            return
        numbers = self._numbers(place.numbers, item.at)
        item.before, item.number = place.before, place.number
        numbers.take(item, out)
        self._note(numbers)

    def _numbers(self, name: str | int, now: float) -> Numbers:
        if not isinstance(name, int):
            return self.account if name == "pts" else self.qts
        if name not in self.channels:
            self.channels[name] = Numbers(f"channel {name}, pts", None, now, channel=name)
        return self.channels[name]

    def _take_seq(self, container: types.TypeUpdates) -> bool:
        """Compare the seq of a container; return whether its updates without a number are news.

        Updates with a number are taken by that.
        """
        last = getattr(container, "seq", 0)
        if not last:
            return True
        first = getattr(container, "seq_start", last)
        if 0 <= self.seq - first < PLAUSIBLE_SEQ:
            return False
        if first > self.seq + 1:
            self.account.due = True
            if first - self.seq > PLAUSIBLE_SEQ:
                return True
        self.seq = last
        return True

    def _note_date(self, date: datetime) -> None:
        self._noted = date
        seconds = int(date.timestamp())
        if not seconds:
            return  # what Telethon makes of an answer
        # Most dates are at most a minute later than the one before; a greater step needs a clock.
        if seconds <= self.date + 60 or seconds <= self._latest() + PLAUSIBLE_DATE:
            self.date = seconds

    def _note(self, *sequences: Numbers) -> None:
        """Look which of these have a hole, and which channels a difference to request."""
        for numbers in sequences:
            if numbers.hole is not None:
                self.holes[numbers] = None
            elif self.holes:
                self.holes.pop(numbers, None)
            channel = numbers.channel
            if channel is not None and numbers.due:
                self.channels_due[channel] = None
            elif channel is not None and self.channels_due:
                self.channels_due.pop(channel, None)
