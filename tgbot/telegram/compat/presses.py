"""Pressed buttons: an app waits for an answer to each, so those that nobody answers are acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine

from telethon.tl import functions, types

from tgbot.core.places import places
from tgbot.telegram.refusals import answer_of
from tgbot.telegram.updates.job import Job

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
