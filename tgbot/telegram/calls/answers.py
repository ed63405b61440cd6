"""What handlers answer: sends go into the topic of their update, answers to presses are noted."""

from __future__ import annotations

from telethon.tl import TLObject, TLRequest, functions, types

from tgbot.telegram.calls.call import SENDS, Call, Caller
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.updates.keys import topic_of

_TYPING = functions.messages.SetTypingRequest
_FORWARD = functions.messages.ForwardMessagesRequest


def answer_update(request: TLRequest, job: Job, *, own: bool) -> None:
    """Make a request about the chat of the update that is handled an answer to it, if it sends something.

    In a chat with topics it goes into the topic of the update, unless it is a reply to a message: that goes
    where the message is. The job notes that a handler of a plugin has answered; `own` says that it is none.
    """
    kind = type(request)
    if kind in SENDS:
        job.replied = job.replied or not own
    elif kind is not _TYPING:
        return
    topic = topic_of(job.update)
    if topic is None or getattr(request, "reply_to", None) is not None:
        return
    if kind is _TYPING or kind is _FORWARD:
        request.top_msg_id = request.top_msg_id or topic
    else:
        request.reply_to = types.InputReplyToMessage(topic, top_msg_id=topic)


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
