"""Messages that were delivered are deleted: for everybody, a hundred with one call, and only new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.messaging.broadcast.conftest import Office
from tests.messaging.broadcast.test_editing import corrections, delivered
from tests.telegram.conftest import until
from tgbot.core.broadcasterrors import BroadcastStateError, DeletionTooLateError
from tgbot.core.broadcasts import Content, Source
from tgbot.core.deliveries import Correction
from tgbot.messaging.broadcast import attempts, deleting
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.telegram.calls import retries

DELETE = "messages.deleteMessages"
TWO_DAYS = 48 * 3600


@pytest.fixture
def calls(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each call deletes that the bot makes."""
    made: list[int] = []
    recipients = office.broadcasts._recipients
    delete = recipients.delete

    def noted(messages: Sequence[int]) -> Any:
        made.append(len(messages))
        return delete(messages)

    monkeypatch.setattr(recipients, "delete", noted)
    return made


async def delete(office: Office, number: int) -> dict[str, Any]:
    """Delete what was delivered, and return the status at the end."""
    await office.broadcasts.delete(number)
    return await office.ends(number)


async def age(office: Office, number: int, people: Sequence[int], *, known: bool = True) -> None:
    """Have these people's messages be sent two days ago; with `known`, as the bot knows."""
    for person in people:
        for copy in office.copies(person):
            copy.post.date -= TWO_DAYS
    if known:
        chunk = await office.store.broadcasts.chunk(number, 0)
        for person in people:
            chunk.at[chunk.ids.index(person)] -= TWO_DAYS
        broadcast = office.broadcasts.get(number)
        await office.store.broadcasts.change(replace(broadcast, started=(broadcast.started or 0) - TWO_DAYS))


# ---- what is deleted -----------------------------------------------------------------------------------


async def test_everybodys_message_is_deleted_with_few_calls(office: Office, calls: list[int]) -> None:
    people = await office.meet(130)
    number = await delivered(office)
    status = await delete(office, number)
    assert [office.heard(person) for person in people] == [[]] * 130
    assert calls == [100, 30]
    assert (status["state"], status["action"], status["sent"]) == ("done", "delete", 130)
    assert (status["corrected"], status["removed"], status["left"]) == (130, 130, 0)
    box = office.world.accounts[office.bot_id].box
    chunk = await office.store.broadcasts.chunk(number, 0)
    assert not any(box.get(message) for message in chunk.messages)
    assert office.stage.lost == []


async def test_an_album_is_deleted_as_a_whole(office: Office, calls: list[int]) -> None:
    (author,) = await office.meet(1)
    for part in range(3):
        last = office.stage.write(author, f"part {part}", media=office.photo(), grouped_id=5)
    await until(lambda: office.store.users.last_finished(author) >= last)
    people = await office.meet(40)
    number = await delivered(office, contents={"": Content(source=Source(author, last))})
    status = await delete(office, number)
    assert [office.copies(person) for person in people] == [[]] * 40
    assert calls == [99, 24]
    assert (status["corrected"], status["removed"]) == (41, 123)


async def test_what_people_deleted_themselves_is_told(office: Office) -> None:
    people = await office.meet(5)
    number = await delivered(office)
    (copy,) = office.copies(people[0])
    office.world.posts.delete([copy], revoke=True)
    status = await delete(office, number)
    assert (status["corrected"], status["removed"], status["refused"]) == (5, 4, 0)


async def test_only_what_was_sent_is_deleted(office: Office, calls: list[int]) -> None:
    first, refused, forgotten = await office.meet(3)
    office.faults.fail("messages.sendMessage", 403, "USER_IS_BLOCKED", peer=refused)
    number = await delivered(office)
    await office.client.send_message(first, "an answer")
    await office.store.forget(forgotten)
    status = await delete(office, number)
    assert calls == [1]
    assert (status["corrected"], status["left"], status["forgotten"]) == (1, 0, 1)
    assert office.heard(first) == ["an answer"]


# ---- what is too old -----------------------------------------------------------------------------------


async def test_what_is_too_old_is_left_out_and_counted(office: Office, calls: list[int]) -> None:
    office.world.limits.real = True
    people = await office.meet(12)
    number = await delivered(office)
    await age(office, number, people[3:7])
    assert await office.broadcasts.deletable(number) == {
        "id": number,
        "sent": 12,
        "deletable": 8,
        "too_old": 4,
        "reason": "sent more than 48 hours ago: Telegram lets bots delete only newer messages",
    }
    status = await delete(office, number)
    assert calls == [8]
    assert (status["corrected"], status["removed"], status["left"]) == (8, 8, 0)
    assert status["refusals"] == {"MESSAGE_DELETE_FORBIDDEN": 4}
    assert [len(office.heard(person)) for person in people] == [0] * 3 + [1] * 4 + [0] * 5


async def test_what_telegram_alone_knows_to_be_too_old_costs_nobody_else(
    office: Office, calls: list[int]
) -> None:
    office.world.limits.real = True
    people = await office.meet(12)
    number = await delivered(office)
    await age(office, number, people[3:5], known=False)
    status = await delete(office, number)
    assert (status["corrected"], status["removed"], status["left"]) == (10, 10, 0)
    assert status["refusals"] == {"MESSAGE_DELETE_FORBIDDEN": 2}
    found = await corrections(office, number)
    assert [person for person, (came, _) in found.items() if came is Correction.REFUSED] == people[3:5]
    assert [len(office.heard(person)) for person in people] == [0] * 3 + [1] * 2 + [0] * 7
    assert calls[0] == 12
    assert len(calls) < 12


async def test_what_is_too_old_as_a_whole_is_refused(office: Office) -> None:
    await office.meet(2)
    number = await delivered(office)
    office.ahead += TWO_DAYS + 1
    found = await office.broadcasts.deletable(number)
    assert (found["sent"], found["deletable"], found["too_old"]) == (2, 0, 2)
    with pytest.raises(DeletionTooLateError, match="48 hours"):
        await office.broadcasts.delete(number)
    assert office.status(number)["action"] == "send"
    await office.broadcasts.edit(number, {"": text_content("edited at any time")})
    assert (await office.ends(number))["corrected"] == 2


async def test_what_gets_too_old_while_it_waits_is_left_out(office: Office, calls: list[int]) -> None:
    await office.meet(3)
    number = await delivered(office)
    office.leftover.slow_down(0.3)
    await office.broadcasts.delete(number)
    await until(lambda: office.leftover._streams)
    office.ahead += TWO_DAYS + 1
    status = await office.ends(number)
    assert (status["refused"], status["left"], calls) == (3, 0, [])


# ---- how it goes on ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_checkpoints")
async def test_a_deletion_goes_on_after_a_kill(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleting, "MESSAGES", 10)
    monkeypatch.setattr(deleting, "AT_ONCE", 2)
    people = await office.meet(30)
    number = await delivered(office)
    office.faults.delay(60.0, DELETE)
    await office.broadcasts.delete(number)
    await until(lambda: sum(not office.heard(person) for person in people) == 20)
    await office.kill()
    office.faults.delay(0.0, DELETE)
    await office.open(run=False)
    status = office.status(number)
    assert (status["state"], status["action"], status["left"]) == ("running", "delete", 30)
    office.run()
    status = await office.ends(number)
    # Those that were deleted before the kill are counted as gone: nobody knows any more who deleted them.
    assert (status["corrected"], status["removed"], status["refused"]) == (30, 10, 0)
    assert [office.heard(person) for person in people] == [[]] * 30


async def test_a_deletion_is_paused_and_resumed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleting, "MESSAGES", 1)
    await office.meet(8)
    number = await delivered(office)
    office.leftover.slow_down(10_000.0)
    await office.broadcasts.delete(number)
    await office.broadcasts.pause(number)
    assert office.status(number)["left"] == 8
    await office.stop()
    await office.open()
    await office.broadcasts.resume(number)
    assert (await office.ends(number))["corrected"] == 8


async def test_a_flood_wait_and_a_fault_delay_a_deletion(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.01,))
    monkeypatch.setattr(attempts, "PAUSES", (0.01,) * 4)
    await office.meet(3)
    number = await delivered(office)
    office.faults.fail(DELETE, 420, "FLOOD_WAIT_1")
    office.faults.fail(DELETE, 500, "INTERNAL", times=4)
    office.faults.lose_answer(DELETE)
    status = await delete(office, number)
    assert (status["corrected"], status["refused"]) == (3, 0)


async def test_a_deletion_that_telegram_refuses_pauses(office: Office) -> None:
    await office.meet(3)
    number = await delivered(office)
    office.faults.fail(DELETE, 400, "BOT_METHOD_INVALID", times=1000)
    await office.broadcasts.delete(number)
    status = await office.ends(number, "paused")
    assert "refused to delete the messages" in status["reason"]
    assert "BOT_METHOD_INVALID" in status["reason"]
    assert (status["refused"], status["left"]) == (0, 3)
    office.faults.clear()
    await office.broadcasts.resume(number)
    assert (await office.ends(number))["removed"] == 3


# ---- when it can be done -------------------------------------------------------------------------------


async def test_what_is_being_sent_cannot_be_deleted(office: Office) -> None:
    people = await office.meet(12)
    number = await office.begin(rate=20.0)
    await office.sent(number, 1)
    with pytest.raises(BroadcastStateError, match="cancel it first"):
        await office.broadcasts.delete(number)
    await office.broadcasts.cancel(number)
    await office.broadcasts.delete(number)
    status = await office.ends(number, "cancelled")
    assert (status["removed"], status["left"]) == (status["sent"], 0)
    assert [office.heard(person) for person in people] == [[]] * 12


async def test_what_was_deleted_is_neither_edited_nor_sent_on(office: Office) -> None:
    await office.meet(12)
    number = await office.begin(rate=20.0, until=int(office.clock()) + 3600)
    await office.sent(number, 2)
    office.ahead += 3601
    office.broadcasts.look()
    await office.ends(number)
    await delete(office, number)
    with pytest.raises(BroadcastStateError, match="is deleted, so it cannot be edited"):
        await office.broadcasts.edit(number, {"": text_content("new")})
    with pytest.raises(BroadcastStateError, match="is deleted, so it cannot be resumed"):
        await office.broadcasts.resume(number)
    again = await delete(office, number)
    assert (again["corrected"], again["removed"]) == (again["sent"], 0)
