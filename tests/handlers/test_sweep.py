"""`/sweep`: one message shows an admin how far the sweep is, and has the buttons to pause and end it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.handlers.conftest import Desk
from tests.handlers.test_buttons import ask, press
from tests.telegram.conftest import until
from tgbot.core.access import Access
from tgbot.core.errors import DurationError
from tgbot.core.sweeps import USUAL, State
from tgbot.handlers import live, sweep
from tgbot.handlers.sweep import wish

EDIT, TYPING = "messages.editMessage", "messages.setTyping"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message changes many times a second."""
    monkeypatch.setattr(live, "SHOWN_SECONDS", 0.02)


async def opened(desk: Desk, people: int = 0, *, language: str = "en") -> tuple[int, list[int]]:
    """Open a bot with an admin and people who wrote to it; return their ids."""
    boss = desk.meet("Boss")
    desk.language(boss, language)
    await desk.open(sweep, admins={boss})
    found = [desk.meet() for _ in range(people)]
    for person in found:
        await desk.says(person, "hello")
    return boss, found


def shown(desk: Desk, boss: int, copy: Any) -> str:
    """Return the text of a message as the admin sees it now."""
    found = desk.world.accounts[boss].box.get(copy.id)
    return "" if found is None else found.post.text


def labels(desk: Desk, boss: int, copy: Any) -> list[str]:
    """Return the buttons below a message."""
    found = desk.world.accounts[boss].box.get(copy.id)
    markup = None if found is None else found.post.markup
    return [] if markup is None else [button.text for row in markup.rows for button in row.buttons]


async def test_the_message_says_at_the_end_what_has_changed(desk: Desk) -> None:
    boss, (anna, *_) = await opened(desk, 3)
    account = desk.world.accounts[anna]
    account.blocked |= {desk.bot_id}  # of which the bot has not heard
    copy = await ask(desk, boss, "/sweep")
    await until(lambda: "finished" in shown(desk, boss, copy))
    text = shown(desk, boss, copy)
    assert "Looked at 4 of 4: 4 probed, 0 skipped." in text
    assert "reachable → blocked me: 1" in text
    assert labels(desk, boss, copy) == []
    assert desk.known(anna).verdict(desk.parts.clock()).access is Access.BLOCKED


async def test_its_buttons_pause_it_let_it_go_on_and_cancel_it(desk: Desk) -> None:
    boss, _ = await opened(desk, 2)
    desk.faults.silence(TYPING)
    copy = await ask(desk, boss, "/sweep")
    assert labels(desk, boss, copy) == ["Pause", "Cancel"]
    await press(desk, boss, copy, b"sweep:pause")
    await until(lambda: shown(desk, boss, copy).startswith("The sweep is paused."))
    assert labels(desk, boss, copy) == ["Go on", "Cancel"]
    await press(desk, boss, copy, b"sweep:pause")  # a second press changes nothing
    await press(desk, boss, copy, b"sweep:resume")
    await until(lambda: labels(desk, boss, copy) == ["Pause", "Cancel"])
    await press(desk, boss, copy, b"sweep:cancel")
    await until(lambda: shown(desk, boss, copy).startswith("The sweep is cancelled."))
    assert labels(desk, boss, copy) == []
    assert desk.parts.client.handler_errors == 0


async def test_nobody_else_can_begin_or_end_one(desk: Desk) -> None:
    boss, (anna, *_) = await opened(desk, 1)
    await desk.says(anna, "/sweep")
    assert desk.parts.sweep.status() is None
    desk.faults.silence(TYPING)
    await ask(desk, boss, "/sweep")
    box = desk.world.accounts[anna].box
    desk.world.send_as(desk.bot_id, anna, "a message of the bot")
    copy = box.get(box.dialogs[desk.bot_id].ids[-1])
    await press(desk, anna, copy, b"sweep:cancel")
    progress = desk.parts.sweep.status()
    assert progress is not None
    assert progress.state is State.RUNNING


async def test_a_second_command_shows_the_sweep_that_is_open(desk: Desk) -> None:
    boss, _ = await opened(desk, 1)
    desk.faults.silence(TYPING)
    await ask(desk, boss, "/sweep")
    first = desk.parts.sweep.status()
    copy = await ask(desk, boss, "/sweep 7d")
    assert desk.parts.sweep.status() is first
    await desk.parts.sweep.cancel()
    await until(lambda: "cancelled" in shown(desk, boss, copy))


async def test_after_a_restart_the_same_message_goes_on(desk: Desk) -> None:
    boss, _ = await opened(desk, 1)
    desk.faults.silence(TYPING)
    copy = await ask(desk, boss, "/sweep")
    kept = desk.parts.sweep.status()
    assert kept is not None
    assert kept.shown is not None
    await desk.stage.close(desk.parts.client)
    desk.faults.clear()
    await desk.open(sweep, admins={boss})
    desk.parts.sweep.go_on()
    await until(lambda: "finished" in shown(desk, boss, copy))


async def test_a_message_that_cannot_change_stops_nothing(desk: Desk) -> None:
    boss, _ = await opened(desk, 1)
    desk.faults.fail(EDIT, 400, "MESSAGE_ID_INVALID")
    await ask(desk, boss, "/sweep")
    await asyncio.wait_for(desk.parts.sweep.ended(), 30)
    assert desk.parts.client.handler_errors == 0


async def test_it_is_shown_in_russian(desk: Desk) -> None:
    boss, _ = await opened(desk, 0, language="ru")
    copy = await ask(desk, boss, "/sweep")
    await until(lambda: "Обход закончен." in shown(desk, boss, copy))


async def test_words_that_mean_nothing_are_told(desk: Desk) -> None:
    boss, _ = await opened(desk)
    for words in ("yesterday", "7 days", "bot", "7x"):
        assert f"cannot read “{words}”" in await desk.asks(boss, f"/sweep {words}")
    assert desk.parts.sweep.status() is None


@pytest.mark.parametrize(
    ("words", "access", "older_than"),
    [
        ("", USUAL, 0),
        ("12h", USUAL, 43_200),
        ("unknown,Blocked 7d", (Access.UNKNOWN, Access.BLOCKED), 604_800),
        ("deactivated", (Access.DEACTIVATED,), 0),
    ],
)
def test_the_words_behind_the_command(words: str, access: tuple[Access, ...], older_than: int) -> None:
    assert wish(words) == (access, older_than)


@pytest.mark.parametrize("words", ["bot", "yes", "7y", "7"])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises((ValueError, DurationError)):
        wish(words)
