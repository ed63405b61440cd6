"""Faults of differences: unreadable entries, states that do not advance, empty and late answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import updates

from .. import layers
from ..dialogs import CHANNEL_BASE
from ..logs import Entry, Log
from .active import Active
from .calls import CallFaults, Plan, peer_asked
from .damage import Damage, damaged, damaged_push
from .nonsense import OF_STATES, Nonsense, distort
from .rules import Server

#: The (server's time, pts, qts) of a log, oldest first.
_Times = deque[tuple[float, int, int]]
_OF_ACCOUNTS: Final = (updates.GetDifferenceRequest, updates.GetStateRequest)
_STATES: Final = (*_OF_ACCOUNTS, updates.GetChannelDifferenceRequest)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Entries of a log that cannot be read: those with these numbers, both ends included."""

    first: int
    last: int
    #: Whether the numbers are qts.
    qts: bool
    damage: Damage

    def covers(self, update: TLObject) -> bool:
        number = getattr(update, "qts" if self.qts else "pts", None)
        return number is not None and self.first <= number <= self.last


class DifferenceFaults(CallFaults):
    """Faults of updates.getDifference and updates.getChannelDifference.

    `peer` is an account id, or the marked id of a channel; None means all of both.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.marks: dict[int, list[_Mark]] = {}
        self._stuck: set[int | None] = set()
        self._empty: set[int | None] = set()
        self._distorted: dict[int | None, Nonsense] = {}
        self._lags: dict[int | None, float] = {}
        self._times: dict[int, _Times] = {}
        self._end_times: Callable[[], None] | None = None

    def clear(self) -> None:
        super().clear()
        self.marks.clear()
        self._stuck.clear()
        self._empty.clear()
        self._distorted.clear()
        self._lags.clear()
        self._stop_times()
        self.tell_message_ids(True)
        self.slice_differences(None)
        self.differences_too_long(False)

    def active(self) -> Iterator[Active]:
        yield from super().active()
        world = self._server.world
        for peer in self.marks:
            yield Active(
                f"marks {peer}", "a part of the log is unreadable", partial(self.mend_log, peer), peer
            )
        for whose in self._stuck:
            end = partial(self.stick_differences, False, whose)
            yield Active(f"stuck {whose}", "differences do not advance", end, whose)
        for whose in self._empty:
            end = partial(self.empty_differences, False, whose)
            yield Active(f"empty {whose}", "differences are empty", end, whose)
        for whose, kind in self._distorted.items():
            end = partial(self.distort_states, None, whose)
            yield Active(f"distorted {whose}", f"states are {kind.value}", end, whose)
        for whose, seconds in self._lags.items():
            end = partial(self.lag_differences, 0, whose)
            yield Active(f"lag {whose}", f"differences lag by {seconds:g} s", end, whose)
        if (limit := world.difference_limit) is not None:
            text = f"differences hold at most {limit} updates"
            yield Active("slice", text, partial(self.slice_differences, None))
        if world.difference_too_long:
            end = partial(self.differences_too_long, False)
            yield Active("too long", "every difference is too long", end)
        if not world.message_ids_in_difference:
            end = partial(self.tell_message_ids, True)
            yield Active("message ids", "differences hold no updateMessageID", end)

    def tell_message_ids(self, tell: bool) -> None:
        """Set whether a difference holds an updateMessageID for each message that the account sent."""
        self._server.world.message_ids_in_difference = tell

    def slice_differences(self, limit: int | None) -> None:
        """Limit the updates in one difference; None ends it."""
        self._server.world.difference_limit = limit

    def differences_too_long(self, too_long: bool) -> None:
        """Set whether each getDifference is answered with differenceTooLong."""
        self._server.world.difference_too_long = too_long

    def stick_differences(self, stuck: bool, peer: int | None = None) -> None:
        """Set whether differences answer the same slice, and the caller's own state, again and again."""
        (self._stuck.add if stuck else self._stuck.discard)(peer)

    def empty_differences(self, empty: bool, peer: int | None = None) -> None:
        """Set whether differences are empty although there are updates; getState tells the true state."""
        (self._empty.add if empty else self._empty.discard)(peer)

    def distort_states(self, kind: Nonsense | None, peer: int | None = None) -> None:
        """Set the wrong number in the states that differences and getState tell; None ends it.

        Raise ValueError for a kind of pts_count, which a state does not have.
        """
        if kind is None:
            self._distorted.pop(peer, None)
        elif kind in OF_STATES:
            self._distorted[peer] = kind
        else:
            raise ValueError("a state has no pts_count")

    def lag_differences(self, seconds: float, peer: int | None = None) -> None:
        """Let differences lag behind the pushed updates by this long, by the server's clock; 0 ends it."""
        if seconds > 0:
            self._lags[peer] = seconds
            self._start_times()
        else:
            self._lags.pop(peer, None)
            if not self._lags:
                self._stop_times()

    def garble_log(
        self,
        peer: int,
        count: int = 1,
        *,
        first: int | None = None,
        qts: bool = False,
        damage: Damage = Damage.UNKNOWN,
    ) -> None:
        """Make the next `count` numbers of a log unreadable, pushed and in each difference, until `clear`.

        `first` is the first pts (with `qts`: the first qts); None: the next one.
        """
        log = self._log(peer)
        start = (log.qts if qts else log.pts) + 1 if first is None else first
        self.marks.setdefault(peer, []).append(_Mark(start, start + count - 1, qts, damage))

    def mend_log(self, peer: int | None = None) -> None:
        """End `garble_log` for one log, or all."""
        if peer is None:
            self.marks.clear()
        else:
            self.marks.pop(peer, None)

    # For the server.

    def plan(self, method: str, account: int | None, request: TLRequest | None = None) -> Plan | None:
        changes = self.marks or self._stuck or self._empty or self._distorted
        if not (changes or self._calls or self._delays):
            return None
        plan = super().plan(method, account, request)
        if not changes or account is None or not isinstance(request, _STATES):
            return plan
        peer = account if isinstance(request, _OF_ACCOUNTS) else peer_asked(request)
        if peer is None:
            return plan
        plan = plan or Plan()
        return replace(plan, rewrite=partial(self._rewrite, peer, request, plan.rewrite))

    def garbled(self, account: int | None, pushed: types.Updates, body: bytes) -> bytes:
        """Return the bytes of an update to be pushed: damaged if `garble_log` asked for it."""
        first = pushed.updates[0] if isinstance(pushed, types.Updates) and pushed.updates else None
        channel = _channel_of(first)
        for mark in self.marks.get(channel if channel is not None else account or 0, ()):
            if mark.covers(first):
                return damaged_push(body, mark.damage)
        return body

    def _rewrite(
        self, peer: int, request: Any, then: Callable[[object, int], object] | None, answer: Any, layer: int
    ) -> object:
        """Return the changed answer to a difference request."""
        if isinstance(request, updates.GetStateRequest):
            marked = False
        else:
            marked = peer in self.marks
            if self._on(self._empty, peer):
                answer = self._nothing(peer, request)
            elif self._on(self._stuck, peer):
                answer = _stuck(request, answer)
        kind = self._distorted.get(peer, self._distorted.get(None))
        if kind is not None:
            distort(answer, kind)
        result = self._damaged(peer, request, answer, layer) if marked else answer
        return result if then is None else then(result, layer)

    def _nothing(self, peer: int, request: Any) -> object:
        if peer < 0:
            return types.updates.ChannelDifferenceEmpty(request.pts, final=True)
        return types.updates.DifferenceEmpty(self._server.world.date(), 1)

    def _damaged(self, peer: int, request: Any, answer: Any, layer: int) -> object:
        """Return the answer, encoded, with damage to its unreadable entries."""
        # Messages of a difference have no pts: the log says which ones are unreadable.
        log, marks = self._log(peer), self.marks[peer]
        ids: dict[int, Damage] = {}
        for entry in log.above(request.pts, getattr(request, "qts", log.qts)):
            damage = _damage_of(entry, marks)
            if damage is not None and entry.message is not None:
                ids[entry.message.id] = damage
        body = layers.encode(answer, layer)
        unreadable = [
            (message, ids[message.id]) for message in getattr(answer, "new_messages", ()) if message.id in ids
        ]
        unreadable += [
            (update, mark.damage)
            for update in getattr(answer, "other_updates", ())
            for mark in marks
            if mark.covers(update)
        ]
        for part, damage in unreadable:
            encoded = layers.encode(part, layer)
            start = body.find(encoded)
            if start >= 0:
                body = damaged(body, damage, start, start + len(encoded))
        return body

    def _on(self, peers: set[int | None], peer: int) -> bool:
        return bool(peers) and (None in peers or peer in peers)

    def _log(self, peer: int) -> Log:
        world = self._server.world
        return world.chats[peer].log if peer < 0 else world.accounts[peer].log

    # Lag.

    def _start_times(self) -> None:
        """Begin to note at which time each log grows."""
        if self._end_times is not None:
            return
        world = self._server.world

        def passing(account: int, entry: Entry) -> None:
            channel = _channel_of(entry.content)
            if channel is not None:
                self._note(channel)

        self._end_times = world.subscribe(self._note, passing)
        for peer in (*world.accounts.ids(), *(m for m, chat in world.chats.items() if chat.channel)):
            log = self._log(peer)
            self._times[peer] = deque([(0.0, log.pts, log.qts)])
        world.horizon = self._horizon

    def _stop_times(self) -> None:
        if self._end_times is not None:
            self._end_times()
            self._end_times = None
        self._times.clear()
        self._server.world.horizon = None

    def _note(self, peer: int) -> None:
        log = self._log(peer)
        # The log of a new account or channel begins at 1.
        times = self._times.setdefault(peer, deque([(0.0, 1, 1)]))
        if times[-1][1:] != (log.pts, log.qts):
            times.append((self._server.world.now(), log.pts, log.qts))

    def _horizon(self, peer: int) -> tuple[int, int] | None:
        """Return the (pts, qts) up to which differences of this log reach now; None: all of it."""
        lag = self._lags.get(peer, self._lags.get(None, 0.0))
        if not lag:
            return None
        self._note(peer)
        times, seen = self._times[peer], self._server.world.now() - lag
        while len(times) > 1 and times[1][0] <= seen:
            times.popleft()
        return times[0][1:]


def _stuck(request: Any, answer: Any) -> object:
    """Return a difference whose new state is that of the request; one that is empty stays empty."""
    match answer:
        case types.updates.ChannelDifference():
            answer.pts, answer.final = request.pts, False
        case types.updates.Difference() | types.updates.DifferenceSlice():
            state = (
                answer.state if isinstance(answer, types.updates.Difference) else answer.intermediate_state
            )
            state = types.updates.State(request.pts, request.qts, state.date, state.seq, 0)
            return types.updates.DifferenceSlice(
                answer.new_messages, [], answer.other_updates, answer.chats, answer.users, state
            )
    return answer


def _damage_of(entry: Entry, marks: list[_Mark]) -> Damage | None:
    return next((mark.damage for mark in marks if mark.covers(entry)), None)


def _channel_of(update: Any) -> int | None:
    """Return the marked id of the channel whose log holds this update."""
    name = type(update).__name__
    if "Channel" not in name or not hasattr(update, "pts"):
        return None
    peer = getattr(getattr(update, "message", None), "peer_id", update)
    number = getattr(peer, "channel_id", None)
    return None if number is None else -CHANNEL_BASE - number
