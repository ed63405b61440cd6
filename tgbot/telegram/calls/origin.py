"""What the running work makes has a key, which is the same when the work is done again."""

from __future__ import annotations

from tgbot.telegram.calls.named import next_in_work
from tgbot.telegram.updates.events import current_handler
from tgbot.telegram.updates.job import current_job


def next_key() -> str | None:
    """Return a key for the next thing, other than a send, that the running handler or named work makes.

    When the update is handled again, or the work is done again, its things get the same keys in the same
    order; nothing else does. None outside of both, and for an update that Telegram does not keep.
    """
    found = next_in_work()
    if found is not None:
        return found
    job, handler = current_job.get(), current_handler.get()
    if job is None or job.key is None:
        return None
    name = "" if handler is None else handler.name
    return f"{job.key} {name} {job.next_send(name, 0)}"  # no chat has the id 0
