"""What the doctor finds in the database of a bot: whether it can be used, and how it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from tgbot.core.errors import ConfigError, StorageError, WrongBotError
from tgbot.operate.findings import Finding, Level, Subject, account, lookups

#: The oldest server that has all that the tables need.
OLDEST: Final = 13
#: How long a round trip takes that is slow, in seconds: each batch of updates with new users waits for one.
SLOW_TRIP: Final = 0.05
#: By how many seconds the clocks may differ. The lease goes by the database's alone; people read both.
CLOCK_SECONDS: Final = 5


async def check(of: Subject) -> AsyncIterator[Finding]:
    """Look at the database; nothing in it changes."""
    from tgbot.store.postgres.examination import examine  # late: most bots keep files

    try:
        found = await asyncio.to_thread(examine, of.address)
    except (ConfigError, StorageError) as error:
        yield Finding(Level.FAILURE, str(error))
        return
    number = found.version // 10_000
    if number < OLDEST:
        said = f"{found.place} is a server of version {number}"
        yield Finding(Level.FAILURE, said, f"install PostgreSQL {OLDEST} or newer")
    if found.refused:
        said = f"this user may not do everything in {found.place}: {found.refused}"
        yield Finding(Level.FAILURE, said, "make it the owner of the database (ALTER DATABASE … OWNER TO …)")
    if found.read_only:
        advice = "name the server that takes writes; with several in the address add target_session_attrs"
        yield Finding(Level.FAILURE, f"{found.place} is read-only", advice)
    if found.schema > found.known:
        said = f"{found.place} has tables of version {found.schema}, and this program knows {found.known}"
        yield Finding(Level.FAILURE, said, "install the newer version of tgbot here, too")
    elif 0 < found.schema < found.known:
        said = f"{found.place} has tables of version {found.schema}, and this program writes {found.known}"
        yield Finding(Level.WARNING, f"{said}: the next start upgrades them", "make a copy with pg_dump")
    elif None not in (found.bot_id, of.bot_id) and found.bot_id != of.bot_id:
        yield Finding(Level.FAILURE, str(WrongBotError(found.place, found.bot_id, of.bot_id)))
    else:
        tables = f"tables of version {found.schema}" if found.schema else "no tables yet"
        yield Finding(Level.OK, f"{found.place}: PostgreSQL {number}, {tables}")
    said = f"a round trip to the database takes {found.trip * 1000:.1f} ms"
    slow = found.trip > SLOW_TRIP
    advice = "new users wait for it, and each checkpoint: put the two closer together" if slow else ""
    yield Finding(Level.WARNING if slow else Level.OK, said, advice)
    if abs(found.ahead) > CLOCK_SECONDS:
        kind = "behind" if found.ahead > 0 else "ahead of"
        said = f"this machine's clock is {abs(found.ahead):.0f} s {kind} the database's"
        yield Finding(Level.WARNING, said, "the lease copes with that; logs do not: set both (timedatectl)")
    if found.schema:
        yield Finding(Level.OK, f"{found.leader} leads" if found.leader else "no node leads now")
        yield lookups(found.resolves)
        yield account(found.account, of)
