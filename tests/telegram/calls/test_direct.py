"""Answers are counted where they are sent; sends to many people go past that count."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import errors, events
from telethon.tl import functions, types

from tests.telegram.calls.conftest import SEND
from tests.telegram.conftest import Stage, until
from tgbot.telegram import BotClient

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def test_each_message_that_the_bot_sends_is_counted_and_nothing_else(stage: Stage, ann: int) -> None:
    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond("plain")
            sent = await event.respond("**not** plain")
            await sent.edit("changed")
            async with client.action(event.chat_id, "typing"):
                pass
            await client.forward_messages(event.chat_id, [sent.id, event.id], event.chat_id)
            await client.send_file(event.chat_id, [PICTURE, PICTURE], force_document=False)

    client = await stage.open(answering)
    before = client.figures.sends()
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    assert client.figures.sends() - before == 6


async def test_a_direct_send_keeps_its_random_id_and_is_not_counted(stage: Stage, ann: int) -> None:
    client = await stage.open(lambda client: None)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    peer = types.InputPeerUser(ann, 0)
    for _ in range(2):
        await client.direct.call(functions.messages.SendMessageRequest(peer, "news", random_id=7), ann)
    sent = [copy for copy in stage.world.accounts[stage.account.id].box if copy.out]
    assert [(copy.post.text, copy.random_id) for copy in sent] == [("news", 7)]
    assert client.figures.sends() == 0


async def test_a_flood_wait_of_a_direct_send_is_raised_at_once(stage: Stage, ann: int) -> None:
    client = await stage.open(lambda client: None)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_30")
    peer = types.InputPeerUser(ann, 0)
    with pytest.raises(errors.FloodWaitError) as raised:
        await client.direct.call(functions.messages.SendMessageRequest(peer, "news", random_id=7), ann)
    assert raised.value.seconds == 30
