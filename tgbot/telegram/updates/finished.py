"""Which message of a dialog was finished last: never one above a message that is still held."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Finished:
    """Report the finished messages of each dialog to `report`, in order, once all below them are finished.

    After a restart what is at or below the last reported one is not handled again. So a message whose
    handlers are done, but which is held, keeps back those above it: after a kill they are handled again, too.
    """

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report
        #: Dialogs with a held message → a heap of what is not reported in them, and what of it is held.
        self._kept_back: dict[int, tuple[list[int], set[int]]] = {}

    def hold(self, dialog: int, message_id: int) -> None:
        """Note that a message is not finished although its dialog goes on; 0 is no message."""
        if message_id:
            waiting, held = self._kept_back.setdefault(dialog, ([], set()))
            if message_id not in held:
                held.add(message_id)
                heappush(waiting, message_id)

    def finish(self, dialog: int, message_id: int) -> None:
        """Note that a message is finished; 0 is no message."""
        if not message_id:
            return
        if dialog not in self._kept_back:
            report = self._report
            report(dialog, message_id)
            return
        waiting, held = self._kept_back[dialog]
        if message_id in held:
            held.discard(message_id)
        else:
            heappush(waiting, message_id)
        while waiting and waiting[0] not in held:
            self._report(dialog, heappop(waiting))
        if not waiting:
            del self._kept_back[dialog]
