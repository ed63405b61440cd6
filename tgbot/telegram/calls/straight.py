"""The short way: nearly every request is sent at once and answered, and needs no rule of the chain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from telethon.tl import TLObject, TLRequest, functions, types

from tgbot.telegram.calls.call import SENDS, Begun, Call, Caller
from tgbot.telegram.calls.limits import FloodWaits
from tgbot.telegram.calls.link import UntilAnswered
from tgbot.telegram.calls.observed import Observed

#: The level at which each call is logged, by the chain.
_DEBUG = logging.DEBUG
#: What the chain counts before it is sent.
_COUNTED = functions.contacts.ResolveUsernameRequest


class Straight:
    """Send a request at once if nothing is in its way, and hand it to the chain if it then is not answered.

    The chain takes what came instead of the answer for the outcome of its first attempt. So each rule stands
    in its link alone, and costs nothing where it does not apply.
    """

    def __init__(
        self,
        then: Caller,
        complete: Callable[[types.Updates, TLRequest], types.Updates],
        floods: FloodWaits,
        observed: Observed,
        link: UntilAnswered,
        server_time: Callable[[], int],
    ) -> None:
        """`complete` is `NamedSends.complete`: of an answer that did not come through it."""
        self._then = then
        self._complete = complete
        self._floods = floods
        self._answered = observed.answered
        self._is_logged = observed.is_logged
        self._link = link
        self._server_time = server_time

    async def call(self, call: Call) -> TLObject:
        link, kind = self._link, type(call.request)
        floods, is_logged = self._floods, self._is_logged
        made = None
        if not (kind is _COUNTED or (floods.due and floods.hold(call)) or is_logged(_DEBUG)):
            made = link.begin(call)
        if made is None:
            return await self._then.call(call)
        server_time, ended = self._server_time, link.ended
        sent_at = server_time()
        try:
            answer = await made.future
        except asyncio.CancelledError:
            if not made.future.cancelled():
                raise  # only the caller is
        except Exception:
            pass  # the chain meets it again, outside of this block: what it raises does not hold this error
        else:
            answered = self._answered
            answered(call, answer, sent_at)
            if type(answer) is types.Updates and kind in SENDS:
                complete = self._complete
                return complete(answer, call.request)
            return answer
        finally:
            ended(made)
        sender, request, chat_id, threshold, _ = call
        return await self._then.call(Call(sender, request, chat_id, threshold, Begun(made, sent_at)))
