"""Strands: tasks that work for one update after another, under the rules for handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from telethon import events

from tests.telegram.conftest import Stage, until
from tests.telegram.updates.lot import Lot
from tgbot.store.base import Reason
from tgbot.telegram import BotClient
from tgbot.telegram.strand import Strand, StrandClosedError, Strands
from tgbot.telegram.updates import dispatch
from tgbot.telegram.updates.job import current_job
from tgbot.telegram.updates.marks import Marks

Work = Callable[[Strand], Coroutine[Any, Any, None]]


def plugin_function() -> None:
    """Stand for the function of a plugin that strands work for."""


NAME = "tests.telegram.test_strand.plugin_function"


class Carrier:
    """A handler that carries one strand on with each message."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.strand: Strand
        self.ended = 0
        #: What `carry` returned.
        self.results: list[bool] = []

    def register(self, client: BotClient) -> None:
        self.strand = client.inside.strands.begin(self.work, plugin_function, self._ended)

        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            self.results.append(await self.strand.carry(event.raw_text))

    def _ended(self) -> None:
        self.ended += 1


def key_now() -> str | None:
    job = current_job.get()
    return None if job is None else job.key


async def test_it_works_for_the_update_that_carries_it(stage: Stage) -> None:
    seen: list[tuple[object, str | None]] = []

    async def work(strand: Strand) -> None:
        seen.append(("begins", key_now()))
        seen.extend([(await strand.rest(), key_now()) for _ in range(3)])

    carrier = Carrier(work)
    await stage.open(carrier.register)
    ann = stage.meet()
    numbers = [stage.write(ann, text) for text in ("one", "two", "three")]
    await until(lambda: len(carrier.results) == 3)
    assert await carrier.strand.carry("by nobody") is False
    keys = [f"m{ann}:{number}" for number in numbers]
    assert seen == [("begins", keys[0]), ("two", keys[1]), ("three", keys[2]), ("by nobody", None)]
    assert carrier.results == [True, True, True]
    await until(lambda: carrier.ended == 1)
    with pytest.raises(StrandClosedError):
        await carrier.strand.carry()


async def test_its_error_parks_the_update_under_the_name_of_the_plugins_function(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(strand: Strand) -> None:
        raise ZeroDivisionError

    lot = Lot()
    await stage.open(Carrier(work).register, parked=lot)
    stage.write(stage.meet(), "one")
    await until(lambda: lot.kept)
    (entry,) = lot.kept.values()
    assert (entry.reason, entry.handler, entry.error) == (Reason.FAILED, NAME, "ZeroDivisionError")
    assert f"unhandled exception in {NAME}" in caplog.text


async def test_the_time_limit_holds_for_it(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    cut: list[bool] = []

    async def work(strand: Strand) -> None:
        await strand.rest()
        try:
            await asyncio.Event().wait()
        finally:
            cut.append(True)

    lot, carrier = Lot(), Carrier(work)
    await stage.open(carrier.register, parked=lot, handler_seconds=0.1)
    ann = stage.meet()
    for text in ("one", "two"):
        stage.write(ann, text)
    await until(lambda: lot.kept)
    (entry,) = lot.kept.values()
    assert (entry.handler, entry.error, cut) == (NAME, "TimeoutError", [True])
    assert "test_strand.py" in caplog.text  # where it stood


async def test_it_lends_its_worker_while_it_waits_for_telegram(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LEND_AFTER", 0.05)
    ann, ben = stage.meet(), stage.meet("Ben")
    order: list[object] = []

    async def work(strand: Strand) -> None:
        given = await strand.rest()
        await client.send_message(ann, f"heard {given}")
        order.append("Ann")

    carrier = Carrier(work)

    def register(client: BotClient) -> None:
        @client.on(events.NewMessage(from_users=[ben]))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def other(event: Any) -> None:
            order.append("Ben")
            stage.faults.clear()
            raise events.StopPropagation

        carrier.register(client)

    client = await stage.open(register, concurrency=1)
    stage.write(ann, "one")
    await until(lambda: carrier.results == [True])
    stage.faults.delay(3.0, "messages.sendMessage", account=stage.account.id)
    stage.write(ann, "two")
    stage.write(ben, "me too")
    await until(lambda: order)
    assert order == ["Ben"]
    await until(lambda: order == ["Ben", "Ann"])


async def test_its_sends_are_named_as_it_says_and_not_after_the_updates(stage: Stage) -> None:
    def works(client: BotClient) -> Work:
        async def work(strand: Strand) -> None:
            for number in range(2):
                strand.name_sends(f"step {number}")
                await client.send_message(ann, f"first of {number}")
                with strand.sends_named("aside"):
                    await client.send_message(ann, "aside")
                await client.send_message(ann, f"second of {number}")
                await strand.rest()

        return work

    ann = stage.meet()
    for texts in (("a", "b"), ("c", "d")):
        client = await stage.open(lambda client: Carrier(works(client)).register(client))
        for text in texts:
            stage.write(ann, text)
        await stage.close(client)  # once all is handled
    # The same names again: Telegram sent nothing.
    said = ["first of 0", "aside", "second of 0", "first of 1", "second of 1"]
    assert stage.heard(ann) == said


async def test_its_code_is_marked_as_the_updates_and_not_while_it_rests(stage: Stage, tmp_path: Path) -> None:
    marks: list[bytes] = []

    async def work(strand: Strand) -> None:
        while True:
            marks.append(bytes(client._marks.slots[:256]))
            await strand.rest()

    carrier = Carrier(work)
    client = await stage.open(carrier.register, marks=tmp_path / "marks")
    ann = stage.meet()
    numbers = [stage.write(ann, text) for text in ("one", "two")]
    await until(lambda: len(carrier.results) == 2)
    await carrier.strand.carry()
    for mark, number in zip(marks, numbers, strict=False):
        assert mark[0] == 1
        assert mark[1:64].rstrip(b"\0").decode() == f"m{ann}:{number}"
        assert mark[64:].rstrip(b"\0").decode() == NAME
    assert marks[2][0] == 0
    assert client._marks.slots[0] == 0


async def test_those_that_rest_for_longest_are_closed_beyond_the_limit() -> None:
    ended: list[str] = []

    def work(name: str) -> Work:
        async def rests(strand: Strand) -> None:
            try:
                while True:
                    await strand.rest()
            except asyncio.CancelledError:
                ended.append(name)
                raise

        return rests

    strands = Strands(Marks(None), limit=2)
    made = {name: strands.begin(work(name), plugin_function, lambda: None) for name in "abc"}
    for name in ("a", "b", "a", "c"):
        assert await made[name].carry()
    await until(lambda: ended == ["b"])
    assert [one.resting for one in made.values()] == [True, False, True]
    with pytest.raises(StrandClosedError):
        await made["b"].carry()
    await strands.close()
    assert sorted(ended) == ["a", "b", "c"]


async def test_a_stop_ends_all_of_them_and_tells_of_errors(caplog: pytest.LogCaptureFixture) -> None:
    async def raises(strand: Strand) -> None:
        try:
            await strand.rest()
        finally:
            raise ZeroDivisionError

    async def rests_again(strand: Strand) -> None:
        try:
            await strand.rest()
        finally:
            await strand.rest()

    strands = Strands(Marks(None))
    for work in (raises, rests_again):
        assert await strands.begin(work, plugin_function, lambda: None).carry()
    strands.begin(rests_again, plugin_function, lambda: None).close()  # it has not begun
    with caplog.at_level(logging.ERROR):
        await strands.close()
    await until(lambda: f"{NAME} failed when it was ended: ZeroDivisionError" in caplog.text)
    assert len(caplog.records) == 1


async def test_only_its_own_task_may_rest() -> None:
    refused: list[str] = []

    async def work(strand: Strand) -> None:
        try:
            await asyncio.gather(strand.rest())
        except RuntimeError as error:
            refused.append(str(error))

    strands = Strands(Marks(None))
    assert await strands.begin(work, plugin_function, lambda: None).carry() is False
    assert "not by another task" in refused[0]


async def test_who_carries_one_that_is_closed_is_told() -> None:
    async def work(strand: Strand) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    strands = Strands(Marks(None))
    carried = asyncio.create_task(strands.begin(work, plugin_function, lambda: None).carry())
    await asyncio.sleep(0)
    await strands.close()
    with pytest.raises(StrandClosedError):
        await carried
