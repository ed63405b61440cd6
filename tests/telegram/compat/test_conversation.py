from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import events

from tests.telegram.conftest import Stage, until
from tgbot.telegram import BotClient


def asking(client: BotClient) -> None:
    """Ask everybody who says "ask" for a name; other messages are counted in `client.heard`."""
    client.heard = []

    @client.on(events.NewMessage(pattern="ask"))  # type: ignore[untyped-decorator] # Telethon is untyped
    async def ask(event: Any) -> None:
        async with client.conversation(event.chat_id, timeout=60) as conversation:
            await conversation.send_message("name?")
            answer = await conversation.get_response()
            await conversation.send_message(f"hello {answer.raw_text}")

    @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
    async def note(event: Any) -> None:
        client.heard.append(event.raw_text)


async def test_a_conversation_gets_its_answer_while_the_order_of_its_chat_holds(stage: Stage) -> None:
    client = await stage.open(asking, concurrency=1)
    ann = stage.meet()
    stage.write(ann, "ask")
    await until(lambda: stage.heard(ann) == ["name?"])
    stage.write(ann, "Ann")
    await until(lambda: stage.heard(ann) == ["name?", "hello Ann"])
    assert "Ann" in client.heard  # the other handlers see it, too, as with plain Telethon


async def test_more_conversations_than_workers_do_not_lock_each_other_out(stage: Stage) -> None:
    await stage.open(asking, concurrency=2)
    people = [stage.meet(f"P{number}") for number in range(12)]
    for person in people:
        stage.write(person, "ask")
    await until(lambda: all(stage.heard(person) == ["name?"] for person in people))
    for person in people:
        stage.write(person, str(person))
    await until(lambda: all(stage.heard(person) == ["name?", f"hello {person}"] for person in people))


async def test_opening_one_marks_its_update_finished(stage: Stage) -> None:
    client = await stage.open(asking)
    ann = stage.meet()
    number = stage.write(ann, "ask")
    await until(lambda: stage.heard(ann) == ["name?"])
    assert stage.finished == [(ann, number)]
    assert client._batches.inflight.low_water() is None
    assert await stage.close(client)


async def test_the_time_that_it_is_open_is_not_the_handlers_own(stage: Stage) -> None:
    client = await stage.open(asking)
    ann = stage.meet()
    stage.write(ann, "ask")
    await until(lambda: stage.heard(ann) == ["name?"])
    (job,) = client._dispatcher._running
    await client.get_me()
    assert job.waits
    stage.write(ann, "Ann")
    await until(lambda: stage.heard(ann) == ["name?", "hello Ann"])


async def test_an_edit_reaches_an_open_conversation(stage: Stage) -> None:
    edited: list[str] = []

    def correcting(client: BotClient) -> None:
        @client.on(events.NewMessage(pattern="ask"))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def ask(event: Any) -> None:
            async with client.conversation(event.chat_id) as conversation:
                asked = await conversation.send_message("correct it")
                edited.append((await conversation.get_edit(asked)).raw_text)

    await stage.open(correcting)
    ann = stage.meet()
    number = stage.write(ann, "ask")
    await until(lambda: stage.heard(ann))
    later = stage.write(ann, "teh")
    copy = stage.world.accounts[stage.account.id].box.get(later)
    assert copy is not None
    copy.post.text = "the"
    stage.world.posts.edited(copy)
    await until(lambda: edited == ["the"])
    assert number < later


async def test_a_second_exclusive_conversation_in_a_chat_stops_neither_the_first_nor_the_bot(
    stage: Stage,
) -> None:
    client = await stage.open(asking)
    ann = stage.meet()
    stage.write(ann, "ask")
    await until(lambda: stage.heard(ann) == ["name?"])
    stage.write(ann, "ask me again")
    await until(lambda: "hello ask me again" in stage.heard(ann))
    await until(lambda: "ask me again" in client.heard)
    assert client.handler_errors == 0


async def test_a_condition_that_fails_is_logged_and_the_others_are_asked(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def waiting(client: BotClient) -> None:
        @client.on(events.NewMessage(pattern="ask"))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def ask(event: Any) -> None:
            async with client.conversation(event.chat_id, timeout=60) as conversation:
                broken, right = (
                    asyncio.create_task(conversation.wait_event(events.NewMessage(func=condition)))
                    for condition in (lambda event: int(event.raw_text), lambda event: True)
                )
                await conversation.send_message("name?")
                await conversation.send_message(f"hello {(await right).raw_text}")
                broken.cancel()

    await stage.open(waiting)
    ann = stage.meet()
    stage.write(ann, "ask")
    await until(lambda: stage.heard(ann) == ["name?"])
    stage.write(ann, "Ann")
    await until(lambda: stage.heard(ann) == ["name?", "hello Ann"])
    assert "a condition in the conversation in" in caplog.text
    assert "<lambda>" in caplog.text
    assert "'Ann'" not in caplog.text
