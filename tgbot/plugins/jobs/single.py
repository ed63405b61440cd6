"""What is planned once: carried out when it is due, and again until it is done."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from msgspec.structs import replace as with_changes

from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs.entries import Every, Kept, Once, own_key, pack, unpack
from tgbot.plugins.jobs.registered import Function
from tgbot.plugins.jobs.tries import Tries, passes, short_name
from tgbot.store.base import Planned

logger = logging.getLogger(__name__)

#: How many entries are carried out side by side.
AT_ONCE: Final = 16
#: For how many seconds an entry is kept that no plugin knows.
UNKNOWN_SECONDS: Final = 30 * 24 * 3600
#: After how many seconds such an entry is looked at again: as many as it has waited, within these two.
_SHORTEST, _LONGEST = 60, 3600


class Single:
    """Carry out what is planned once. After a kill it is carried out again, and says nothing twice."""

    def __init__(self, alarm: Alarm, tries: Tries, load: Callable[[Iterable[int]], Awaitable[None]]) -> None:
        """`load` reads users into memory."""
        self._alarm = alarm
        self._tries = tries
        self._load = load
        self._handlers: Mapping[str, Function] = {}
        #: Names that no plugin knows, and that the log tells of already.
        self._unknown: set[str] = set()

    def start(self, handlers: Mapping[str, Function]) -> None:
        """Carry out what is due from now on."""
        self._handlers = handlers
        self._alarm.receive(None, self._carry_out, at_once=AT_ONCE)

    async def _carry_out(self, entry: Planned) -> Planned | None:
        function, kept = self._handlers.get(entry.name), unpack(entry)
        if function is None or not isinstance(kept, Once):
            return self._put_off(entry, kept)
        if entry.user:
            await self._load([entry.user])
        data, work = json.loads(bytes(kept.data)), f"job {kept.origin}"
        error = await self._tries.run(function, entry.name, kept.at, work, user_id=entry.user, data=data)
        if error is None:
            return None
        attempts, lasting = entry.attempts + 1, kept.failed + (not passes(error))
        pause = self._tries.pause(error, lasting=lasting, attempts=attempts, planned=kept.at)
        if pause is None:
            self._tries.dropped[entry.name] += 1
            logger.error(
                "what was planned as %s is dropped after %d tries (key %s, planned at %d): %s",
                *(entry.name, attempts, own_key(entry), kept.at, short_name(error)),
            )
            return None
        at, data = self._tries.now() + pause, pack(with_changes(kept, failed=lasting))
        return replace(entry, at=at, attempts=attempts, data=data)

    def _put_off(self, entry: Planned, kept: Kept | None) -> Planned | None:
        """Return an entry that no plugin knows, to be looked at later; None once it is too old."""
        now, name = self._tries.now(), entry.name
        since = kept.at if isinstance(kept, Once) else kept.next if isinstance(kept, Every) else None
        waited = entry.attempts * _LONGEST if since is None else now - since
        if waited >= UNKNOWN_SECONDS:
            logger.error("what was planned as %s is dropped: no plugin had such a job for 30 days", name)
            return None
        if name not in self._unknown:
            self._unknown.add(name)
            logger.warning("no plugin has a job %s; what is planned as it is kept for 30 days", name)
        at = now + min(max(waited, _SHORTEST), _LONGEST)
        return replace(entry, at=at, attempts=entry.attempts + 1)
