"""Throttle who writes or presses too often: one polite answer, then silence until it is over."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from telethon import events
from telethon.tl import TLObject, functions, types

from tgbot.core.commands import parse, word_of
from tgbot.core.names import usernames_of
from tgbot.core.places import places
from tgbot.core.rates import Rate
from tgbot.handlers.evidence import seconds
from tgbot.handlers.wording import Words
from tgbot.messaging.lengths import NOTICE, shortened
from tgbot.plugins.parts import Parts
from tgbot.telegram.refusals import tried
from tgbot.telegram.updates.events import is_retried, leave_out

log = logging.getLogger(__name__)

#: How many users are remembered, those who were not seen for longest are forgotten first.
USERS: Final = 10_000


class Turn(Enum):
    """What is done with something that a user does."""

    #: It is handled.
    HANDLED = auto()
    #: It is the first one too many, which is said to the user.
    TOLD = auto()
    #: Nothing is done.
    SILENT = auto()


@dataclass(slots=True)
class Window:
    """The time from something that a user did, in which so much is handled."""

    #: In unix seconds.
    since: int
    count: int = 0
    #: The album that was counted last, 0 for none: all its messages count as one.
    album: int = 0


class Windows:
    """What users did lately: the rate counts from the first thing on, and anew once its time is over."""

    def __init__(self, rate: Rate, users: int = USERS) -> None:
        self._rate = rate
        self._users = users
        self._windows: OrderedDict[int, Window] = OrderedDict()

    def turn(self, user_id: int, at: int, album: int = 0) -> Turn:
        """Count something that a user did at `at`, in unix seconds, and return what is done with it.

        What is older than the user's window is handled and not counted: it waited while the bot was away.
        """
        window = self._windows.get(user_id)
        if window is None or at >= window.since + self._rate.seconds:
            window = self._windows[user_id] = Window(at)
            if len(self._windows) > self._users:
                self._windows.popitem(last=False)
        self._windows.move_to_end(user_id)
        if at < window.since:
            return Turn.HANDLED
        again = album != 0 and album == window.album
        if not again:
            window.count += 1
            window.album = album
        if window.count <= self._rate.times:
            return Turn.HANDLED
        return Turn.TOLD if window.count == self._rate.times + 1 and not again else Turn.SILENT

    def left(self, user_id: int, now: float) -> float:
        """Return for how many seconds more a user is not handled, at least one."""
        return max(1.0, self._windows[user_id].since + self._rate.seconds - now)


#: The updates that may count.
_COUNTED: Final = (
    types.UpdateNewMessage,
    types.UpdateShortMessage,
    types.UpdateNewChannelMessage,
    types.UpdateBotCallbackQuery,
    types.UpdateInlineBotCallbackQuery,
)


def register(parts: Parts, rate: Rate) -> None:
    """Register one raw handler, which must come before the plugins and after what records evidence.

    What counts are private messages, commands for the bot in groups, and presses of buttons, by Telegram's
    date of a message and the time of a press. Admins are exempt. An update that was parked is never left out:
    it was let through before.
    """
    client, users, clock, admins = parts.client, parts.users, parts.clock, parts.admins
    windows = Windows(rate)

    async def throttle(update: TLObject) -> None:
        press = isinstance(update, types.UpdateBotCallbackQuery | types.UpdateInlineBotCallbackQuery)
        message = getattr(update, "message", None)
        user_id = update.user_id if press or isinstance(message, str) else _author(message, client.me)
        if not user_id or user_id in admins or is_retried() or getattr(update, "out", False):
            return
        at = int(clock()) if press else seconds(getattr(message, "date", None) or update.date, clock)
        turn = windows.turn(user_id, at, getattr(message, "grouped_id", None) or 0)
        if turn is Turn.HANDLED:
            return
        user = users.get(user_id)
        if turn is Turn.TOLD and not (user is not None and user.bot):
            words = Words.to(parts.texts, user)
            text = words("throttled", wait=words.duration(windows.left(user_id, clock())))
            if press:
                notice = shortened(text, NOTICE)
                answer = functions.messages.SetBotCallbackAnswerRequest(update.query_id, 0, message=notice)
                await _told(client(answer))
            elif _is_private(message):
                peer = types.InputPeerUser(user_id, client.session.access_hash(user_id) or 0)
                await _told(client.send_message(peer, text, parse_mode=None))
        leave_out()

    client.add_event_handler(throttle, events.Raw(_COUNTED))


def _author(message: types.TypeMessage, me: types.User) -> int:
    """Return the id of who wrote a message that counts, 0 for any other message."""
    if type(message) is not types.Message or message.out:
        return 0
    if _is_private(message):
        return int(message.peer_id.user_id)
    if type(message.from_id) is not types.PeerUser or not word_of(message.message or ""):
        return 0
    command = parse(message.message, usernames_of(me))
    return int(message.from_id.user_id) if command is not None and command.for_us else 0


def _is_private(message: object) -> bool:
    return isinstance(message, str) or type(getattr(message, "peer_id", None)) is types.PeerUser


async def _told(call: Awaitable[object]) -> None:
    """Tell a user something, if Telegram does that now."""
    if (error := await tried(call)) is not None:
        log.info("a user is not told that they are too fast: %s", places(error))
