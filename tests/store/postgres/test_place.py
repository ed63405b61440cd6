"""The lease that a command has for as long as it changes what is kept."""

from __future__ import annotations

import time
from contextlib import closing

import psycopg
import pytest

from tests.patience import PATIENCE
from tgbot.core.errors import LeaseLostError
from tgbot.store.postgres import place
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.place import leading


async def test_a_command_keeps_its_lease_while_its_event_loop_stands_still(
    bot_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "COMMAND_SECONDS", 0.5)
    with (
        closing(Database(Address(bot_url))) as database,
        psycopg.connect(bot_url, autocommit=True) as connection,
    ):
        async with leading(database, "left", "copy") as lease:
            deadline = time.monotonic() + PATIENCE
            ends: set[tuple[object, ...] | None] = set()
            while len(ends) < 8:  # nothing here lets the event loop go on
                ends.add(connection.execute("SELECT node, epoch, until FROM tgbot.lease").fetchone())
                assert time.monotonic() < deadline
            assert {end[:2] for end in ends if end is not None} == {("left (tgbot copy)", lease.epoch)}
            assert lease.holds()
        assert connection.execute("SELECT node FROM tgbot.lease").fetchone() == ("",)


async def test_a_command_that_lost_its_lease_writes_nothing_and_ends(bot_url: str) -> None:
    with (
        closing(Database(Address(bot_url))) as database,
        psycopg.connect(bot_url, autocommit=True) as connection,
    ):
        async with leading(database, "left", "copy") as lease:
            connection.execute("UPDATE tgbot.lease SET node = 'right', epoch = epoch + 1")
            with pytest.raises(LeaseLostError):
                database.write(lease.fence)
        assert connection.execute("SELECT node FROM tgbot.lease").fetchone() == ("right",)
