"""What is sent waits for Telegram's limits, and nobody else waits with it."""

from __future__ import annotations

import asyncio
import logging
from math import inf
from typing import Any

import pytest
from telethon import events

from tests.handlers.conftest import TEXTS, Desk
from tests.store.memory import MemoryRegistry
from tests.telegram.conftest import Stage, until
from tgbot.handlers import help, start
from tgbot.messaging.sender import Sender
from tgbot.telegram import BotClient

SEND = "messages.sendMessage"


async def test_an_answer_in_a_group_in_slow_mode_is_left_out_and_no_request_is_made_meanwhile(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tgbot.messaging")
    await desk.open(start, help)
    anna = desk.meet()
    group = desk.world.new_group("Friends", anna, desk.bot_id)
    desk.faults.fail(SEND, 420, "SLOWMODE_WAIT_25", seconds=inf, peer=group.marked)
    async with asyncio.timeout(20):  # less than the wait
        for _ in range(3):
            desk.world.send_as(anna, group.marked, "/start@the_bot")
        await until(lambda: "left out" in caplog.text)
        assert await desk.asks(anna, "/start") != TEXTS.render("en", "start-group")
        await desk.parts.client.checkpoint()
    assert desk.stage.sandbox.calls[SEND] == 2
    assert caplog.text.count("is in slow mode; the answer is left out") == 3
    assert "3 so far" in caplog.text
    assert desk.parts.client.handler_errors == 0


async def test_who_waits_for_a_turn_holds_up_nobody_else(stage: Stage) -> None:
    anna, bert = stage.meet("Anna"), stage.meet("Bert")

    def register(client: BotClient) -> None:
        sender = Sender(client, MemoryRegistry(), clock=client.server_time)

        async def greet(event: Any) -> None:
            count = 6 if event.raw_text == "many" else 1
            for number in range(count):
                await sender.send(event.chat_id, str(number))

        client.add_event_handler(greet, events.NewMessage())

    await stage.open(register, concurrency=1)
    stage.write(anna, "many")
    await until(lambda: len(stage.heard(anna)) >= 3)
    stage.write(bert, "one")
    await until(lambda: stage.heard(bert))
    assert len(stage.heard(anna)) < 6
