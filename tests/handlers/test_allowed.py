"""Write access: who is greeted for it, and who is not; each reason: scenarios/test_write_access.py."""

from __future__ import annotations

import pytest

from tests.handlers.conftest import Desk
from tests.telegram.conftest import until
from tgbot.core.access import Access
from tgbot.handlers import allowed


@pytest.fixture
async def desk(desk: Desk) -> Desk:
    await desk.open(allowed, greeted_elsewhere="our.site")
    return desk


async def allows(desk: Desk, person: int, domain: str) -> list[str]:
    """Let a person allow the bot to write by a login; return what the bot says to that."""
    before = len(desk.stage.heard(person))
    copy = desk.world.allow(desk.bot_id, person, domain=domain)
    number = copy.twin(desk.bot_id)
    assert number is not None
    await until(lambda: desk.users.last_finished(person) >= number.id)
    return desk.stage.heard(person)[before:]


async def test_only_the_first_one_is_greeted(desk: Desk) -> None:
    anna = desk.meet()
    (greeting,) = await allows(desk, anna, "example.com")
    assert "example.com" in greeting
    assert await allows(desk, anna, "example.org") == []


async def test_a_login_on_the_bots_own_page_is_greeted_by_the_page(desk: Desk) -> None:
    anna = desk.meet()
    assert await allows(desk, anna, "our.site") == []
    assert len(await allows(desk, anna, "other.site")) == 1


async def test_a_user_who_takes_no_message_after_all_is_no_failure(desk: Desk) -> None:
    anna = desk.meet()
    desk.faults.fail("messages.sendMessage", 403, "USER_IS_BLOCKED")
    assert await allows(desk, anna, "example.com") == []
    assert desk.known(anna).verdict(desk.parts.clock()).access is Access.BLOCKED
    assert desk.parts.client.handler_errors == 0


async def test_a_greeting_that_telegram_puts_off_does_not_count_as_done(desk: Desk) -> None:
    anna = desk.meet()
    desk.faults.fail("messages.sendMessage", 420, "FLOOD_WAIT_600", times=1)
    await allows(desk, anna, "example.com")
    assert desk.parts.client.handler_errors == 1  # so that it is tried again
