"""What Telegram limits: how fast a bot sends, how late it deletes, and how much one call or log holds."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from .accounts import Account
from .chats import Chat
from .rpc import RpcError

#: Messages a second of a bot over all its chats, free and with paid ones, and how many may come at once.
OVERALL: Final = 30.0
PAID: Final = 1000.0
OVERALL_BURST: Final = 30
#: Messages a second in one private chat, and how many may come at once.
PRIVATE: Final = 1.0
PRIVATE_BURST: Final = 5
#: Messages a minute in one group, all of which may come at once.
GROUP: Final = 20
#: How many chat actions a bot may send to one chat in how many seconds.
TYPING: Final = ((20, 5.0), (40, 30.0))
#: How many usernames a bot may resolve in a day; after one more it has to wait for a day.
RESOLVES: Final = 200
DAY: Final = 24 * 3600
#: The longest flood wait, in seconds.
LONGEST: Final = 60
#: After so many seconds a bot cannot delete a message any more.
DELETABLE: Final = 48 * 3600


class Bucket:
    """A rate with a burst."""

    __slots__ = ("_at", "_gap", "_slack")

    def __init__(self, rate: float, burst: int) -> None:
        self._gap, self._slack = 1 / rate, (burst - 1) / rate
        self._at = 0.0

    def add(self, count: int, now: float, *, refused: bool = True) -> float:
        """Count messages; return for how many seconds the last of them is too early, 0 if it is not.

        With `refused`, those that are too early count as well: who does not wait has to wait longer.
        """
        at = max(self._at, now)
        early = max(0.0, at + (count - 1) * self._gap - self._slack - now)
        if refused or not early:
            self._at = min(at + count * self._gap, now + self._slack + LONGEST)
        return early


class Window:
    """The last uses of something of which there may be so many in so many seconds."""

    __slots__ = ("_count", "_seconds", "_times")

    def __init__(self, count: int, seconds: float) -> None:
        self._count, self._seconds = count, seconds
        self._times: deque[float] = deque()

    def early(self, now: float) -> float:
        """Return for how many seconds one more use is too early, 0 if it is not."""
        times = self._times
        # A clock that was set back would keep what lies in the future for long.
        while times and not now - self._seconds < times[0] <= now:
            times.popleft()
        return times[-self._count] + self._seconds - now if len(times) >= self._count else 0.0

    def add(self, now: float) -> None:
        """Count a use."""
        self._times.append(now)


class Limits:
    """The limits of one world. The pace of bots and the age of deletions are limited only if `real` is set.

    The numbers are those of Telegram's FAQ for bots and of the Bot API; `messages` and `box` are as other
    programs have met them.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._real = False
        #: The most messages in an answer to getMessages: what is asked for beyond that is left out.
        self.messages = 200
        #: The most messages that one call deletes: the others stay.
        self.deletions = 100
        #: How many of the last events the log of an account holds; None: all.
        self.box: int | None = None
        #: Messages that a bot paid for, as they were above the free pace; and those that it would have.
        self.paid: Counter[int] = Counter()
        self.offered: Counter[int] = Counter()
        #: How often each account was told to wait.
        self.waits: Counter[int] = Counter()
        self._overall: dict[int, tuple[Bucket, Bucket]] = {}
        self._chats: dict[tuple[int, int], Bucket] = {}
        self._typing: dict[tuple[int, int], tuple[Window, ...]] = {}
        self._resolves: dict[int, Window] = {}
        #: Bots that have resolved too much, and until when they cannot.
        self._barred: dict[int, float] = {}

    @property
    def real(self) -> bool:
        """Whether bots have to keep Telegram's pace, and can delete only what is young."""
        return self._real

    @real.setter
    def real(self, real: bool) -> None:
        self._real = real
        for kept in (self._overall, self._chats, self._typing, self._resolves, self._barred):
            kept.clear()

    def sends(self, bot: Account, to: Account | Chat, count: int, *, paid: bool = False) -> None:
        """Count messages that a bot sends; raise 420 FLOOD_WAIT_n if they are too many at once.

        With `paid`, those above the free pace are paid for instead.
        """
        if not bot.is_bot:
            return
        if paid:
            self.offered[bot.id] += count
        if not self._real:
            return
        now = self._now()
        early = self._chat(bot.id, to).add(count, now)
        charged = False
        if early <= 0:
            free, most = self._overall.setdefault(
                bot.id, (Bucket(OVERALL, OVERALL_BURST), Bucket(PAID, int(PAID)))
            )
            early = free.add(count, now, refused=not paid)
            if paid:
                charged, early = early > 0, most.add(count, now)
        self._wait(bot, early)
        if charged:
            self.paid[bot.id] += count

    def acts(self, bot: Account, to: Account | Chat) -> None:
        """Count a chat action of a bot; raise 420 FLOOD_WAIT_n if they are too many in this chat."""
        if not self._real or not bot.is_bot:
            return
        now, key = self._now(), (bot.id, to.marked)
        windows = self._typing.setdefault(key, tuple(Window(*each) for each in TYPING))
        self._wait(bot, max(window.early(now) for window in windows))
        for window in windows:
            window.add(now)

    def resolves(self, bot: Account) -> None:
        """Count a username that a bot resolves; raise 420 FLOOD_WAIT_n if they were too many in a day."""
        if not self._real or not bot.is_bot:
            return
        now = self._now()
        self._wait(bot, self._barred.get(bot.id, 0.0) - now)
        window = self._resolves.setdefault(bot.id, Window(RESOLVES, DAY))
        if window.early(now) > 0:
            self._barred[bot.id] = now + DAY
            self._wait(bot, DAY)
        window.add(now)

    def _wait(self, bot: Account, seconds: float) -> None:
        if seconds > 0:
            self.waits[bot.id] += 1
            raise RpcError(420, f"FLOOD_WAIT_{math.ceil(seconds)}")

    def _chat(self, bot: int, to: Account | Chat) -> Bucket:
        key = bot, to.marked
        bucket = self._chats.get(key)
        if bucket is None:
            private = isinstance(to, Account)
            bucket = Bucket(PRIVATE, PRIVATE_BURST) if private else Bucket(GROUP / 60, GROUP)
            self._chats[key] = bucket
        return bucket

    def deletes(self, by: Account, dates: list[int]) -> None:
        """Raise 403 MESSAGE_DELETE_FORBIDDEN if a bot deletes messages of which one is too old."""
        if self._real and by.is_bot and dates and min(dates) <= self._now() - DELETABLE:
            raise RpcError(403, "MESSAGE_DELETE_FORBIDDEN")
