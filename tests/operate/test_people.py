"""The list of users in pages: whole, and without keeping the event loop from others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.store.registries import meet, now
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.broadcasts import NEWS, NO_NEWS
from tgbot.operate.control import carry_out
from tgbot.operate.people import LOOKED_AT, PAGE, commands
from tgbot.store.sqlite.userfile import SqliteRegistry

#: More than a page looks at.
MANY = LOOKED_AT + 1_000
BLOCKED = (3, LOOKED_AT + 500)
REFUSED = (4, LOOKED_AT + 501)


@pytest.fixture
async def registry(tmp_path: Path) -> Any:
    registry = SqliteRegistry(tmp_path / "users.sqlite", clock=now, cached_users=100)
    meet(registry, *range(1, MANY + 1))
    for user_id in BLOCKED:
        registry.record(user_id, Evidence(Kind.BOT_STOPPED, 200, 1))
    await registry.flush()
    yield registry
    registry.close()


async def page(registry: SqliteRegistry, **arguments: object) -> Any:
    async def say(progress: Mapping[str, object]) -> None:
        raise AssertionError("a list says nothing in between")

    return await carry_out(commands(registry, now, registry.planned.about)["users.list"], arguments, say)


async def pages(registry: SqliteRegistry, **arguments: object) -> list[list[int]]:
    """Return the ids in each page."""
    found, after = [], 0
    while after is not None:
        answer = await page(registry, after=after, **arguments)
        found.append([user["id"] for user in answer["users"]])
        after = answer["after"]
    return found


async def test_pages_hold_everybody_once_in_order(registry: SqliteRegistry) -> None:
    found = await pages(registry)
    assert [user_id for page in found for user_id in page] == list(range(1, MANY + 1))
    assert max(map(len, found)) == PAGE


async def test_few_of_many_are_found_without_a_look_at_the_others(registry: SqliteRegistry) -> None:
    assert await pages(registry, access=Access.BLOCKED) == [[*BLOCKED]]


async def test_who_wants_no_news_is_shown_so(registry: SqliteRegistry) -> None:
    registry.prefer(2, NEWS, NO_NEWS)
    answer = await page(registry, limit=3)
    assert [user["news"] for user in answer["users"]] == [True, False, True]


@pytest.fixture
async def passing(registry: SqliteRegistry) -> SqliteRegistry:
    """A registry of people whom the bot may write to for a while; they are stored as who may not be."""
    for user_id in range(1, MANY + 1):
        registry.record(user_id, Evidence(Kind.CHAT_WRITE_FORBIDDEN, 300))
        if user_id not in REFUSED:
            registry.record(user_id, Evidence(Kind.JOIN_REQUEST, 900, until=1_100))
    await registry.flush()
    return registry


async def test_a_page_that_finds_few_ends_after_a_bounded_look(passing: SqliteRegistry) -> None:
    assert await pages(passing, access=Access.NOT_ALLOWED) == [[REFUSED[0]], [REFUSED[1]]]


async def test_others_have_their_turn_while_a_page_is_made(passing: SqliteRegistry) -> None:
    for arguments, least in (({"access": "not_allowed"}, LOOKED_AT // 200), ({}, PAGE // 20)):
        turns, making = 0, asyncio.ensure_future(page(passing, **arguments))
        while not making.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns >= least, arguments
