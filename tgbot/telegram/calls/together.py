"""Several requests in one call, as Telethon takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from telethon import errors
from telethon.tl import TLObject

from tgbot.telegram.calls.call import Call, Caller


async def call_all(caller: Caller, calls: Sequence[Call], *, ordered: bool) -> list[TLObject]:
    """Make several requests, one after another if `ordered`, and return their answers in order.

    Raise MultiError, with the answers that came, if Telegram refuses any of them.
    """
    results: list[TLObject | BaseException] = []
    if ordered:
        for call in calls:
            try:
                results.append(await caller.call(call))
            except errors.RPCError as refused:
                results.append(refused)
    else:
        results.extend(await asyncio.gather(*map(caller.call, calls), return_exceptions=True))
    failures = [result if isinstance(result, BaseException) else None for result in results]
    for failure in failures:
        if failure is not None and not isinstance(failure, errors.RPCError):
            raise failure
    if any(failures):
        answers = [None if isinstance(result, BaseException) else result for result in results]
        raise errors.MultiError(failures, answers, [call.request for call in calls])
    return results
