"""For how long differences have denied that there is anything in a hole."""

from __future__ import annotations

from tgbot.telegram.updates.numbers import Numbers

#: A hole is given up after differences denied it for so many seconds, if Telegram's state confirms it.
HOLE_SECONDS = 30.0


class Denials:
    """The final differences of one sequence, in a row, that left a hole as it was.

    A hole counts as denied from the first difference that was requested after the update behind it had come.
    One that fails, that is not final or that moves the sequence ends all denials: a server that lags behind
    its own pushes, or is in trouble, fills the hole in the end.
    """

    def __init__(self) -> None:
        self._at: int | None = None
        #: When a difference denied the holes up to a number, in order.
        self._denied: list[tuple[float, int]] = []

    def note(self, numbers: Numbers, began: float) -> None:
        """Note that a final difference, requested at `began`, has been taken."""
        if not numbers.overdue or numbers.at != self._at:
            self._denied.clear()
        self._at = numbers.at
        last = self._denied[-1][1] if self._denied else 0
        if numbers.overdue and (top := numbers.holes_until(began)) > last:
            self._denied.append((began, top))

    def end(self) -> None:
        """Note that a difference failed, or was not final."""
        self._denied.clear()

    def lasting(self, now: float) -> int:
        """Return up to which number holes were denied for `HOLE_SECONDS`, 0 for none."""
        return max((top for since, top in self._denied if now - since >= HOLE_SECONDS), default=0)
