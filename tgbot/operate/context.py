"""What the running code is about, for the log: its update, its dialog, its handler."""

from __future__ import annotations

from tgbot.telegram.updates.events import current_handler
from tgbot.telegram.updates.job import current_job
from tgbot.telegram.updates.lineup import module_of


def about_update() -> dict[str, str | int]:
    """Return the key and the dialog of the update that the running task handles, the handler and its plugin.

    Fields that are not known are left out: empty outside of any update.
    """
    job = current_job.get()
    if job is None:
        return {}
    found: dict[str, str | int] = {}
    if job.key is not None:
        found["update"] = job.key
    if job.dialog:
        found["dialog"] = job.dialog
    handler = current_handler.get()
    if handler is not None and job.handler is handler.callback:
        found["handler"] = handler.name
        if not handler.own:
            found["plugin"] = module_of(handler.callback)
    return found
