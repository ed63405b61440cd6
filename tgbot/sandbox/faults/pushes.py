"""Faults of pushed updates: withheld, lost, repeated, out of order, unreadable, with wrong numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial

from telethon.tl import TLObject, types

from .active import Active
from .damage import Damage, damaged_push
from .nonsense import FAR, HUGE, TEN_YEARS, Nonsense
from .rules import Faulty, Peer, Rule, Server


class _Kind(Enum):
    """The fault of an update, which would otherwise be sent once and in order."""

    #: The update is never sent.
    LOSE = "lose"
    #: The update is sent twice.
    REPEAT = "repeat"
    #: The updates of the rule are collected, then sent in reverse order.
    REORDER = "reorder"
    #: The update is sent, but cannot be read.
    GARBLE = "garble"


#: What becomes of an update.
_FATES = {
    _Kind.LOSE: "updates are never sent",
    _Kind.REPEAT: "updates come twice",
    _Kind.REORDER: "updates come in reverse order",
    _Kind.GARBLE: "updates cannot be read",
}


@dataclass(slots=True)
class _UpdateRule(Rule):
    kind: _Kind = _Kind.LOSE
    damage: Damage = Damage.UNKNOWN


class PushFaults(Faulty):
    """Faults of the updates that the server sends by itself. Differences are not affected."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._updates: list[_UpdateRule] = []
        self._withheld: set[int | None] = set()
        #: Sessions that get no updates, and the account for which `deafen` was called.
        self._deaf: dict[tuple[bytes, int], int | None] = {}
        #: Whether each update goes to only one of several sessions of an auth key.
        self.sharing = False

    def clear(self) -> None:
        super().clear()
        self._updates.clear()
        self._withheld.clear()
        self._deaf.clear()
        self.sharing = False

    def active(self) -> Iterator[Active]:
        yield from super().active()
        for rule in self._updates:
            end = partial(self._end_update, rule)
            yield Active(f"update {id(rule)}", _FATES[rule.kind], end, rule.account, rule.left)
        for account in self._withheld:
            text = "updates are held back"
            yield Active(f"withheld {account}", text, partial(self.release, account), account)
        connected = set(self._server.sessions_of(None)) if self._deaf else set()
        for account in dict.fromkeys(whose for key, whose in self._deaf.items() if key in connected):
            end = partial(self._hear, account)
            yield Active(f"deaf {account}", "the sessions of then get no updates", end, account)
        if self.sharing:
            text = "each update goes to one of several sessions"
            yield Active("sharing", text, partial(self.share, False))

    def withhold(self, account: int | None = None) -> None:
        """Send no updates until `release`; differences, pings and answers are as usual."""
        self._withheld.add(account)

    def deafen(self, account: int | None = None) -> int:
        """Send no updates to the sessions that are connected now; return their number.

        Differences, pings and answers are as usual, and so are later sessions. `release` ends it.
        """
        sessions = self._server.sessions_of(account)
        self._deaf.update(dict.fromkeys(sessions, account))
        return len(sessions)

    def release(self, account: int | None = None) -> None:
        """Send the updates that were withheld, for one account or for all."""
        if account is None:
            self._withheld.clear()
            self._deaf.clear()
        else:
            self._withheld.discard(account)
            for session in self._server.sessions_of(account):
                self._deaf.pop(session, None)
        self._server.nudge(account)

    def reorder(self, count: int, account: int | None = None) -> None:
        """Collect this many updates, then send them in reverse order."""
        self._updates.append(_UpdateRule(account, count, kind=_Kind.REORDER))

    def repeat(self, count: int, account: int | None = None) -> None:
        """Send each of the next updates twice."""
        self._updates.append(_UpdateRule(account, count, kind=_Kind.REPEAT))

    def lose(self, count: int, account: int | None = None) -> None:
        """Never send the next updates; a difference still has them."""
        self._updates.append(_UpdateRule(account, count, kind=_Kind.LOSE))

    def garble(self, count: int, account: int | None = None, *, damage: Damage = Damage.UNKNOWN) -> None:
        """Make the next updates unreadable; a difference has them as usual (see also `garble_log`)."""
        self._updates.append(_UpdateRule(account, count, kind=_Kind.GARBLE, damage=damage))

    def share(self, sharing: bool) -> None:
        """Set whether each update goes to only one of several connected sessions of an auth key."""
        self.sharing = sharing

    def hand(self, account: int, update: TLObject, *, date: int | None = None, seq: int = 0) -> int:
        """Send any update, with any numbers, to an account's connected sessions; return their number.

        The update is in no log. `date` is a unix time; None: now.
        """
        when = self._server.world.date() if date is None else date
        return self._server.hand(account, types.Updates([update], [], [], when, seq))

    def hand_nonsense(self, account: int, kind: Nonsense) -> int:
        """Send an update with a wrong number to an account; return the number of sessions that get it.

        It is a deletion of no messages, or for qts an updateBotStopped; it changes nothing but the numbers.
        """
        pts, qts, now, seq = self._server.world.state(account)
        match kind:
            case Nonsense.PTS_AHEAD:
                return self.hand(account, types.UpdateDeleteMessages([], pts + FAR, 1))
            case Nonsense.PTS_BEHIND:
                return self.hand(account, types.UpdateDeleteMessages([], 1, 1))
            case Nonsense.PTS_NEGATIVE:
                return self.hand(account, types.UpdateDeleteMessages([], -pts, 1))
            case Nonsense.COUNT_ZERO:
                return self.hand(account, types.UpdateDeleteMessages([], pts + 1, 0))
            case Nonsense.COUNT_HUGE:
                return self.hand(account, types.UpdateDeleteMessages([], pts + 1, HUGE))
            case Nonsense.QTS_AHEAD:
                return self.hand(account, types.UpdateBotStopped(account, now, False, qts + FAR))
            case Nonsense.QTS_NEGATIVE:
                return self.hand(account, types.UpdateBotStopped(account, now, False, -qts))
            case Nonsense.SEQ_AHEAD:
                return self.hand(account, types.UpdateDeleteMessages([], pts, 0), seq=seq + FAR)
            case Nonsense.DATE_AHEAD:
                return self.hand(account, types.UpdateDeleteMessages([], pts, 0), date=now + TEN_YEARS)

    def _end_update(self, rule: _UpdateRule) -> None:
        self._updates = [each for each in self._updates if each is not rule]
        # Those that were collected to be reversed are sent with the next look.
        self._server.nudge()

    def _hear(self, account: int | None) -> None:
        self._deaf = {session: whose for session, whose in self._deaf.items() if whose != account}
        self._server.nudge()

    # For the server.

    def withheld(self, peer: Peer) -> bool:
        """Return whether the updates of this session are withheld now."""
        if not self._withheld and not self._deaf:
            return False
        return None in self._withheld or peer.account in self._withheld or peer.key in self._deaf

    def arrange(self, peer: Peer, updates: list[bytes]) -> list[bytes]:
        """Return the updates to send to a session now, in place of `updates`."""
        if not self._updates and not peer.stash:
            return updates
        arranged: list[bytes] = []
        now = self._server.world.now()
        for update in updates:
            rule = next((rule for rule in self._updates if rule.concerns(peer.account, now)), None)
            if rule is None:
                arranged.append(update)
                continue
            rule.left -= 1
            if not rule.left:
                self._updates.remove(rule)
            match rule.kind:
                case _Kind.REPEAT:
                    arranged += (update, update)
                case _Kind.GARBLE:
                    arranged.append(damaged_push(update, rule.damage))
                case _Kind.REORDER:
                    peer.stash.append(update)
                    if not rule.left:
                        arranged += reversed(peer.stash)
                        peer.stash.clear()
                case _Kind.LOSE:
                    pass
        if peer.stash and not any(
            rule.kind is _Kind.REORDER and rule.concerns(peer.account, now) for rule in self._updates
        ):
            arranged = [*reversed(peer.stash), *arranged]
            peer.stash.clear()
        return arranged
