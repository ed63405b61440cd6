"""Messages that the bot edits while some work goes on: when it edits them, and when it stops."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.conftest import Desk
from tests.telegram.conftest import until
from tgbot.handlers import live
from tgbot.handlers.live import LiveMessages, Place, View

EDIT = "messages.editMessage"


class Board:
    """A message of the bot to a person, and what it is to show."""

    def __init__(self, desk: Desk, person: int, message: Any) -> None:
        self.desk = desk
        self.person = person
        self.place = Place(person, message.id)
        self.left: list[Place] = []
        self.live = LiveMessages(desk.parts.client, "some work", left=self.left.append)
        self.view: View | None = View("one", None, still=False)
        self.looks = 0

    def look(self) -> View | None:
        self.looks += 1
        return self.view

    def edits(self) -> list[str]:
        """Return what the person saw the message become, in order."""
        entries = self.desk.world.accounts[self.person].log.above(0, 0)
        return [entry.content.post.text for entry in entries if entry.edited]

    def shown(self) -> str:
        box = self.desk.world.accounts[self.person].box
        copy = box.get(box.dialogs[self.desk.bot_id].ids[-1])
        return "" if copy is None else copy.post.text

    async def looked(self, times: int = 5) -> None:
        """Return after so many more looks."""
        enough = self.looks + times
        await until(lambda: self.looks >= enough)


@pytest.fixture
async def board(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setattr(live, "SHOWN_SECONDS", 0.01)
    await desk.open()
    person = desk.meet()
    await desk.says(person, "hello")
    return Board(desk, person, await desk.parts.sender.send(person, "zero"))


async def test_it_is_edited_only_when_something_has_changed(board: Board) -> None:
    board.live.follow(board.place, board.look)
    await until(lambda: board.shown() == "one")
    board.desk.faults.fail(EDIT, 400, "MESSAGE_ID_INVALID")
    await board.looked()
    assert board.left == [], "it was not edited, else it would be left"
    board.desk.faults.clear()
    board.view = View("two", None, still=False)
    await until(lambda: board.shown() == "two")
    assert len(board.edits()) == 2


async def test_what_it_shows_already_is_not_shown_again(board: Board) -> None:
    board.live.follow(board.place, board.look, board.view)
    await board.looked()
    assert board.edits() == []


async def test_it_is_left_once_it_is_still(board: Board) -> None:
    board.view = View("the end", None)
    board.live.follow(board.place, board.look)
    await until(lambda: board.left == [board.place])
    assert board.shown() == "the end"
    assert board.looks == 1


async def test_it_is_left_when_there_is_nothing_to_show(board: Board) -> None:
    board.view = None
    board.live.follow(board.place, board.look)
    await until(lambda: board.left == [board.place])
    assert board.shown() == "zero"


async def test_one_that_is_gone_is_left(board: Board) -> None:
    board.desk.faults.fail(EDIT, 400, "MESSAGE_ID_INVALID")
    board.live.follow(board.place, board.look)
    await until(lambda: board.left == [board.place])
    assert board.looks == 1


@pytest.mark.parametrize(("code", "error"), [(420, "FLOOD_WAIT_1"), (500, "INTERNAL")])
async def test_what_telegram_puts_off_is_shown_later(board: Board, code: int, error: str) -> None:
    board.desk.parts.client.flood_sleep_threshold = 0
    board.desk.faults.fail(EDIT, code, error, times=1)
    board.view = View("the end", None)
    board.live.follow(board.place, board.look)
    await until(lambda: board.left == [board.place])
    assert board.shown() == "the end"


async def test_a_message_has_one_editor_that_follows_what_was_asked_for_last(board: Board) -> None:
    board.live.follow(board.place, board.look)
    await board.looked()
    other = View("other work", None, still=False)
    board.live.follow(board.place, lambda: other)
    before = board.looks
    await until(lambda: board.shown() == "other work")
    board.view = View("not shown", None, still=False)
    assert board.looks <= before + 1
    assert len(board.edits()) == 2
