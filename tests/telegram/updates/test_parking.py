"""Updates that cannot be finished now: parked, tried again, and answered once. Over the wire."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from telethon import errors, events
from telethon.tl import types

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tests.telegram.updates.lot import Lot
from tgbot.core.clock import ServerClock
from tgbot.store.base import Parked, Reason
from tgbot.telegram import BotClient
from tgbot.telegram.calls import retries
from tgbot.telegram.updates import parking

SEND = "messages.sendMessage"


class Shifted(ServerClock):
    """Telegram's clock, which the test puts forward."""

    def __init__(self) -> None:
        super().__init__(wall=time.time, monotonic=time.monotonic)
        self.ahead = 0

    def __call__(self) -> int:
        return super().__call__() + self.ahead


@pytest.fixture
def lot() -> Lot:
    return Lot()


@pytest.fixture
def clock() -> Shifted:
    return Shifted()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Telegram's faults be asked about twice only, and what is due be looked for all the time."""
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.01,))
    monkeypatch.setattr(parking, "_LONGEST_PAUSE", 0.02)


async def parked(lot: Lot, reason: Reason, **of: object) -> Parked:
    """Return the one entry of the lot once it is one of this kind."""

    def found() -> list[Parked]:
        some = [entry for entry in lot.kept.values() if entry.reason is reason]
        return [one for one in some if all(getattr(one, name) == value for name, value in of.items())]

    await until(found)
    (entry,) = found()
    return entry


def raising(error: Callable[[], BaseException], *, until: asyncio.Event) -> Callable[[BotClient], None]:
    """Return what registers a handler that answers, and then raises until the event is set."""

    def register(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond(f"first {event.replayed}")
            if not until.is_set():
                raise error()
            await event.respond(f"second {event.replayed}")

    return register


async def test_a_send_that_telegram_puts_off_for_long_is_made_when_it_may_be_once(
    stage: Stage, lot: Lot, clock: Shifted
) -> None:
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_65")
    client = await stage.open(echo, parked=lot, server_time=clock)
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    number = stage.write(ann, "hello")
    entry = await parked(lot, Reason.LATER)
    assert entry.key == f"m{ann}:{number}"
    assert (entry.dialog, entry.user, entry.error, entry.attempts) == (ann, ann, "FLOOD_WAIT_65", 1)
    assert entry.handler == "tests.telegram.conftest.echo.answer"
    assert entry.retry_at is not None
    assert 64 <= entry.retry_at - clock() <= 66
    # The checkpoint and other dialogs go on.
    assert (ann, number) in stage.finished
    assert not client._batches.waiting
    stage.write(bob, "hi")
    await until(lambda: stage.heard(bob) == ["you said hi"])
    assert stage.heard(ann) == []
    client._calls._then._then._then.due.clear()  # type: ignore[attr-defined] # the wait is over, by that clock
    clock.ahead = 66
    await until(lambda: stage.heard(ann) == ["you said hello"])
    await until(lambda: not lot.kept)


async def test_what_telegrams_faults_keep_from_an_answer_is_tried_until_it_is_done(
    stage: Stage, lot: Lot, clock: Shifted
) -> None:
    stage.faults.fail(SEND, 500, "INTERNAL", seconds=float("inf"))
    await stage.open(echo, parked=lot, server_time=clock)
    ann = stage.meet()
    stage.write(ann, "hello")
    for attempt, pause in enumerate((5, 15, 60, 300, 900, 3600, 3600), start=1):
        entry = await parked(lot, Reason.LATER, attempts=attempt)
        assert entry.retry_at is not None
        assert pause - 1 <= entry.retry_at - clock() <= pause + 1
        clock.ahead += pause + 1
    stage.faults.clear()
    clock.ahead += 3602
    await until(lambda: stage.heard(ann) == ["you said hello"])
    await until(lambda: not lot.kept)


async def test_once_one_that_waited_without_a_named_time_is_done_the_others_are_tried_at_once(
    stage: Stage, lot: Lot, clock: Shifted
) -> None:
    client = await stage.open(echo, parked=lot, server_time=clock)
    ann, bob, carl = (stage.meet(name) for name in ("Ann", "Bob", "Carl"))

    def kept(person: int) -> Parked | None:
        return next((entry for entry in lot.kept.values() if entry.dialog == person), None)

    async def tried(person: int, attempts: int) -> None:
        await until(lambda: (entry := kept(person)) is not None and entry.attempts == attempts)

    stage.faults.fail(SEND, 420, "FLOOD_WAIT_7200", peer=carl)
    stage.faults.fail(SEND, 500, "INTERNAL", seconds=float("inf"))
    for person in (ann, carl):
        stage.write(person, "hello")
        await tried(person, 1)
    for attempts in (2, 3, 4, 5):
        clock.ahead += 301
        await tried(ann, attempts)
    stage.write(bob, "hello")
    await tried(bob, 1)
    # Over the wire it is over, but nobody's time has come; Ann's comes in 15 minutes.
    stage.faults.clear()
    clock.ahead += 6
    await until(lambda: all(stage.heard(person) == ["you said hello"] for person in (ann, bob)))
    # Telegram named the time for Carl's.
    await client.parking.wait_until_idle()
    await until(lambda: [(entry.dialog, entry.attempts) for entry in lot.kept.values()] == [(carl, 1)])


async def test_more_may_be_retried_by_hand_than_are_tried_at_once(
    stage: Stage, lot: Lot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parking, "TRIED_AT_ONCE", 1)
    go, tried = asyncio.Event(), 0

    def register(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            nonlocal tried
            if not event.replayed:
                raise LookupError
            tried += 1
            await go.wait()

    client = await stage.open(register, parked=lot)
    for _ in range(4):
        stage.write(stage.meet(), "hello")
    await until(lambda: len(lot.kept) == 4)
    assert len(await client.parking.retry(list(lot.kept))) == 4
    await until(lambda: tried == 4)
    client.parking._wake.set()
    await until(lambda: not client.parking._wake.is_set())  # it was looked what is due
    go.set()
    await until(lambda: not lot.kept)
    assert "cannot be tried again" not in caplog.text


@pytest.mark.parametrize("mended_after", [2, 5])
async def test_an_answer_that_cannot_be_read_puts_its_update_off_a_few_times(
    stage: Stage, lot: Lot, clock: Shifted, mended_after: int
) -> None:
    def types_first(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            async with client.action(event.chat_id, "typing"):
                await event.respond("done")

    stage.faults.garble_answers("messages.setTyping", seconds=float("inf"))
    client = await stage.open(types_first, parked=lot, server_time=clock)
    ann = stage.meet()
    stage.write(ann, "hello")
    for attempt in range(1, mended_after):
        await parked(lot, Reason.LATER, attempts=attempt)
        clock.ahead += 3602
    if mended_after == 2:
        stage.faults.clear()
        clock.ahead += 3602
    else:
        entry = await parked(lot, Reason.FAILED, attempts=mended_after)
        assert entry.retry_at is None
        stage.faults.clear()
        await client.parking.retry([entry.key])
    await until(lambda: not lot.kept)
    assert stage.heard(ann) == ["done"]


async def test_what_a_handler_raised_on_is_tried_again_by_hand_and_says_nothing_twice(
    stage: Stage, lot: Lot, clock: Shifted
) -> None:
    mended = asyncio.Event()
    client = await stage.open(
        raising(lambda: LookupError("the text"), until=mended), parked=lot, server_time=clock
    )
    ann = stage.meet()
    stage.write(ann, "hello")
    entry = await parked(lot, Reason.FAILED)
    assert entry.retry_at is None
    assert entry.error == "LookupError"
    assert entry.handler == f"{__name__}.raising.register.answer"
    assert "LookupError: the text" in entry.trace
    assert "the text" not in repr(entry)
    clock.ahead = 1_000_000
    assert await client.parking.retry([entry.key, "m1:1"]) == [entry.key]
    assert (await parked(lot, Reason.FAILED, attempts=2)).parked_at == entry.parked_at
    mended.set()
    assert await client.parking.retry([entry.key]) == [entry.key]
    await until(lambda: not lot.kept)
    assert stage.heard(ann) == ["first False", "second True"]
    assert await client.parking.retry([entry.key]) == []


@pytest.mark.parametrize("stops", [False, True])
async def test_what_later_handlers_said_keeps_nothing_from_a_handler_that_is_mended(
    stage: Stage, lot: Lot, stops: bool
) -> None:
    mended = asyncio.Event()

    def register(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def mistaken(event: Any) -> None:
            await event.respond("one")
            if not mended.is_set():
                raise LookupError
            await event.respond("two")
            if stops:
                raise events.StopPropagation

        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def later(event: Any) -> None:
            await event.respond("help")

    client = await stage.open(register, parked=lot)
    ann = stage.meet()
    stage.write(ann, "hello")
    entry = await parked(lot, Reason.FAILED)
    await client.parking.retry([entry.key])
    await parked(lot, Reason.FAILED, attempts=2)
    assert stage.heard(ann) == ["one", "help"]
    mended.set()
    await client.parking.retry([entry.key])
    await until(lambda: not lot.kept)
    assert stage.heard(ann) == ["one", "help", "two"]


class Odd(BaseException):
    """What no `except Exception` catches."""


@pytest.mark.parametrize("error", [MemoryError, RecursionError, StopAsyncIteration, Odd])
async def test_whatever_a_handler_raises_costs_its_update_only(
    stage: Stage, lot: Lot, error: type[BaseException]
) -> None:
    mended = asyncio.Event()
    client = await stage.open(raising(error, until=mended), parked=lot, concurrency=1)
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    stage.write(ann, "hello")
    assert (await parked(lot, Reason.FAILED)).error == error.__name__
    mended.set()
    for person in (ann, bob):
        stage.write(person, "hi")
    await until(lambda: len(stage.heard(ann)) == 3 and len(stage.heard(bob)) == 2)
    await until(lambda: client._dispatcher.free == 1)


async def test_an_update_that_is_being_tried_again_is_not_tried_twice(stage: Stage, lot: Lot) -> None:
    go, seen = asyncio.Event(), list[bool]()

    def failing(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            seen.append(event.replayed)
            if not event.replayed:
                raise LookupError
            await go.wait()

    client = await stage.open(failing, parked=lot)
    stage.write(stage.meet(), "hello")
    entry = await parked(lot, Reason.FAILED)
    for _ in range(3):
        assert await client.parking.retry([entry.key]) == [entry.key]
    await until(lambda: len(seen) > 1)
    go.set()
    await until(lambda: not lot.kept)
    assert seen == [False, True]


async def test_what_was_dropped_while_it_was_tried_is_not_parked_again(stage: Stage, lot: Lot) -> None:
    go, trying = asyncio.Event(), asyncio.Event()

    def failing(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            if event.replayed:
                trying.set()
                await go.wait()
            raise LookupError

    client = await stage.open(failing, parked=lot)
    stage.write(stage.meet(), "hello")
    entry = await parked(lot, Reason.FAILED)
    await client.parking.retry([entry.key])
    await trying.wait()
    lot.drop(entry.key)
    go.set()
    await client.parking.wait_until_idle()
    assert not lot.kept


async def test_that_the_user_blocked_the_bot_is_no_failure(stage: Stage, lot: Lot) -> None:
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    stage.faults.fail(SEND, 403, "USER_IS_BLOCKED")
    client = await stage.open(echo, parked=lot)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    stage.write(bob, "hello")
    await until(lambda: stage.heard(bob))
    assert not lot.kept
    assert client.handler_errors == 1


async def test_a_refusal_that_says_nothing_of_the_user_is_a_failure(stage: Stage, lot: Lot) -> None:
    stage.faults.fail(SEND, 400, "MESSAGE_TOO_LONG")
    await stage.open(echo, parked=lot)
    stage.write(stage.meet(), "hello")
    assert (await parked(lot, Reason.FAILED)).error == "MESSAGE_TOO_LONG"


async def test_a_handler_over_its_time_has_failed(
    stage: Stage, lot: Lot, caplog: pytest.LogCaptureFixture
) -> None:
    def hanging(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def hang(event: Any) -> None:
            await asyncio.Event().wait()

    client = await stage.open(hanging, parked=lot, handler_seconds=0.1)
    ann = stage.meet()
    number = stage.write(ann, "a secret")
    entry = await parked(lot, Reason.FAILED)
    assert entry.error == "TimeoutError"
    assert client.figures.read().handler_errors == {__name__: 1}
    assert entry.handler.startswith(f"{__name__}.")
    assert entry.handler.endswith(".hanging.hang")
    (line,) = [record.getMessage() for record in caplog.records if "cut off" in record.message]
    for word in (entry.handler, f"m{ann}:{number}", f"dialog {ann}", "test_parking.py:", "in hang"):
        assert word in line
    assert "a secret" not in caplog.text


async def test_a_handler_that_raises_is_named_with_place_dialog_and_key_and_without_its_words(
    stage: Stage, lot: Lot, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def convert(event: Any) -> None:
            int(event.raw_text)

    await stage.open(failing, parked=lot)
    ann = stage.meet()
    number = stage.write(ann, "a secret")
    await parked(lot, Reason.FAILED)
    (line,) = [record.getMessage() for record in caplog.records if "unhandled exception" in record.message]
    for word in (
        f"unhandled exception in {__name__}.",
        ".failing.convert ",
        f"m{ann}:{number}",
        f"dialog {ann}",
        "ValueError",
        "in convert",
    ):
        assert word in line
    assert "a secret" not in caplog.text


async def test_what_failed_is_not_kept_where_nobody_wants_it_and_what_is_put_off_is(
    stage: Stage, lot: Lot
) -> None:
    client = await stage.open(raising(LookupError, until=asyncio.Event()), parked=lot, keep_failed=False)
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    assert not lot.kept
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_65")
    stage.write(bob, "hello")
    await parked(lot, Reason.LATER)
    assert client.handler_errors == 2


async def test_of_several_handlers_that_fail_what_may_succeed_later_decides(stage: Stage, lot: Lot) -> None:
    called: list[str] = []

    def failing(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def first(event: Any) -> None:
            called.append("first")
            raise LookupError

        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def second(event: Any) -> None:
            called.append("second")
            raise errors.FloodWaitError(None, capture=100)

        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def third(event: Any) -> None:
            called.append("third")
            raise LookupError

    await stage.open(failing, parked=lot)
    stage.write(stage.meet(), "hello")
    assert (await parked(lot, Reason.LATER)).handler.endswith("second")
    assert called == ["first", "second", "third"]


async def test_the_press_of_a_button_that_fails_is_logged_only(
    stage: Stage, lot: Lot, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(client: BotClient) -> None:
        @client.on(events.CallbackQuery)  # type: ignore[untyped-decorator] # Telethon is untyped
        async def pressed(event: Any) -> None:
            raise LookupError

    client = await stage.open(failing, parked=lot)
    ann = stage.meet()
    stage.world.push_update(
        stage.account.id, types.UpdateBotCallbackQuery(1, ann, types.PeerUser(ann), 1, 1, data=b"x")
    )
    await until(lambda: client.handler_errors == 1)
    await until(lambda: not client._batches.waiting)
    assert not lot.kept
    assert "unhandled exception" in caplog.text


async def test_bytes_that_cannot_be_read_again_stay_parked_and_disturb_nobody(
    stage: Stage, lot: Lot, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo, parked=lot)
    ann = stage.meet()
    entry = Parked("m1:1", 1, 1, Reason.LATER, "", "", "", 1, 1, 1, b"\xde\xad\xbe\xefa secret")
    lot.park(entry)
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann))
    assert (await parked(lot, Reason.FAILED)).retry_at is None
    assert "parked update m1:1 cannot be read" in caplog.text
    assert "a secret" not in caplog.text
    assert await client.parking.retry(["m1:1"]) == ["m1:1"]
    assert not client.failed.done()


async def test_a_store_that_fails_for_a_time_ends_no_retries(
    stage: Stage, lot: Lot, clock: Shifted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parking, "_FAULT_PAUSES", (0.01,))
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_65")
    client = await stage.open(echo, parked=lot, server_time=clock)
    ann = stage.meet()
    stage.write(ann, "hello")
    await parked(lot, Reason.LATER)
    due, failed = lot.due, list[float]()

    def failing(now: float) -> list[str]:
        if len(failed) < 5:
            failed.append(now)
            raise OSError("a secret")
        return due(now)

    monkeypatch.setattr(lot, "due", failing)
    client._calls._then._then._then.due.clear()  # type: ignore[attr-defined] # the wait is over
    clock.ahead = 66
    await until(lambda: stage.heard(ann) == ["you said hello"])
    assert caplog.text.count("parked updates cannot be tried again now") == 1
    assert "a secret" not in caplog.text


async def test_a_store_that_fails_when_a_try_ends_leaves_the_update_for_another_try(
    stage: Stage, lot: Lot, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended = asyncio.Event()
    client = await stage.open(raising(LookupError, until=mended), parked=lot)
    ann = stage.meet()
    stage.write(ann, "hello")
    entry = await parked(lot, Reason.FAILED)
    mended.set()
    drop = lot.drop

    def failing(key: str) -> bool:
        monkeypatch.setattr(lot, "drop", drop)
        raise OSError("a secret")

    monkeypatch.setattr(lot, "drop", failing)
    await client.parking.retry([entry.key])
    await client.parking.wait_until_idle()
    assert lot.kept == {entry.key: entry}
    await client.parking.retry([entry.key])
    await until(lambda: not lot.kept)
    assert stage.heard(ann) == ["first False", "second True"]


async def test_a_stop_waits_for_what_is_tried_again_and_starts_nothing_more(stage: Stage, lot: Lot) -> None:
    go, trying = asyncio.Event(), asyncio.Event()

    def failing(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            if not event.replayed:
                raise LookupError
            trying.set()
            await go.wait()

    client = await stage.open(failing, parked=lot)
    stage.write(stage.meet(), "hello")
    entry = await parked(lot, Reason.FAILED)
    await client.parking.retry([entry.key])
    async with asyncio.timeout(PATIENCE):
        await trying.wait()
    closing = asyncio.create_task(stage.close(client))
    await asyncio.sleep(0)
    go.set()
    assert await closing
    assert not lot.kept


async def test_without_a_lot_a_failure_counts_as_finished(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = await stage.open(raising(LookupError, until=asyncio.Event()))
    stage.write(stage.meet(), "hello")
    await until(lambda: stage.finished)
    assert not client._batches.waiting


async def test_what_a_handler_says_is_not_taken_for_what_another_one_said_when_it_failed(
    stage: Stage, lot: Lot
) -> None:
    ann, mended = stage.meet(), False

    def both(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def plugin(event: Any) -> None:
            if not mended:
                raise ValueError
            await event.respond("the answer")

        @client.on(events.NewMessage())  # type: ignore[untyped-decorator]
        async def help_(event: Any) -> None:
            await event.respond("some help")

    client = await stage.open(both, parked=lot)
    stage.write(ann, "hello")
    await parked(lot, Reason.FAILED)
    assert stage.heard(ann) == ["some help"]
    mended = True
    assert await client.parking.retry([f"m{ann}:1"]) == [f"m{ann}:1"]
    await until(lambda: not lot.kept)
    assert stage.heard(ann) == ["some help", "the answer"]
