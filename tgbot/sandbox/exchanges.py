"""The key exchanges under way: found by their nonce, so that one can go on over a new connection."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from .exchange import Exchange, nonce_of

#: The most exchanges that are kept, and for how many seconds.
MAX_KEPT = 512
KEPT_SECONDS = 600.0


class Exchanges:
    """Bounded: the oldest exchange is forgotten first, and each of them after ten minutes."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: OrderedDict[tuple[int, bytes], tuple[float, Exchange]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, dc_id: int, payload: bytes, new: Callable[[], Exchange]) -> Exchange:
        """Return the exchange at a data centre that this payload continues, else a new one."""
        now = self._now()
        nonce = nonce_of(payload)
        if nonce is None:
            return new()
        self._forget(now)
        key = dc_id, nonce
        known = self._kept.get(key)
        exchange = new() if known is None else known[1]
        if known is None:
            self._kept[key] = now, exchange
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return exchange

    def _forget(self, now: float) -> None:
        """Drop what is too old, and what a clock that was set back has put into the future."""
        while self._kept:
            since, _ = next(iter(self._kept.values()))
            if since <= now < since + KEPT_SECONDS:
                return
            self._kept.popitem(last=False)
