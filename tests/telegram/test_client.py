from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import events

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.telegram import BotClient

DIFFERENCE = "updates.getDifference"


async def test_a_handler_that_raises_is_logged_and_counted_and_the_others_still_run(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def poison(event: Any) -> None:
            raise LookupError("poison")

        echo(client)

    client = await stage.open(failing)
    ann = stage.meet()
    number = stage.write(ann, "hello")
    await until(lambda: stage.finished == [(ann, number)])
    assert stage.heard(ann) == ["you said hello"]
    assert client.handler_errors == 1
    assert "unhandled exception" in caplog.text


async def test_stop_propagation_keeps_later_handlers_out(stage: Stage) -> None:
    def first(client: BotClient) -> None:
        @client.on(events.NewMessage(pattern="stop"))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def stop(event: Any) -> None:
            await event.respond("stopped")
            raise events.StopPropagation

        echo(client)

    await stage.open(first)
    ann = stage.meet()
    stage.write(ann, "stop")
    stage.write(ann, "go")
    await until(lambda: len(stage.heard(ann)) == 2)
    assert stage.heard(ann) == ["stopped", "you said go"]


async def test_a_filter_that_raises_does_not_keep_the_other_handlers_out(stage: Stage) -> None:
    def failing(client: BotClient) -> None:
        @client.on(events.NewMessage(func=lambda event: 1 / 0))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def never(event: Any) -> None: ...

        echo(client)

    client = await stage.open(failing)
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    assert stage.heard(ann) == ["you said hello"]
    assert client.handler_errors == 1


async def test_a_stop_finishes_what_is_under_way_and_nothing_is_replayed(stage: Stage) -> None:
    gate = asyncio.Event()
    replayed: list[str] = []

    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            replayed.append(event.raw_text)
            await gate.wait()
            await event.respond("done")

    client = await stage.open(slow)
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: replayed)
    closing = asyncio.create_task(stage.close(client))
    await asyncio.sleep(0)
    gate.set()
    assert await closing
    await stage.open(slow)
    assert stage.heard(ann) == ["done"]
    assert replayed == ["hello"]


async def test_what_a_stop_could_not_finish_is_replayed_and_answered_once(stage: Stage) -> None:
    gate = asyncio.Event()
    replayed: list[bool] = []

    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            replayed.append(event.replayed)
            await gate.wait()
            await event.respond("done")

    client = await stage.open(slow)
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: replayed)
    assert not await stage.close(client, 0.05)
    gate.set()
    await stage.open(slow)
    await until(lambda: stage.heard(ann) == ["done"])
    assert replayed == [False, True]


async def test_one_dialog_with_many_messages_delays_nobody(stage: Stage) -> None:
    await stage.open(echo, concurrency=2)
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    for number in range(300):
        stage.write(ann, str(number))
    stage.write(bob, "hello")
    await until(lambda: stage.heard(bob))
    assert len(stage.heard(ann)) < 300
    await until(lambda: len(stage.heard(ann)) == 300)
    assert stage.heard(ann) == [f"you said {number}" for number in range(300)]


async def test_after_a_restart_the_first_answer_leaves_while_the_difference_is_still_being_fetched(
    stage: Stage,
) -> None:
    ann, slices = stage.meet(), 300
    first = await stage.open(echo)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    await stage.kill(first)
    for number in range(slices):
        stage.write(ann, str(number))
    stage.faults.slice_differences(1)
    client = await stage.open()
    echo(client)
    asked = stage.sandbox.calls[DIFFERENCE]
    answered_after: list[int] = []

    def note(account_id: int) -> None:
        if account_id == ann and not answered_after and "you said 0" in stage.heard(ann):
            answered_after.append(stage.sandbox.calls[DIFFERENCE] - asked)

    stage.world.subscribe(note)
    await client.start_updates()
    await until(lambda: answered_after)
    assert answered_after[0] < slices / 10
    await until(lambda: len(stage.heard(ann)) == slices + 1)


async def test_after_a_restart_a_send_of_its_own_leaves_although_the_difference_does_not_come(
    stage: Stage,
) -> None:
    ann = stage.meet()
    first = await stage.open(echo)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    await first.checkpoint()
    await stage.kill(first)
    stage.write(ann, "while down")
    client = await stage.open()
    echo(client)
    stage.faults.delay(3600, DIFFERENCE)
    await client.start_updates()
    async with asyncio.timeout(PATIENCE):
        await client.send_message(ann, "news")
    assert stage.heard(ann) == ["you said hello", "news"]
