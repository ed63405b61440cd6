from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.store.memory import MemoryRows
from tests.telegram.conftest import Stage, echo, until
from tests.telegram.updates.test_dispatch import job
from tgbot.store.base import Parked, Reason
from tgbot.store.parked import ParkingLot
from tgbot.telegram import BotClient
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.failures import name_of_handler
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.updates.marks import Marked, Marks, Suspect, mark_of_handler
from tgbot.telegram.updates.packing import pack


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.running"


def opened(path: Path) -> Marks:
    marks = Marks(path)
    marks.open()
    return marks


async def handler() -> None: ...


def die(path: Path, *keys: str, threads: int = 0) -> None:
    """Leave a file as a process does that dies in the code of these updates, the last ones in threads."""
    marks = opened(path)
    for number, key in enumerate(keys):
        one = job(1)
        one.key = key
        handled = Marked(handler(), None, marks)
        handled.begin(one)
        handled.close()
        marks.begin_handler(one, mark_of_handler(name_of_handler(handler)))
        if number >= len(keys) - threads:
            marks.slots[0] = 0
            marks.enter_thread(one.mark)


def suspects(path: Path) -> dict[str, int]:
    return {key: one.deaths for key, one in opened(path).suspects.items()}


def test_a_new_file_suspects_nobody_and_is_the_owners(path: Path) -> None:
    assert suspects(path) == {}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_death_makes_a_suspect_of_what_ran_and_names_its_handler(path: Path) -> None:
    die(path, "m1:1")
    assert opened(path).suspects == {"m1:1": Suspect(1, f"{__name__}.handler", just_died=True)}
    # Another start without a death leaves it at that.
    assert opened(path).suspects == {"m1:1": Suspect(1, f"{__name__}.handler", just_died=False)}


def test_two_deaths_in_a_row_make_a_poison(path: Path) -> None:
    for deaths, poison in ((1, False), (2, True), (3, True)):
        die(path, "m1:1")
        (suspect,) = opened(path).suspects.values()
        assert (suspect.deaths, suspect.is_poison) == (deaths, poison)


def test_what_got_through_is_no_suspect_any_more(path: Path) -> None:
    die(path, "m1:1")
    opened(path).survived("m1:1")
    assert suspects(path) == {}
    die(path, "m1:1")
    assert suspects(path) == {"m1:1": 1}


def test_what_ran_in_several_places_died_once(path: Path) -> None:
    die(path, "m1:1", "m1:1", threads=1)
    assert suspects(path) == {"m1:1": 1}


def test_all_that_ran_in_threads_are_suspects(path: Path) -> None:
    die(path, *(f"m1:{number}" for number in range(5)), threads=4)
    assert suspects(path) == {f"m1:{number}": 1 for number in range(1, 5)}


def test_the_newest_suspects_are_remembered(path: Path) -> None:
    for number in range(20):
        die(path, f"m1:{number}")
    assert suspects(path) == {f"m1:{number}": 1 for number in range(4, 20)}


def test_a_stop_removes_the_file(path: Path) -> None:
    die(path, "m1:1")
    marks = opened(path)
    marks.close()
    assert not path.exists()
    marks.close()


@pytest.mark.parametrize("content", [b"", b"\xff" * 10_000, b"\x01" * 300, bytes(range(256)) * 32])
def test_a_damaged_file_stops_nobody(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    opened(path)
    die(path, "m1:1")
    assert "m1:1" in suspects(path)


def test_a_place_that_cannot_be_written_is_said_and_nothing_is_marked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "bot.running").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "none" / "bot.running", tmp_path / "bot.running"):
        marks = opened(path)
        handled = Marked(handler(), None, marks)
        handled.begin(job(1))
        handled.close()
        marks.close()
    assert caplog.text.count("what ends the process cannot be found out") == 2
    assert (tmp_path / "elsewhere").read_bytes() == b""


# ---- what is marked --------------------------------------------------------------------------------


class Watched:
    """Tells whether an update is marked at this instant."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.marks = opened(path)

    def marked(self) -> bool:
        return self.path.read_bytes()[0] == 1

    async def run(self, work: Callable[[], Any], key: str | None = "m1:1") -> None:
        one = job(1)
        one.key = key
        token = current_job.set(one)
        marked = Marked(work(), None, self.marks)
        marked.begin(one)
        try:
            await marked
        finally:
            marked.end()
            current_job.reset(token)


@pytest.fixture
def watched(path: Path) -> Iterator[Watched]:
    made = Watched(path)
    yield made
    made.marks.close()


async def test_code_is_marked_and_a_wait_is_not(watched: Watched) -> None:
    seen: list[bool] = []

    async def work() -> None:
        seen.append(watched.marked())
        await asyncio.sleep(0)
        seen.append(watched.marked())

    task = asyncio.create_task(watched.run(work))
    await asyncio.sleep(0)
    assert not watched.marked()
    await task
    assert seen == [True, True]
    assert not watched.marked()


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt, asyncio.CancelledError])
async def test_an_error_ends_the_mark(watched: Watched, error: type[BaseException]) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(error):
        await watched.run(work)
    assert not watched.marked()


async def test_the_end_of_the_process_keeps_the_mark_and_the_file(watched: Watched) -> None:
    async def work() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        await watched.run(work)
    await watched.run(handler, "m1:2")
    watched.marks.close()
    assert suspects(watched.path) == {"m1:1": 1}


async def test_a_cancellation_reaches_a_marked_coroutine(watched: Watched) -> None:
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(watched.marked())

    task = asyncio.create_task(watched.run(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]


async def test_what_telegram_does_not_keep_is_not_marked(watched: Watched) -> None:
    async def work() -> None:
        assert not watched.marked()

    await watched.run(work, None)


async def test_a_worker_is_marked_as_each_job_that_it_handles_and_not_in_between(watched: Watched) -> None:
    seen: list[str] = []

    def look() -> None:
        slot = watched.path.read_bytes()[:64].rstrip(b"\0")
        seen.append(slot[1:].decode() if slot and slot[0] else "nobody")

    async def handle(one: Job) -> None:
        look()
        await asyncio.sleep(0)
        look()

    dispatcher = Dispatcher(
        handle, lambda one: look(), workers=1, limit=60, clock=time.monotonic, marks=watched.marks
    )
    dispatcher.start()
    watched.marks.follow(loop := asyncio.get_running_loop())
    for dialog in (1, 2):
        dispatcher.put(job(dialog))
    await until(lambda: len(seen) == 6)
    assert seen == ["m1:0", "m1:0", "nobody", "m2:0", "m2:0", "nobody"]
    await dispatcher.stop()
    loop.set_task_factory(None)


async def test_tasks_and_threads_of_a_handler_are_marked_and_others_are_not(watched: Watched) -> None:
    loop = asyncio.get_running_loop()
    watched.marks.follow(loop)
    seen: dict[str, bool] = {}

    async def look(where: str) -> None:
        seen[where] = watched.marked()

    def look_in_thread() -> bool:
        return any(watched.path.read_bytes()[256 : 16 * 256 : 256])

    async def work() -> None:
        named = asyncio.create_task(look("named"))
        assert named.get_coro().__qualname__ == look.__qualname__  # type: ignore[union-attr] # it is one
        assert "look() running at" in repr(named)
        await named
        await asyncio.gather(look("task"), look("other task"))
        seen["thread"] = await asyncio.to_thread(look_in_thread)
        # One that is cancelled before it begins leaves no coroutine behind.
        task = asyncio.create_task(look("never"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await watched.run(work)
    await asyncio.create_task(look("outside"))
    seen["outside thread"] = await asyncio.to_thread(look_in_thread)
    assert seen == {
        "named": True,
        "task": True,
        "other task": True,
        "thread": True,
        "outside": False,
        "outside thread": False,
    }
    loop.set_task_factory(None)


# ---- in a client -----------------------------------------------------------------------------------


async def test_a_poison_keeps_its_place_in_its_dialog_and_the_admins_are_told(
    stage: Stage, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    await stage.close(client)
    texts = ("one", "poison", "two")
    numbers = [stage.write(ann, text) for text in texts]
    stage.write(bob, "hello")
    for _ in range(2):
        die(path, f"m{ann}:{numbers[1]}")
    lot = ParkingLot(MemoryRows(), client.server_time)
    await stage.open(echo, marks=path, parked=lot)
    await until(lambda: stage.heard(ann) == ["you said one", "you said two"] and stage.heard(bob))
    await until(lambda: [number for dialog, number in stage.finished if dialog == ann] == numbers)
    (entry,) = lot.entries()
    assert (entry.reason, entry.retry_at, entry.handler) == (Reason.POISON, None, f"{__name__}.handler")
    assert stage.lost == ["poison"]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    for word in (entry.key, f"dialog {ann}", "2 times in a row", entry.handler):
        assert word in line


async def test_what_is_put_off_and_ends_the_process_when_tried_again_waits_for_a_hand(
    stage: Stage, path: Path
) -> None:
    client = await stage.open()
    ann, now = stage.meet(), client.server_time()
    await stage.close(client)
    update = types.UpdateNewMessage(types.Message(1, types.PeerUser(ann), None, "hello"), 1, 1)
    lot = ParkingLot(MemoryRows(), client.server_time)
    lot.park(Parked(f"m{ann}:1", ann, ann, Reason.LATER, "", "", "", now, now, 1, pack([update], {})))
    for _ in range(2):
        die(path, f"m{ann}:1")
    await stage.open(echo, marks=path, parked=lot)
    await until(lambda: stage.lost == ["poison"])
    (entry,) = lot.entries()
    assert (entry.reason, entry.retry_at, entry.handler) == (Reason.POISON, None, f"{__name__}.handler")
    assert stage.heard(ann) == []


async def test_a_suspect_that_gets_through_is_answered_and_forgotten(stage: Stage, path: Path) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    await stage.close(client)
    number = stage.write(ann, "hello")
    die(path, f"m{ann}:{number}")
    client = await stage.open(echo, marks=path)
    await until(lambda: stage.heard(ann) == ["you said hello"])
    await until(lambda: client._marks.suspects == {})
    assert suspects(path) == {}


async def test_suspects_run_one_at_a_time(stage: Stage, path: Path) -> None:
    first = await stage.open(echo)
    people = [stage.meet(f"User{number}") for number in range(4)]
    await stage.close(first)
    keys = [f"m{person}:{stage.write(person, 'hello')}" for person in people]
    die(path, *keys[:3], threads=3)
    at_once, most, finished = 0, 0, list[int]()

    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            nonlocal at_once, most
            if event.chat_id != people[3]:
                at_once += 1
                most = max(most, at_once)
                for _ in range(20):
                    await asyncio.sleep(0)
                at_once -= 1
            finished.append(event.chat_id)

    await stage.open(slow, marks=path)
    await until(lambda: len(finished) == 4)
    assert most == 1
    assert finished[0] == people[3] or finished.index(people[3]) < 3
