"""What comes of each delivery."""

from __future__ import annotations

from tests.messaging.broadcast.conftest import Office


async def test_everybody_gets_the_message_once(office: Office) -> None:
    people = await office.meet(25)
    number = await office.begin("the news")
    status = await office.ends(number)
    assert [office.heard(person) for person in people] == [["the news"]] * 25
    assert (status["audience"], status["sent"], status["waiting"]) == (25, 25, 0)
    chunk = await office.store.broadcasts.chunk(number, 0)
    assert list(chunk.ids) == people
    assert all(office.world.accounts[office.bot_id].box.get(message) for message in chunk.messages)
