"""What a running broadcast does while the database of the bot is away."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.messaging.broadcast.conftest import Office
from tests.store.memory import MemoryBroadcasts
from tests.telegram.conftest import Stage, until
from tgbot.core.deliveries import Wanted
from tgbot.core.errors import LeaseLostError, StorageError, StorageUnreachableError


class FarBroadcasts(MemoryBroadcasts):
    """Broadcasts in a database that may be away."""

    away: type[StorageError] | None = None
    #: How often somebody asked in vain.
    asked = 0

    async def next_chunk(self, broadcast_id: int, after: int, wanted: Wanted, round: int) -> int | None:
        if self.away is not None:
            self.asked += 1
            raise self.away("postgresql://far/bot", *(["it is down"] * (self.away is not LeaseLostError)))
        return await super().next_chunk(broadcast_id, after, wanted, round)


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    made = Office(stage)
    made.rows.broadcasts = FarBroadcasts(made.rows._users)
    await made.open()
    yield made
    await made.broadcasts.close(5.0)


@pytest.mark.parametrize("away", [StorageUnreachableError, LeaseLostError])
async def test_a_broadcast_waits_for_the_database_and_goes_on_by_itself(
    office: Office, away: type[StorageError], caplog: pytest.LogCaptureFixture
) -> None:
    people = await office.meet(3)
    far = office.rows.broadcasts
    assert isinstance(far, FarBroadcasts)
    far.away = away
    number = await office.begin("news")
    await until(lambda: far.asked >= 3)
    assert (office.status(number)["state"], office.status(number)["reason"]) == ("running", "")
    assert [office.heard(person) for person in people] == [[]] * 3
    far.away = None
    assert (await office.ends(number))["sent"] == 3
    assert [office.heard(person) for person in people] == [["news"]] * 3
    told = [one for one in caplog.records if one.levelno >= logging.WARNING and "waits" in one.getMessage()]
    assert len(told) == 1
