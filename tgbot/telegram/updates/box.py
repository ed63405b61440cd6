"""Telegram's update sequences: Telethon's message box, with nothing dropped out of a difference."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from telethon._updates.messagebox import (
    ENTRY_ACCOUNT,
    ENTRY_SECRET,
    NO_SEQ,
    MessageBox,
    PtsInfo,
    State,
    next_updates_deadline,
)
from telethon._updates.session import ChannelState, SessionState
from telethon.tl import types

from tgbot.store.base import UpdateState
from tgbot.telegram.updates.keys import channel_of

_NO_CHANNELS: Mapping[int, int] = {}


class ChatHashes(Protocol):
    """Where Telethon's methods look access hashes up."""

    def get(self, id: int) -> object:
        """Return a peer with its access hash, None for an unknown one."""

    def extend(self, users: object, chats: object) -> None:
        """Take in users and chats."""


class UpdateBox(MessageBox):
    """What of Telegram's log of updates was taken, and what has to be asked for.

    Differs from Telethon's in two things. The updates of a difference are held against the state *before*
    it (Telethon sets the new state first and then drops every one that has a pts or a qts). A difference
    that is too long is a loss to be told: `too_long` is set, and the rest is asked for. What came before its
    turn is kept in `ahead` while the difference is fetched (Telethon drops it).
    """

    __slots__ = ("ahead", "chat_hashes", "too_long")

    def __init__(self, chat_hashes: ChatHashes) -> None:
        super().__init__(logging.getLogger("telethon"))
        #: Where Telethon's methods look access hashes up.
        self.chat_hashes = chat_hashes
        self.ahead: list[Any] = []
        self.too_long = False

    def _trace(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing: Telethon's traces hold message texts, and cost more than the rest of the box."""

    def load_state(self, state: UpdateState) -> None:
        """Start from a state of the session."""
        self.load(
            SessionState(0, 0, True, state.pts, state.qts, state.date, state.seq, 0),
            [ChannelState(channel, pts) for channel, pts in state.channels.items()],
        )
        if not state.pts:
            # To Telethon a pts of 0 is none. Telegram's own begin at 1, those of other servers may not.
            self.map[ENTRY_ACCOUNT] = State(NO_SEQ, next_updates_deadline())

    def mark(self) -> UpdateState:
        """Return the account's state as taken so far (channels: see `channels`)."""
        account, qts = self.map.get(ENTRY_ACCOUNT), self.map.get(ENTRY_SECRET)
        return UpdateState(
            account.pts if account is not None else 0,
            qts.pts if qts is not None else 0,
            int(self.date.timestamp()),
            self.seq,
            _NO_CHANNELS,
        )

    def channels(self) -> dict[int, int]:
        """Return the pts of each channel as taken so far."""
        return {entry: state.pts for entry, state in self.map.items() if isinstance(entry, int)}

    def channels_before(self, updates: list[Any]) -> Mapping[int, int]:
        """Return the pts of the channels that these updates move, as they are now."""
        touched = {channel for update in updates if (channel := channel_of(update)) is not None}
        return {channel: self.map[channel].pts for channel in touched if channel in self.map}

    @property
    def account_difference_due(self) -> bool:
        return ENTRY_ACCOUNT in self.getting_diff_for or ENTRY_SECRET in self.getting_diff_for

    def begin_difference(self) -> None:
        """Ask for everything after the state taken so far."""
        self.try_begin_get_diff(ENTRY_ACCOUNT, "asked for")

    def try_begin_get_diff(self, entry: Any, reason: str) -> None:
        gap = self.possible_gaps.get(entry)
        if gap is not None and entry == ENTRY_ACCOUNT:
            self.ahead.extend(gap.updates)
        super().try_begin_get_diff(entry, reason)

    def check_deadlines(self) -> Any:
        gap = self.possible_gaps.get(ENTRY_ACCOUNT)
        deadline = super().check_deadlines()
        if gap is not None and ENTRY_ACCOUNT in self.getting_diff_for:
            self.ahead.extend(gap.updates)
        return deadline

    def take_ahead(self, *, bridge: bool) -> list[Any]:
        """Return what of `ahead` is next in the log by now; with `bridge` all that the log has not passed.

        The rest is a gap again, or known.
        """
        ahead, self.ahead = self.ahead, []
        taken = []
        for update in sorted(ahead, key=lambda one: pts_before([one]) or 0):
            if bridge:
                self.bridge([update])
            if self.apply_pts_info(update, reset_deadlines=None) is not None and not update._self_outgoing:
                taken.append(update)
        return taken

    def is_next(self, container: Any) -> bool:
        """Whether nothing can lie in the log between the state and this container."""
        account, before = self.map.get(ENTRY_ACCOUNT), pts_before(updates_in(container))
        seq = getattr(container, "seq_start", getattr(container, "seq", 0))
        next_in_log = account is not None and before == account.pts
        return next_in_log and not self.possible_gaps and (not seq or seq == self.mark().seq + 1)

    def bridge(self, updates: list[Any]) -> None:
        """Go on from the first of these updates, if it is ahead: what lies between will not be had."""
        account, before = self.map.get(ENTRY_ACCOUNT), pts_before(updates)
        if account is not None and before is not None:
            account.pts = max(account.pts, before)

    def start_over(self, state: Any) -> None:
        """Go on from a state of another log than ours was."""
        self.map[ENTRY_ACCOUNT].pts = state.pts
        if ENTRY_SECRET in self.map:
            self.map[ENTRY_SECRET].pts = max(state.qts, NO_SEQ)
        self.seq = state.seq  # type: ignore[misc] # a slot of Telethon's class
        self.ahead.clear()

    def forget_account(self) -> None:
        """Take the next update as it comes: the log began anew."""
        self.map.pop(ENTRY_ACCOUNT, None)

    def bridge_seq(self, seq: int) -> None:
        """The same for the seq of containers."""
        self.seq = max(self.mark().seq, seq)

    def take_one(self, container: types.Updates) -> Any:
        """Take the usual container, one new message that is next in the log; None if it is anything else.

        The same as `process_updates` would do with it, at a tenth of the cost.
        """
        if container.seq or self.possible_gaps or self.getting_diff_for or len(container.updates) != 1:
            return None
        update = container.updates[0]
        if type(update) is not types.UpdateNewMessage:
            return None
        state = self.map.get(ENTRY_ACCOUNT)
        if state is None or state.pts + update.pts_count != update.pts:
            return None
        state.pts = update.pts
        state.deadline = next_updates_deadline()
        self._now(container.date)
        return update

    def take_own(self, sent: types.UpdateShortSentMessage) -> bool:
        """Take the answer to a send of ours that is next in the log; False if it is not."""
        if self.possible_gaps or self.getting_diff_for:
            return False
        state = self.map.get(ENTRY_ACCOUNT)
        if state is None or state.pts + sent.pts_count != sent.pts:
            return False
        state.pts = sent.pts
        self._now(sent.date)
        return True

    def _now(self, date: Any) -> None:
        self.date = date  # type: ignore[misc] # a slot of Telethon's class, which mypy does not see

    def apply_difference(self, diff: Any, chat_hashes: Any) -> Any:
        if isinstance(diff, types.updates.DifferenceTooLong):
            # The state to go on from; what lies before it is lost. Not the end: the rest is asked for next.
            self.too_long = True
            if diff.pts == self.map[ENTRY_ACCOUNT].pts:
                self.end_difference()  # it says so of its own state: asking again would not end
            self.map[ENTRY_ACCOUNT].pts = diff.pts
            return [], [], []
        seq = self.mark().seq
        result = super().apply_difference(diff, chat_hashes)
        if isinstance(diff, types.updates.DifferenceEmpty) and not diff.seq:
            self.bridge_seq(seq)  # 0 says nothing
        return result

    def apply_difference_type(self, diff: Any, chat_hashes: Any) -> Any:
        before = {entry: state.pts for entry, state in self.map.items() if not isinstance(entry, int)}
        state = getattr(diff, "intermediate_state", None) or diff.state
        self.set_state(state, reset=False)
        # The qts has been seen to be 0 in an answer; the log itself never goes back.
        brought = (info.pts for info in map(PtsInfo.from_update, diff.other_updates) if _is_secret(info))
        qts = max(state.qts, before.get(ENTRY_SECRET, NO_SEQ), *brought, NO_SEQ)
        self.map[ENTRY_SECRET].pts = qts
        if not qts:
            # 0 is "not known": the first one that arrives is taken as it comes.
            del self.map[ENTRY_SECRET]
            self.getting_diff_for.discard(ENTRY_SECRET)
            self.next_deadline = ENTRY_ACCOUNT  # type: ignore[misc] # a slot of Telethon's class
        updates: list[Any] = [
            types.UpdateNewMessage(message, NO_SEQ, NO_SEQ) for message in diff.new_messages
        ]
        updates.extend(
            types.UpdateNewEncryptedMessage(message, NO_SEQ) for message in diff.new_encrypted_messages
        )
        for update in diff.other_updates:
            if isinstance(update, types.UpdateChannelTooLong):
                self.try_begin_get_diff(update.channel_id, "the difference says so")
                continue
            info = PtsInfo.from_update(update)
            if info is None or (
                not isinstance(info.entry, int) and info.pts > before.get(info.entry, NO_SEQ)
            ):
                updates.append(update)
            elif isinstance(info.entry, int):
                taken = self.apply_pts_info(update, reset_deadlines=None)
                if taken is not None:
                    updates.append(taken)
        for update in updates:
            update._self_outgoing = False
        return updates, diff.users, diff.chats


def _is_secret(info: Any) -> bool:
    return info is not None and info.entry == ENTRY_SECRET


def pts_before(updates: list[Any]) -> int | None:
    """Return the account's pts before the first of these updates; None if none of them moves it."""
    infos = map(PtsInfo.from_update, updates)
    before = (info.pts - info.pts_count for info in infos if info and info.entry == ENTRY_ACCOUNT)
    return min(before, default=None)


def updates_in(container: Any) -> list[Any]:
    """Return the updates in a container of whatever kind."""
    return getattr(container, "updates", None) or [getattr(container, "update", container)]
