"""What handlers send into the chat of their update: it goes into the update's topic, and is noted."""

from __future__ import annotations

from telethon.tl import functions, types

from tgbot.telegram.calls.call import SENDS, Call
from tgbot.telegram.updates.events import current_handler
from tgbot.telegram.updates.job import current_job
from tgbot.telegram.updates.keys import topic_of
from tgbot.telegram.updates.lineup import is_own

_TYPING = functions.messages.SetTypingRequest
_FORWARD = functions.messages.ForwardMessagesRequest


def answering(call: Call) -> Call:
    """Return the call; one that sends into the chat of the update that is handled becomes an answer to it.

    In a chat with topics it goes into the topic of the update, unless it is a reply to a message: that goes
    where the message is. The job notes that a handler of a plugin has answered.
    """
    job, request, kind = current_job.get(), call.request, type(call.request)
    if job is None or call.chat_id != job.dialog or (kind not in SENDS and kind is not _TYPING):
        return call
    if kind is not _TYPING:
        handler = current_handler.get()
        job.replied |= handler is not None and not is_own(handler)
    topic = topic_of(job.update)
    if topic is None or getattr(request, "reply_to", None) is not None:
        return call
    if kind is _TYPING or kind is _FORWARD:
        request.top_msg_id = request.top_msg_id or topic
    else:
        request.reply_to = types.InputReplyToMessage(topic, top_msg_id=topic)
    return call
