"""What Telegram keeps of the past: messages by their ids, and differences from an old state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from telethon import functions
from telethon.tl import TLObject, TLRequest, types

from tgbot.telegram.updates.contents import state_of
from tgbot.telegram.updates.requests import FailedError, Outage, Requests

#: How many messages are read in one call.
IDS_A_CALL: Final = 200
#: No message has a greater id.
GREATEST_ID: Final = 2**31 - 1
#: A request is given up after that many refusals in a row, and where an answer cannot be read after so many.
_MAX_REFUSALS: Final = 5
_MAX_UNREADABLE: Final = 2
#: How many pts back the newest message is looked for; fewer where Telegram does not keep as many.
_PTS_BACK: Final = (1_000, 100, 10, 1)
#: How many differences are requested in search of the first message behind a state.
_SLICES: Final = 20


class Page(NamedTuple):
    """The messages with some ids, in order of ids, and the users and chats that came with them."""

    messages: list[types.Message | types.MessageService]
    users: Sequence[types.TypeUser] = ()
    chats: Sequence[types.TypeChat] = ()
    #: How many ids cannot be read.
    unreadable: int = 0


class History:
    """Read the past of private chats and basic groups, whose messages share one sequence of ids.

    What fails is requested again until Telegram answers. Raise FailedError where it refuses, and what
    `Requests` raises where the login is over. The log of updates is not touched.
    """

    def __init__(
        self,
        requests: Requests,
        remember: Callable[[Sequence[types.TypeUser], Sequence[types.TypeChat], str], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = requests
        self._remember = remember
        self._clock = clock

    async def read(self, ids: Sequence[int]) -> Page:
        """Return the messages with these ids, at most `IDS_A_CALL`; their users and chats are remembered.

        A message that cannot be read is left out and counted; that none can be read is a failure.
        """
        page = await self._around(ids)
        if page.unreadable == len(ids) > 1:
            raise FailedError("nothing can be read", unreadable=True)
        return page

    async def _around(self, ids: Sequence[int]) -> Page:
        """Return the messages around those that cannot be read."""
        try:
            return await self._read(ids)
        except FailedError as failed:
            if not failed.unreadable:
                raise
        if len(ids) == 1:
            return Page([], unreadable=1)
        halves = [await self._around(part) for part in (ids[: len(ids) // 2], ids[len(ids) // 2 :])]
        return Page(
            [message for half in halves for message in half.messages],
            [user for half in halves for user in half.users],
            [chat for half in halves for chat in half.chats],
            sum(half.unreadable for half in halves),
        )

    async def state(self) -> types.updates.State:
        """Return Telegram's present state."""
        return await self._ask(functions.updates.GetStateRequest(), types.updates.State)

    async def difference(
        self, pts: int, qts: int, date: object, *, limit: int | None = None
    ) -> types.updates.TypeDifference:
        """Return the difference from a state, however far it is back; its users and chats are remembered.

        `limit` is how many pts it may cover. It is a DifferenceTooLong where Telegram keeps no more of it.
        Raise FailedError also where it cannot be read.
        """
        request = functions.updates.GetDifferenceRequest(
            pts=pts, date=date, qts=qts, pts_limit=limit, pts_total_limit=GREATEST_ID
        )
        kinds = types.updates
        answer = await self._ask(
            request, kinds.Difference, kinds.DifferenceEmpty, kinds.DifferenceSlice, kinds.DifferenceTooLong
        )
        users, chats = getattr(answer, "users", ()), getattr(answer, "chats", ())
        if users or chats:
            self._remember(users, chats, "difference")
        return answer

    async def first_after(self, pts: int) -> int | None:
        """Return the id of the first message behind this pts; None for none now, or if it is not told."""
        state = await self.state()
        for _ in range(_SLICES):
            if pts >= state.pts:
                return None
            try:
                answer = await self.difference(pts, state.qts, state.date)
            except FailedError:
                return None
            if ids := [message.id for message in getattr(answer, "new_messages", ())]:
                return int(min(ids))
            # What is too long ago by now begins further up.
            behind = answer if isinstance(answer, types.updates.DifferenceTooLong) else state_of(answer)
            if behind is None or behind.pts <= pts:
                return None
            pts = behind.pts
        return None

    async def newest(self, at_least: int = 0) -> int:
        """Return the id of the newest message, 0 for none; `at_least` is one that is known."""
        state = await self.state()
        for back in _PTS_BACK:
            found = await self._newest_since(max(state.pts - back, 1), state)
            if found:
                return max(found, at_least)
            if found is not None:
                break
        return await self._probed(at_least)

    async def _newest_since(self, pts: int, state: types.updates.State) -> int | None:
        """Return the greatest id of a message since this pts, 0 for no message, None if that is not told."""
        found = 0
        while pts < state.pts:
            try:
                answer = await self.difference(pts, state.qts, state.date)
            except FailedError:
                return None
            if isinstance(answer, types.updates.DifferenceTooLong):
                return None
            found = max([found, *(message.id for message in getattr(answer, "new_messages", ()))])
            behind = state_of(answer)
            if behind is None or behind.pts <= pts:
                break
            pts = behind.pts
        return found

    async def _probed(self, known: int) -> int:
        """Return the greatest id at which there is a message, by samples of all ids."""
        found = max(known, await self._greatest([1 << power for power in range(31)]))
        above = min(1 << max(found, 1).bit_length(), GREATEST_ID)
        while above - found > IDS_A_CALL:
            samples = _spread(found + 1, above)
            hit = await self._greatest(samples)
            # Without a hit, what there is lies below the first sample.
            above = next((sample for sample in samples if sample > hit), above)
            found = max(found, hit)
        return max(found, await self._greatest(range(found + 1, above)))

    async def _greatest(self, ids: Sequence[int]) -> int:
        page = await self.read(ids) if ids else Page([])
        return max((message.id for message in page.messages), default=0)

    async def first_since(self, low: int, above: int, date: float) -> int:
        """Return the least id from `low` on, below `above`, from which on messages are as young as `date`.

        Messages with greater ids are not older. Where there is none, return `above`.
        """
        while above - low > IDS_A_CALL:
            samples = _spread(low, above)
            page = await self.read(samples)
            old = [message.id for message in page.messages if message.date.timestamp() < date]
            young = [message.id for message in page.messages if message.date.timestamp() >= date]
            if not page.messages:
                return low  # hardly anything is there
            low = max([low, *(number + 1 for number in old)])
            # Between the first young sample and the one before it there may be more.
            above = min([above, *(number for number in young)])
        page = await self.read(range(low, above)) if low < above else Page([])
        for message in page.messages:
            if message.date.timestamp() >= date:
                return int(message.id)
        return above

    async def _read(self, ids: Sequence[int]) -> Page:
        request = functions.messages.GetMessagesRequest([types.InputMessageID(number) for number in ids])
        kinds = types.messages
        answer = await self._ask(request, kinds.Messages, kinds.MessagesSlice)
        wanted = set(ids)
        found = [
            message
            for message in answer.messages
            if not isinstance(message, types.MessageEmpty) and message.id in wanted
        ]
        found.sort(key=lambda message: message.id)
        return Page(found, answer.users, answer.chats)

    async def _ask(self, request: TLRequest, *kinds: type[TLObject]) -> TLObject:
        outage = Outage(type(request).__name__, lambda why: None, self._clock)
        unreadable = 0
        while True:
            try:
                return await self._requests.make(request, *kinds)
            except FailedError as failed:
                unreadable += failed.unreadable
                pause = outage.failed(failed.name, wait=failed.wait, refused=failed.refused)
                if unreadable >= _MAX_UNREADABLE or outage.is_refused(_MAX_REFUSALS, 0.0):
                    raise
            await asyncio.sleep(pause)


def downwards(first: int, last: int, size: int = IDS_A_CALL) -> Iterator[range]:
    """Yield the ids from `last` down to `first` in ranges of at most this size."""
    for top in range(last, first - 1, -size):
        yield range(max(first, top - size + 1), top + 1)


def _spread(first: int, above: int) -> list[int]:
    """Return ids at even distances, at most as many as one call reads, from `first` on."""
    step = -(-(above - first) // IDS_A_CALL)
    return list(range(first, above, step))
