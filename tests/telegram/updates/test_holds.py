"""Work that goes on after the handlers of an update: the update stays in flight, its sends have its name."""

from __future__ import annotations

import asyncio
from typing import Any

from telethon import events

from tests.telegram.conftest import Stage, until
from tests.telegram.updates.lot import Lot
from tgbot.store.base import Reason
from tgbot.telegram import BotClient
from tgbot.telegram.updates.holds import Hold


class Work:
    """A handler that says something, and whose work goes on after it until the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        #: How often the work began.
        self.begun = 0

    def register(self, client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            await event.respond("working")
            if event.raw_text == "work":
                client.spawn(client.hold("work").run(self.work(client, event.chat_id)), "the work")

    async def work(self, client: BotClient, chat: int) -> None:
        self.begun += 1
        await client.send_message(chat, "half done")
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        await client.send_message(chat, "done")


async def test_the_chat_goes_on_while_the_update_stays_in_flight(stage: Stage) -> None:
    work = Work()
    client = await stage.open(work.register)
    ann = stage.meet()
    number = stage.write(ann, "work")
    await until(lambda: stage.heard(ann) == ["working", "half done"])
    later = stage.write(ann, "hello")
    await until(lambda: len(stage.heard(ann)) == 3 and client._batches.waiting == 1)
    assert stage.finished == []
    work.gate.set()
    await until(lambda: stage.finished == [(ann, number), (ann, later)])
    assert stage.heard(ann) == ["working", "half done", "working", "done"]
    assert client._batches.waiting == 0


async def test_it_happens_again_after_a_kill_although_a_later_message_was_handled(stage: Stage) -> None:
    work = Work()
    client = await stage.open(work.register)
    ann = stage.meet()
    stage.write(ann, "work")
    await until(lambda: stage.heard(ann) == ["working", "half done"])
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["working", "half done", "working"])
    await until(lambda: client._batches.waiting == 1)
    await client.checkpoint()
    await stage.kill(client)
    work.gate.set()
    client = await stage.open(work.register)
    await until(lambda: not client._batches.waiting and len(stage.heard(ann)) == 4)
    assert stage.heard(ann) == ["working", "half done", "working", "done"]


async def test_after_a_kill_it_happens_again_and_says_nothing_twice(stage: Stage) -> None:
    work = Work()
    client = await stage.open(work.register)
    ann = stage.meet()
    stage.write(ann, "work")
    await until(lambda: stage.heard(ann) == ["working", "half done"])
    await client.checkpoint()
    await stage.kill(client)
    work.gate.set()
    client = await stage.open(work.register)
    await until(lambda: not client._batches.waiting and len(stage.heard(ann)) == 3)
    assert stage.heard(ann) == ["working", "half done", "done"]


async def test_what_ends_with_an_error_is_parked_and_done_at_a_retry(stage: Stage) -> None:
    work, lot = Work(), Lot()
    work.error = LookupError("a message text")
    work.gate.set()
    client = await stage.open(work.register, parked=lot)
    ann = stage.meet()
    stage.write(ann, "work")
    await until(lambda: lot.kept and not client._batches.waiting)
    (entry,) = lot.kept.values()
    assert (entry.reason, entry.error) == (Reason.FAILED, "LookupError")
    assert entry.handler.endswith("message (work)")
    work.error = None
    work.gate.clear()
    assert await client.parking.retry([entry.key]) == [entry.key]
    await until(lambda: work.begun == 2)
    await client.get_me()
    assert lot.kept  # it is not done with its handlers
    work.gate.set()
    await until(lambda: not lot.kept)
    assert stage.heard(ann) == ["working", "half done", "done"]


async def test_an_update_that_is_finished_is_not_held(stage: Stage) -> None:
    holds: list[Hold] = []

    def register(client: BotClient) -> None:
        async def late(number: int) -> None:
            await until(lambda: stage.last.get(ann) == number)
            holds.append(client.hold("late"))

        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            client.spawn(late(event.id))

    client = await stage.open(register)
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: holds)
    await holds[0].run(client.get_me())
    assert client._batches.waiting == 0
    assert len(stage.finished) == 1
