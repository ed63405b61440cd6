"""High load: nobody waits for other people's messages, memory is bounded, conversations go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon import events

from tests.scenarios.crash import until
from tests.scenarios.scene import DIFFERENCE, Scene, open_scene
from tgbot.telegram.updates import intake


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


@pytest.mark.timeout(600)
async def test_ten_thousand_messages_of_one_person_delay_nobody_else(scene: Scene) -> None:
    flood, others = scene.meet("Flood"), [scene.meet(f"Other{number}") for number in range(20)]
    async with scene.serving() as bot:
        scene.said(flood, "/start")
        await scene.settled(bot)
        scene.said(flood, "hold on")  # the queue behind it gets as long as possible
        for number in range(10_000):
            scene.said(flood, f"say {number}")
        await until(lambda: bot.client._batches.waiting > 10_000, "the queue is long")
        for user_id in others:
            scene.said(user_id, "say hello")
        await until(lambda: all(scene.answers(user_id) for user_id in others), "the others are answered")
        assert len(scene.answers(flood)) == 1
        scene.gate.set()
        # While the flood is being answered, few of its answers come before the answers to the others.
        await until(lambda: len(scene.answers(flood)) > 100, "the flood is being answered")
        before = len(scene.answers(flood))
        assert before < 9_000
        for user_id in others:
            scene.said(user_id, "say goodbye")
        await until(lambda: all(len(scene.answers(one)) == 2 for one in others), "the others are answered")
        assert len(scene.answers(flood)) < 9_500
        await until(
            lambda: not bot.client._batches.waiting,
            "all are answered",
            progress=lambda: bot.client._batches.waiting,
        )
        assert scene.answers(flood)[1:] == [
            "echo hold on",
            *(f"echo say {number}" for number in range(10_000)),
        ]


async def test_memory_is_bounded_when_very_many_updates_wait(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, people, each = 200, 50, 60
    monkeypatch.setattr(intake, "WAITING_LIMIT", limit)
    monkeypatch.setattr(intake, "HELD_LIMIT", limit)
    scene.configure(concurrency=10)
    users = [scene.meet(f"User{number}") for number in range(people)]
    most = dict.fromkeys(("waiting", "held", "in flight"), 0)

    def measure(client: Any) -> None:
        taking, dispatcher = client.intake, client._dispatcher
        behind = sum(len(jobs or ()) for jobs in dispatcher._dialogs.values())
        for name, count in (
            ("waiting", len(dispatcher._running) + len(dispatcher._ready) + behind),
            ("held", len(taking._held)),
            ("in flight", len(taking.batches.inflight.unfinished())),
        ):
            most[name] = max(most[name], count)

    async with scene.serving() as bot:
        for user_id in users:
            scene.said(user_id, "hold on")
        for number in range(each):
            for user_id in users:
                scene.said(user_id, f"say {number}")
            await asyncio.sleep(0)  # the bot and the sandbox can run
            measure(bot.client)
        await until(lambda: bot.client.intake._overflowing, "new updates are left at Telegram")
        measure(bot.client)
        asked = scene.sandbox.calls[DIFFERENCE]
        scene.gate.set()

        def done() -> bool:
            measure(bot.client)
            return all(len(scene.answers(user_id)) == each + 1 for user_id in users)

        await until(done, "all are answered", 60)
        assert scene.sandbox.calls[DIFFERENCE] > asked
        await scene.settled(bot)
    # A difference holds up to 500 updates, however much room is left.
    assert most["waiting"] <= limit + 500, most
    assert most["waiting"] >= limit
    assert most["held"] <= limit
    assert most["in flight"] <= limit + 500
    print(most)


@pytest.mark.parametrize("limit", [None, 1])
async def test_updates_above_the_limit_wait_at_telegram_in_their_order(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    """Updates above the limit wait at Telegram, also with the smallest slices and a stop meanwhile."""
    monkeypatch.setattr(intake, "WAITING_LIMIT", 20)
    scene.configure(concurrency=3)
    scene.faults_of.slice_differences(limit)
    users = [scene.meet(f"User{number}") for number in range(10)]
    async with scene.serving() as bot:
        for number in range(5):
            for user_id in users:
                scene.said(user_id, f"slow {number}")
        await until(lambda: bot.client.intake._overflowing, "new updates are left at Telegram")
    async with scene.serving() as bot:
        await scene.settled(bot)
        assert len(scene.returned) == 50


class Interviews:
    """A handler that asks everybody who sends "/interview" two questions, and the answers so far."""

    def __init__(self, client: Any) -> None:
        self.said: dict[int, list[str]] = {}
        self.beside: list[str] = []
        self.open = 0
        self._client = client
        client.add_event_handler(self._interview, events.NewMessage(incoming=True, pattern="/interview"))
        client.add_event_handler(self._listen, events.NewMessage(incoming=True, pattern="#"))

    async def _interview(self, event: Any) -> None:
        async with self._client.conversation(event.chat_id, timeout=30) as talk:
            self.open += 1
            await talk.send_message("name?")
            name = (await talk.get_response()).raw_text
            await talk.send_message("town?")
            town = (await talk.get_response()).raw_text
            self.said[event.chat_id] = [name, town]
            await talk.send_message("thanks")

    async def _listen(self, event: Any) -> None:
        self.beside.append(event.raw_text)


async def test_more_conversations_than_workers_get_their_answers_and_chats_keep_their_order(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    workers, people = 3, 30
    scene.configure(concurrency=workers)
    users = [scene.meet(f"User{number}") for number in range(people)]
    async with scene.serving() as bot:
        interviews = Interviews(bot.client)
        for user_id in users:
            scene.said(user_id, "/interview")
        await until(lambda: interviews.open == people, "all of them are open")
        await until(lambda: all("name?" in scene.answers(one) for one in users), "all are asked")
        for user_id in users:
            scene.said(user_id, f"#name {user_id}")
        await until(lambda: all("town?" in scene.answers(one) for one in users), "all are asked on")
        # Others are answered meanwhile, and after an answer the chat's next messages stay in order.
        other = scene.meet("Other")
        scene.said(other, "say hello")
        await until(lambda: scene.answers(other) == ["echo say hello"], "others are answered")
        for user_id in users:
            scene.said(user_id, f"#town {user_id}")
            scene.said(user_id, "say 1")
            scene.said(user_id, "say 2")
        await until(lambda: len(interviews.said) == people, "all have told it")
        assert interviews.said == {one: [f"#name {one}", f"#town {one}"] for one in users}
        await until(lambda: not bot.client._batches.waiting, "nothing waits")

        def echoes(user_id: int) -> list[str]:
            return [text for text in scene.answers(user_id) if text.startswith("echo say")]

        await until(lambda: all("thanks" in scene.answers(one) for one in users), "all are thanked")
        assert [echoes(one) for one in users] == [["echo say 1", "echo say 2"]] * people
        assert "was cut off" not in caplog.text
        assert not bot.client.handler_errors
        # The tasks that waited in conversations do not stay as extra ones. One more task watches the time.
        dispatcher = bot.client._dispatcher
        await until(lambda: len(dispatcher._tasks) <= workers + 1, "as many tasks as before")
        assert dispatcher.free == workers
