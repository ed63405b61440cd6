"""Pressed buttons: an app waits for an answer to each, so those that nobody answers are acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine

from telethon.tl import TLObject, functions, types

from tgbot.core.places import places
from tgbot.telegram.calls.call import Call, Caller
from tgbot.telegram.refusals import answer_of
from tgbot.telegram.updates.job import Job, current_job

logger = logging.getLogger(__name__)

#: Updates that bring the press of a button.
PRESSES = frozenset(
    {
        types.UpdateBotCallbackQuery,
        types.UpdateInlineBotCallbackQuery,
        types.UpdateBusinessBotCallbackQuery,
    }
)


async def acknowledged(
    handled: Awaitable[None],
    job: Job,
    acknowledge: Callable[[functions.messages.SetBotCallbackAnswerRequest], Awaitable[object]],
    spawn: Callable[[Coroutine[object, object, None]], object],
) -> None:
    """Wait for the handlers of a press; however they end, `spawn` an acknowledgement if none answered it.

    A press that a conversation took is left to it.
    """
    try:
        await handled
    finally:
        if not job.answered:
            spawn(_acknowledge(job, acknowledge))


async def _acknowledge(
    job: Job, acknowledge: Callable[[functions.messages.SetBotCallbackAnswerRequest], Awaitable[object]]
) -> None:
    if job.claim is not None and await job.claim:
        return
    try:
        await acknowledge(functions.messages.SetBotCallbackAnswerRequest(job.update.query_id, 0))
    except Exception as error:
        if answer_of(error) is None:
            raise
        # The press was made too long ago: the app no longer waits. Nothing depends on it.
        logger.debug("a press could not be acknowledged: %s", places(error))


async def answered(calls: Caller, call: Call) -> TLObject:
    """Make a request that answers a press, and note that the running handlers answer theirs with it."""
    job = current_job.get()
    own = job is not None and getattr(job.update, "query_id", None) == call.request.query_id
    if job is None or not own:
        return await calls.call(call)
    job.answered = True
    try:
        return await calls.call(call)
    except BaseException:
        job.answered = False
        raise
