from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.telegram.conftest import PATIENCE, MemoryStore, Stage, until
from tests.telegram.updates.updatelog import FIRST, THEN
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import BotClient
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.job import Job

ANN, BEN, CEM = 5, 6, 7
CHANNEL = -1_000_000_000_009


class Around:
    """A store whose loading is slow, and everything else that batches know; what happens is written down."""

    def __init__(self) -> None:
        self.memory: set[int] = set()
        self.happened: list[Any] = []
        self.jobs: list[Job] = []
        self.last: dict[int, int] = {}
        #: Lets one load end.
        self.gate = asyncio.Semaphore(0)
        self.error: Exception | None = None

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return set(ids) <= self.memory

    async def load(self, ids: Iterable[int]) -> None:
        self.happened.append(("load", sorted(ids)))
        await self.gate.acquire()
        if self.error is not None:
            raise self.error
        self.memory.update(ids)

    def put(self, job: Job) -> None:
        self.jobs.append(job)
        self.happened.append(("job", job.dialog, job.message_id))

    def remember(self, users: Sequence[Any], chats: Sequence[Any], source: str) -> None:
        self.happened.append(("remember", [one.id for one in (*users, *chats)], source))

    def wrote(self, user_id: int) -> None: ...

    def last_finished(self, chat_id: int) -> int:
        return self.last.get(chat_id, 0)


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def batches(around: Around) -> Batches:
    everything: Any = around
    return Batches(around.put, everything, everything, everything)


def new(user_id: int, number: int, **fields: Any) -> Any:
    message = types.Message(number, types.PeerUser(user_id), date=THEN, message="x", **fields)
    return types.UpdateNewMessage(message, 0, 0)


def user(user_id: int) -> Any:
    return types.User(user_id, access_hash=1, first_name="A")


def state(pts: int) -> UpdateState:
    return UpdateState(pts, 1, 1, 1)


def mark(batches: Batches, pts: int) -> int:
    """The pts that may go to disk when this one is taken."""
    return batches.mark(state(pts)).pts


def test_what_is_in_memory_is_dispatched_at_once(around: Around, batches: Batches) -> None:
    around.memory = {ANN}
    batches.accept([new(ANN, 1)], [user(ANN)], [], state(10), live=True)
    assert around.happened == [("remember", [ANN], "update"), ("job", ANN, 1)]
    assert mark(batches, 11) == 10
    batches.finish(around.jobs[0].batch)
    assert mark(batches, 11) == 11


async def test_what_is_not_in_memory_waits_for_it_and_what_arrives_meanwhile_is_loaded_together(
    around: Around, batches: Batches
) -> None:
    around.memory = {ANN}
    running = asyncio.create_task(batches.run())
    batches.accept([new(BEN, 1)], [user(BEN)], [], state(10), live=True)
    await until(lambda: around.happened)
    batches.accept([new(ANN, 2)], [user(ANN)], [], state(11), live=True)  # in memory, but behind Ben
    batches.accept([new(CEM, 3), new(ANN, 4)], [user(CEM)], [], state(12), live=False)
    assert around.happened == [("load", [BEN])]
    assert batches.waiting == 4
    assert mark(batches, 14) == 10
    around.gate.release()
    await until(lambda: len(around.happened) > 3)
    assert around.happened == [
        ("load", [BEN]),
        ("remember", [BEN], "update"),
        ("job", BEN, 1),
        ("load", [ANN, CEM]),
    ]
    around.gate.release()
    async with asyncio.timeout(PATIENCE):
        await until(lambda: len(around.jobs) == 4)
    assert [job.message_id for job in around.jobs] == [1, 2, 3, 4]
    assert batches.waiting == 4
    for job in around.jobs[:2]:
        batches.finish(job.batch)
    assert mark(batches, 14) == 12
    running.cancel()


async def test_users_without_updates_hold_the_state_until_they_are_loaded(
    around: Around, batches: Batches
) -> None:
    running = asyncio.create_task(batches.run())
    batches.accept([], [user(ANN)], [], state(10), live=True)
    assert mark(batches, 11) == 10
    around.gate.release()
    await until(lambda: ("remember", [ANN], "update") in around.happened)
    assert mark(batches, 11) == 11
    running.cancel()


async def test_a_store_that_cannot_be_read_ends_it_and_the_state_stays(
    around: Around, batches: Batches
) -> None:
    around.error = OSError("disk gone")
    running = asyncio.create_task(batches.run())
    batches.accept([new(ANN, 1)], [user(ANN)], [], state(10), live=True)
    around.gate.release()
    with pytest.raises(OSError, match="disk gone"):
        await running
    assert around.jobs == []
    assert mark(batches, 11) == 10


async def test_what_waits_when_loading_is_cancelled_is_loaded_when_it_begins_again(
    around: Around, batches: Batches
) -> None:
    running = asyncio.create_task(batches.run())
    batches.accept([new(ANN, 1)], [user(ANN)], [], state(10), live=True)
    await until(lambda: around.happened)
    batches.accept([new(BEN, 2)], [user(BEN)], [], state(11), live=True)
    running.cancel()
    await asyncio.wait([running])
    around.happened.clear()
    around.gate.release()
    running = asyncio.create_task(batches.run())
    await until(lambda: len(around.jobs) == 2)
    assert around.happened[0] == ("load", [ANN, BEN])
    running.cancel()


def test_finishing_an_update_twice_is_refused(around: Around, batches: Batches) -> None:
    around.memory = {ANN}
    batches.accept([new(ANN, 1)], [user(ANN)], [], state(10), live=True)
    batches.finish(around.jobs[0].batch)
    with pytest.raises(ValueError, match="finished already"):
        batches.finish(around.jobs[0].batch)
    assert batches.waiting == 0


def test_everybody_named_and_every_dialog_is_loaded(around: Around, batches: Batches) -> None:
    channel = types.Channel(9, "C", types.ChatPhotoEmpty(), THEN)
    post = types.Message(1, types.PeerChannel(9), date=THEN, message="x")
    updates = [types.UpdateNewChannelMessage(post, 5, 1), types.UpdateConfig(), new(ANN, 1)]
    asked: list[set[int]] = []
    around.loaded = lambda ids: bool(asked.append(set(ids)))  # type: ignore[method-assign,func-returns-value] # written down
    batches.accept(updates, [user(BEN)], [channel], state(10), live=True)
    assert asked == [{ANN, BEN, CHANNEL}]


def test_of_a_difference_own_and_finished_messages_are_left_out_and_hold_nothing(
    around: Around, batches: Batches
) -> None:
    around.memory = {ANN}
    around.last = {ANN: 2}
    updates = [new(ANN, 1), new(ANN, 2), new(ANN, 3, out=True), types.UpdateMessageID(3, 4)]
    batches.accept(updates, [], [], state(10), live=False, replayed=True)
    assert around.jobs == []
    assert mark(batches, 11) == 11
    batches.accept([new(ANN, 4)], [], [], state(11), live=False, replayed=True)
    assert [job.replayed for job in around.jobs] == [True]


async def test_a_slow_store_delays_updates_but_never_the_reading_of_the_socket(stage: Stage) -> None:
    gate = asyncio.Event()
    loads: list[set[int]] = []
    order: list[str] = []

    class SlowStore(MemoryStore):
        def loaded(self, ids: AbstractSet[int]) -> bool:
            return set(ids) <= set().union(*loads) and gate.is_set()

        async def load(self, ids: Iterable[int]) -> None:
            loads.append(set(ids))
            await gate.wait()

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            order.append(event.raw_text)
            await event.respond("yes")

    client = await stage.open(answering, store=SlowStore(DurableSession(stage.path)))
    before = stage.world.state(stage.account.id)[0]
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.write(ann, "one")
    await until(lambda: loads)
    texts = ["one", *(f"{who} {number}" for number in range(10) for who in ("ann", "ben"))]
    for text in texts[1:]:
        stage.write(ann if text.startswith("ann") else ben, text)
    # All of them were read and the log was followed, although none could be dispatched.
    await until(lambda: client.intake.log.mark().pts == stage.world.state(stage.account.id)[0])
    async with asyncio.timeout(PATIENCE):
        assert (await client.get_me()).id == stage.account.id
    assert order == []
    await client.checkpoint()
    on_disk = client.session.update_state()
    assert on_disk is not None
    assert on_disk.pts == before
    gate.set()
    await until(lambda: len(order) == len(texts))
    assert [text for text in order if "ben" not in text] == [text for text in texts if "ben" not in text]
    assert [text for text in order if "ben" in text] == [text for text in texts if "ben" in text]
    assert len(loads) < 5  # what queued was loaded together
    assert client.intake.log.mark().pts >= FIRST.pts


async def test_a_stop_waits_for_what_the_store_is_loading(stage: Stage) -> None:
    gate = asyncio.Event()
    loading = asyncio.Event()

    class SlowStore(MemoryStore):
        def loaded(self, ids: AbstractSet[int]) -> bool:
            return False

        async def load(self, ids: Iterable[int]) -> None:
            loading.set()
            await gate.wait()

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond("yes")

    client = await stage.open(answering, store=SlowStore(DurableSession(stage.path)))
    ann = stage.meet()
    stage.write(ann, "hello")
    async with asyncio.timeout(PATIENCE):
        await loading.wait()
    closing = asyncio.create_task(stage.close(client))
    await asyncio.sleep(0)
    gate.set()
    assert await closing
    assert stage.heard(ann) == ["yes"]


async def test_who_waits_for_less_is_woken_although_somebody_else_has_waited_too(
    around: Around, batches: Batches
) -> None:
    around.memory.add(ANN)
    batches.accept([new(ANN, 1)], [user(ANN)], [], state(10), live=True)
    waiting = asyncio.create_task(batches.wait_until(0))
    await asyncio.sleep(0)
    await batches.wait_until(5)
    batches.finish(around.jobs[0].batch)
    async with asyncio.timeout(PATIENCE):
        await waiting
