"""Nodes that share a database: each has an auth key of its own, and goes on where the other stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.scenarios.talk import until
from tests.telegram.conftest import Stage, echo
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.session import PostgresSession

IMPORT = "auth.importBotAuthorization"


def no_lease(cursor: Cursor) -> None:
    """Let every transaction pass, as the fence of a node that leads does."""
    cursor.execute("SELECT tgbot.fence(0)")


@pytest.fixture
def database(bot_url: str) -> Iterator[Database]:
    with closing(Database(Address(bot_url))) as database:
        yield database


async def test_each_node_logs_in_once_and_goes_on_where_the_other_stopped(
    database: Database, stage: Stage
) -> None:
    ann = stage.meet("Ann", username="ann_a")
    keys: list[bytes] = []
    heard: list[str] = []
    for node, logins in (("one", 1), ("two", 2), ("one", 2), ("two", 2)):
        stage.write(ann, f"to nobody, before {node}")
        client = await stage.open(echo, session=PostgresSession(database, node, no_lease))
        if keys:  # the first one begins with the present state
            heard.append(f"you said to nobody, before {node}")
            await until(lambda: stage.heard(ann) == heard)
        stage.write(ann, f"to {node}")
        heard.append(f"you said to {node}")
        await until(lambda: stage.heard(ann) == heard)
        assert client.session.username("ann_a").marked_id == ann
        assert stage.sandbox.calls[IMPORT] == logins
        keys.append(client.session.auth_key.key)
        await stage.close(client)
    assert keys[0] == keys[2] != keys[1] == keys[3]
    assert stage.heard(ann) == heard


async def test_a_node_whose_login_ends_makes_its_own_anew(database: Database, stage: Stage) -> None:
    for node in ("one", "two"):
        await stage.close(await stage.open(session=PostgresSession(database, node, no_lease)))
    before = PostgresSession(database, "one", no_lease).auth_key.key
    database.write(
        lambda cursor: cursor.execute(
            "UPDATE tgbot.nodes SET auth_key = %s WHERE name = 'two'", (b"x" * 256,)
        )
    )
    client = await stage.open(
        session=PostgresSession(database, "two", no_lease)
    )  # Telegram knows no such key
    kept = PostgresSession(database, "two", no_lease).auth_key.key
    assert kept == client.session.auth_key.key not in (before, b"x" * 256)
    assert PostgresSession(database, "one", no_lease).auth_key.key == before
