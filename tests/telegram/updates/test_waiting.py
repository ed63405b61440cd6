"""Handlers that wait for Telegram hold nobody up, over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import events

from tests.telegram.conftest import Stage, echo, until
from tgbot.messaging.pace import Pace
from tgbot.telegram import BotClient
from tgbot.telegram.updates import dispatch
from tgbot.telegram.updates.job import waiting

SEND = "messages.sendMessage"
#: So many workers, and as many people whose answers wait.
WORKERS = 8


async def test_people_whose_answers_telegram_holds_back_hold_up_nobody_else(stage: Stage) -> None:
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_25", times=WORKERS)
    await stage.open(echo, concurrency=WORKERS)
    for number in range(WORKERS):
        stage.write(stage.meet(f"Held{number}"), "hello")
    await until(lambda: stage.sandbox.calls[SEND] == WORKERS)
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])


async def test_sends_that_are_never_answered_hold_up_nobody_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LEND_AFTER", 0.1)
    stage.faults.silence(SEND, times=WORKERS)
    await stage.open(echo, concurrency=WORKERS)
    for number in range(WORKERS):
        stage.write(stage.meet(f"Silent{number}"), "hello")
    await until(lambda: stage.sandbox.calls[SEND] == WORKERS)
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])


async def test_the_messages_of_a_dialog_that_waits_stay_in_order(stage: Stage) -> None:
    await stage.open(echo, concurrency=1)
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_2", times=1)
    stage.write(ann, "one")
    await until(lambda: stage.sandbox.calls[SEND] == 1)
    stage.write(ann, "two")
    stage.write(bob, "hello")
    await until(lambda: stage.heard(bob))
    assert stage.heard(ann) == []
    await until(lambda: len(stage.heard(ann)) == 2)
    assert stage.heard(ann) == ["you said one", "you said two"]


async def test_1500_people_whose_answers_wait_for_their_turn_hold_up_nobody_else(stage: Stage) -> None:
    pace = Pace(overall=5.0, overall_burst=1)

    def paced(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True, pattern="join"))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def greet(event: Any) -> None:
            async with waiting():
                await pace.turn(event.chat_id)
            await event.respond("Hello!")
            raise events.StopPropagation

        echo(client)

    client = await stage.open(paced, concurrency=WORKERS)
    for number in range(1500):
        stage.write(stage.meet(f"Asker{number}"), "join")
    ann = stage.meet()
    stage.write(ann, "/help")
    await until(lambda: stage.heard(ann) == ["you said /help"])
    assert client._batches.waiting > 1400


async def test_a_handler_whose_request_is_long_under_way_is_not_cut_off(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.faults.delay(1.5, SEND)
    await stage.open(echo, handler_seconds=1.2)
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    assert stage.heard(ann) == ["you said hello"]
    assert "cut off" not in caplog.text


async def test_requests_made_side_by_side_by_one_handler_return_to_it(stage: Stage) -> None:
    """Both wait, one after the other runs on; the worker is taken back once."""

    def both(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True, pattern="both"))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await asyncio.gather(event.respond("one"), event.respond("two"))

        echo(client)

    stage.faults.fail(SEND, 420, "FLOOD_WAIT_1", times=2)
    client = await stage.open(both, concurrency=1)
    ann = stage.meet()
    stage.write(ann, "both")
    await until(lambda: len(stage.heard(ann)) == 3)
    stage.write(ann, "next")
    await until(lambda: len(stage.heard(ann)) == 4)
    await until(lambda: client._dispatcher.free == 1)


async def test_a_stop_ends_while_jobs_wait_for_telegram(stage: Stage) -> None:
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_25", times=3)
    client = await stage.open(echo, concurrency=1)
    for number in range(3):
        stage.write(stage.meet(f"Held{number}"), "hello")
    await until(lambda: stage.sandbox.calls[SEND] == 3)
    assert not await stage.close(client, 0.05)
