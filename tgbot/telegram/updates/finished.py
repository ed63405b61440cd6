"""Which message of a dialog was finished last: never one above a message that is still held."""

from __future__ import annotations

from collections.abc import Callable


class Finished:
    """Report the finished messages of each dialog to `report`, in order, once all below them are finished.

    After a restart what is at or below the last reported one is not handled again. So a message whose
    handlers are done, but which is held, keeps back those above it: after a kill they are handled again, too.
    """

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report
        #: Dialogs with a held message → its messages that are not reported, and whether each is finished.
        self._kept_back: dict[int, dict[int, bool]] = {}

    def hold(self, dialog: int, message_id: int) -> None:
        """Note that a message is not finished although its dialog goes on; 0 is no message."""
        if message_id:
            self._kept_back.setdefault(dialog, {})[message_id] = False

    def finish(self, dialog: int, message_id: int) -> None:
        """Note that a message is finished; 0 is no message."""
        if not message_id:
            return
        kept_back = self._kept_back.get(dialog)
        if kept_back is None:
            self._report(dialog, message_id)
            return
        kept_back[message_id] = True
        for number in sorted(kept_back):
            if not kept_back[number]:
                return
            del kept_back[number]
            self._report(dialog, number)
        del self._kept_back[dialog]
