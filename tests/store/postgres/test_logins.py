"""Used logins in PostgreSQL, beyond what all of them do."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.store.postgres.conftest import no_lease
from tests.store.postgres.proxy import Moment, proxied
from tgbot.core.errors import LeaseLostError
from tgbot.store.logins import Owed
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.logins import PostgresLogins

NOW = 1_800_000_000


def lost(cursor: Cursor) -> None:
    """Refuse a transaction, as the fence of a node that lost the lease does."""
    cursor.execute("SELECT tgbot.fence(41)")


async def test_a_node_that_lost_the_lease_lets_nobody_in_and_changes_nothing(database: Database) -> None:
    leader = PostgresLogins(database, no_lease)
    await leader.add(b"one", NOW, NOW, (5, "en"))
    before = PostgresLogins(database, lost)
    with pytest.raises(LeaseLostError):
        await before.add(b"two", NOW, NOW)
    with pytest.raises(LeaseLostError):
        await before.settle(b"one")
    assert not await leader.has(b"two")
    assert await leader.owed() == [Owed(b"one", NOW, 5, "en")]


@pytest.mark.parametrize("moment", Moment)
async def test_a_login_whose_link_goes_is_let_in_once(
    bot_url: str, database: Database, moment: Moment
) -> None:
    with proxied(bot_url) as proxy, closing(Database(Address(proxy.url))) as away:
        used = PostgresLogins(away, no_lease)
        proxy.cut_at(moment)
        await used.add(b"one", NOW, NOW, (5, "en"))
        assert await used.has(b"one")
        proxy.was_cut()
    assert await PostgresLogins(database, no_lease).owed() == [Owed(b"one", NOW, 5, "en")]


async def test_a_language_that_no_column_can_hold_lets_the_visitor_in(database: Database) -> None:
    used = PostgresLogins(database, no_lease)
    await used.add(b"one", NOW, NOW, (5, "e\0n\ud800"))
    assert await used.owed() == [Owed(b"one", NOW, 5, "en?")]
