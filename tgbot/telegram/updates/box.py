"""Telegram's update sequences: Telethon's message box, which here drops nothing of a difference."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from telethon._updates.entitycache import EntityCache
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


class UpdateBox(MessageBox):
    """How far Telegram's log of updates was taken, and which differences have to be requested.

    Differs from Telethon's in three things. The updates of a difference are compared with the state *before*
    it (Telethon sets the new state first and then drops every update that has a pts or a qts). After a
    difference that is too long the rest is requested. Updates that arrive after a gap are kept in `ahead`
    while the difference is fetched (Telethon drops them).
    """

    __slots__ = ("ahead", "chat_hashes")

    def __init__(self, chat_hashes: EntityCache) -> None:
        super().__init__(logging.getLogger("telethon"))
        #: Where Telethon's methods look access hashes up.
        self.chat_hashes = chat_hashes
        #: Updates that arrived after a gap.
        self.ahead: list[types.TypeUpdate] = []

    def _trace(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing: Telethon's traces contain message texts, and cost more than the rest of the box."""

    def load_state(self, state: UpdateState) -> None:
        """Start from a state of the session."""
        self.load(
            SessionState(0, 0, True, state.pts, state.qts, state.date, state.seq, 0),
            [ChannelState(channel, pts) for channel, pts in state.channels.items()],
        )
        if not state.pts:
            # Telethon reads a pts of 0 as unknown. Telegram begins at 1, other servers may begin at 0.
            self.map[ENTRY_ACCOUNT] = State(NO_SEQ, next_updates_deadline())

    def mark(self, channels: Iterable[int] = ()) -> UpdateState:
        """Return the account's state as taken, with the pts of those of the channels that are known."""
        account, qts = self.map.get(ENTRY_ACCOUNT), self.map.get(ENTRY_SECRET)
        return UpdateState(
            account.pts if account is not None else 0,
            qts.pts if qts is not None else 0,
            int(self.date.timestamp()),
            self.seq,
            {channel: self.map[channel].pts for channel in channels if channel in self.map},
        )

    def channels(self) -> list[int]:
        """Return the bare ids of the channels whose pts is known."""
        return [entry for entry in self.map if isinstance(entry, int)]

    @property
    def account_difference_due(self) -> bool:
        """Whether the account's difference has to be requested."""
        return ENTRY_ACCOUNT in self.getting_diff_for or ENTRY_SECRET in self.getting_diff_for

    def begin_difference(self) -> None:
        """Have everything after the state requested."""
        self.try_begin_get_diff(ENTRY_ACCOUNT, "requested")

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

    def take_ahead(self, *, bridge: bool) -> list[types.TypeUpdate]:
        """Return the updates of `ahead` that are next in the log; with `bridge` all that are not known yet.

        `ahead` is empty afterwards. The rest are known, or after a gap again.
        """
        ahead, self.ahead = self.ahead, []
        taken = []
        for update in sorted(ahead, key=lambda one: pts_before([one]) or 0):
            if bridge:
                self.bridge([update])
            if self.apply_pts_info(update, reset_deadlines=None) is not None and not update._self_outgoing:
                taken.append(update)
        return taken

    def is_next(self, container: types.TypeUpdates) -> bool:
        """Return whether there is no gap between the state and this container."""
        account, before = self.map.get(ENTRY_ACCOUNT), pts_before(updates_in(container))
        seq = getattr(container, "seq_start", getattr(container, "seq", 0))
        next_in_log = account is not None and before == account.pts
        return next_in_log and not self.possible_gaps and (not seq or seq == self.mark().seq + 1)

    def bridge(self, updates: list[types.TypeUpdate]) -> None:
        """Accept the gap before these updates, if there is one."""
        account, before = self.map.get(ENTRY_ACCOUNT), pts_before(updates)
        if account is not None and before is not None:
            account.pts = max(account.pts, before)

    def start_over(self, state: types.updates.State) -> None:
        """Go on from a state of another log."""
        self.map[ENTRY_ACCOUNT].pts = state.pts
        if ENTRY_SECRET in self.map:
            self.map[ENTRY_SECRET].pts = max(state.qts, NO_SEQ)
        self.seq = state.seq  # type: ignore[misc] # a slot of Telethon's class
        self.ahead.clear()

    def forget_account(self) -> None:
        """Take the next update whatever its pts: the log began anew."""
        self.map.pop(ENTRY_ACCOUNT, None)
        self.ahead.clear()

    def bridge_seq(self, seq: int) -> None:
        """Accept a gap in the seq of containers, up to this seq."""
        self.seq = max(self.mark().seq, seq)

    def take_one(self, container: types.Updates) -> types.UpdateNewMessage | None:
        """Take a container with one new message that is next in the log; return None for any other.

        Does what `process_updates` would do, at a tenth of the cost.
        """
        if container.seq or len(container.updates) != 1:
            return None
        update = container.updates[0]
        if type(update) is not types.UpdateNewMessage or not self.take_next(update, container.date):
            return None
        self.map[ENTRY_ACCOUNT].deadline = next_updates_deadline()
        return update

    def take_next(self, moved: types.UpdateNewMessage | types.UpdateShortSentMessage, date: Any) -> bool:
        """Take a message that is next in the log; return False if it is not."""
        state = self.map.get(ENTRY_ACCOUNT)
        if self.possible_gaps or self.getting_diff_for or state is None:
            return False
        if state.pts + moved.pts_count != moved.pts:
            return False
        state.pts = moved.pts
        self.date = date  # type: ignore[misc] # a slot of Telethon's class, which mypy does not see
        return True

    def apply_difference(self, diff: Any, chat_hashes: Any) -> Any:
        if isinstance(diff, types.updates.DifferenceTooLong):
            # What is before this pts is lost. The rest is requested next.
            if diff.pts == self.map[ENTRY_ACCOUNT].pts:
                self.end_difference()  # the pts that we sent: a further request would get the same answer
            self.map[ENTRY_ACCOUNT].pts = diff.pts
            return [], [], []
        seq = self.mark().seq
        result = super().apply_difference(diff, chat_hashes)
        if isinstance(diff, types.updates.DifferenceEmpty) and not diff.seq:
            self.bridge_seq(seq)  # a seq of 0 is unknown
        return result

    def apply_difference_type(self, diff: Any, chat_hashes: Any) -> Any:
        before = {entry: state.pts for entry, state in self.map.items() if not isinstance(entry, int)}
        state = getattr(diff, "intermediate_state", None) or diff.state
        self.set_state(state, reset=False)
        # Answers with a qts of 0 have been seen; the log itself never goes back.
        infos = [PtsInfo.from_update(update) for update in diff.other_updates]
        brought = (info.pts for info in infos if info is not None and info.entry == ENTRY_SECRET)
        qts = max(state.qts, before.get(ENTRY_SECRET, NO_SEQ), *brought, NO_SEQ)
        self.map[ENTRY_SECRET].pts = qts
        if not qts:
            # A qts of 0 is unknown: the first one that arrives is taken.
            del self.map[ENTRY_SECRET]
            self.getting_diff_for.discard(ENTRY_SECRET)
            self.next_deadline = ENTRY_ACCOUNT  # type: ignore[misc] # a slot of Telethon's class
        updates: list[types.TypeUpdate] = [
            *(types.UpdateNewMessage(message, NO_SEQ, NO_SEQ) for message in diff.new_messages),
            *(types.UpdateNewEncryptedMessage(message, NO_SEQ) for message in diff.new_encrypted_messages),
        ]
        for update, info in zip(diff.other_updates, infos, strict=True):
            if isinstance(update, types.UpdateChannelTooLong):
                self.try_begin_get_diff(update.channel_id, "the difference says so")
            elif info is not None and isinstance(info.entry, int):
                if self.apply_pts_info(update, reset_deadlines=None) is not None:
                    updates.append(update)
            elif info is None or info.pts > before.get(info.entry, NO_SEQ):
                updates.append(update)
        for update in updates:
            update._self_outgoing = False
        return updates, diff.users, diff.chats


def pts_before(updates: Iterable[types.TypeUpdate]) -> int | None:
    """Return the account's pts before the first of these updates, None if no update has one."""
    infos = map(PtsInfo.from_update, updates)
    before = (info.pts - info.pts_count for info in infos if info and info.entry == ENTRY_ACCOUNT)
    return min(before, default=None)


def updates_in(container: types.TypeUpdates) -> list[types.TypeUpdate]:
    """Return the updates in a container of any kind."""
    return getattr(container, "updates", None) or [getattr(container, "update", container)]


def channels_of(updates: Iterable[types.TypeUpdate]) -> set[int]:
    """Return the bare ids of the channels whose pts these updates move."""
    return {channel for update in updates if (channel := channel_of(update)) is not None}
