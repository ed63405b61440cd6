from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon import errors, events
from telethon.tl import functions, types

from tests.telegram.conftest import PATIENCE, Stage, echo, settled, until
from tests.telegram.updates.updatelog import FIRST, THEN, Log, number_of
from tgbot.sandbox.faults import Damage
from tgbot.telegram import BotClient
from tgbot.telegram.updates import differences, intake, numbers, requests
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.job import Job
from tgbot.telegram.updates.log import Log as UpdateLog
from tgbot.telegram.updates.marks import Marks
from tgbot.telegram.updates.numbers import Numbers
from tgbot.telegram.updates.requests import LoginOverError, Requests


class Everything:
    """A store with everything in memory unless `loads`, peers that nobody keeps, a calendar nobody reads."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}
        self.losses: list[str] = []
        #: Lets one load end; None where nothing has to be loaded.
        self.loads: asyncio.Semaphore | None = None

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return self.loads is None

    async def load(self, ids: Iterable[int]) -> None:
        if self.loads is not None:
            await self.loads.acquire()

    def remember(self, users: Sequence[Any], chats: Sequence[Any], source: str) -> None: ...

    def wrote(self, user_id: int) -> None: ...

    def last_finished(self, chat_id: int) -> int:
        return self.last.get(chat_id, 0)

    def note(self, date: datetime | None) -> None: ...

    def __call__(self) -> float:
        return THEN.timestamp()

    def lost(self, what: str, count: int = 0) -> None:
        self.losses.append(what)


class Taker:
    """An Intake on a model of Telegram's log, without a wire; jobs wait until `open` is set."""

    def __init__(self, log: Log, *, replaying: bool = False) -> None:
        self.log = log
        self.open = asyncio.Event()
        self.open.set()
        self.answering = asyncio.Event()
        self.answering.set()
        self.asked: list[Any] = []
        self.failures: list[Exception] = []
        self.taken: list[Job] = []
        around: Any = Everything()
        self.around: Everything = around
        self.lost = around.losses
        self.last = around.last
        self.dispatcher = Dispatcher(
            self._handle, self._finish, workers=4, limit=60, clock=time.monotonic, marks=Marks(None)
        )
        self.renewed: list[str] = []
        self.batches = Batches(self.dispatcher.put, around, around, around)
        self.intake = Intake(
            self.batches,
            requests=Requests(self._ask, time.monotonic),
            server_time=around,
            listener=around,
            access_hash=lambda channel: 1,
            renew=self.renewed.append,
        )
        self.intake.load(FIRST, replayed=replaying)

    @property
    def numbers(self) -> list[int]:
        return [number_of(job.update) for job in self.taken]

    async def _handle(self, job: Job) -> None:
        await self.open.wait()
        self.taken.append(job)

    def _finish(self, job: Job) -> None:
        self.batches.finish(job.batch)

    async def _ask(self, request: Any) -> Any:
        if isinstance(request, functions.updates.GetStateRequest):
            return types.updates.State(self.log.pts, self.log.qts, THEN, 1, 0)
        self.asked.append(request)
        if self.failures:
            raise self.failures.pop(0)
        answer = self.log.difference(request)
        await self.answering.wait()
        return answer

    async def quiet(self) -> None:
        """Return when all differences are fetched and all jobs done."""
        await until(lambda: settled(self.intake) and not self.batches.waiting)

    async def settled(self) -> None:
        await until(lambda: settled(self.intake))


@asynccontextmanager
async def taking(log: Log, *, replaying: bool = False) -> AsyncIterator[Taker]:
    taker = Taker(log, replaying=replaying)
    taker.dispatcher.start()
    taker.intake.start()
    task = asyncio.create_task(taker.intake.run())
    try:
        async with asyncio.timeout(PATIENCE):
            yield taker
            assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await taker.dispatcher.stop()


async def test_live_updates_are_put_to_the_dispatcher_at_once() -> None:
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        taker.intake.put_nowait(log.push(log.add("message")))
        assert taker.batches.waiting == 1
        await taker.quiet()
        assert taker.numbers == [1]
        assert not taker.taken[0].replayed


async def test_the_mark_stays_before_what_is_unfinished_and_moves_when_it_is_done() -> None:
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        taker.open.clear()
        for kind in ("message", "stop", "message"):
            taker.intake.put_nowait(log.push(log.add(kind)))
        before = taker.intake.mark()
        assert before is not None
        assert (before.pts, before.qts) == (FIRST.pts, FIRST.qts)
        taker.open.set()
        await taker.quiet()
        after = taker.intake.mark()
        assert after is not None
        assert (after.pts, after.qts) == (log.pts, log.qts)


async def test_the_state_before_a_difference_holds_until_all_of_it_is_finished() -> None:
    log = Log(slice_at=2)
    for _ in range(6):
        log.add("message")
    async with taking(log) as taker:
        taker.open.clear()
        await taker.settled()
        assert taker.intake.mark().pts == FIRST.pts  # type: ignore[union-attr]
        taker.open.set()
        await taker.quiet()
        assert taker.intake.mark().pts == log.pts  # type: ignore[union-attr]


async def test_the_mark_of_a_channel_holds_while_one_of_its_updates_is_unfinished() -> None:
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        taker.intake.log.channels[7] = Numbers("channel 7", 100, 0.0, channel=7)
        taker.open.clear()
        message = types.Message(id=1, peer_id=types.PeerChannel(7), date=THEN, message="x")
        update = types.UpdateNewChannelMessage(message, 101, 1)
        taker.intake.put_nowait(types.Updates([update], [], [], THEN, 0))
        assert taker.batches.waiting == 1
        assert taker.intake.mark().channels == {7: 100}  # type: ignore[union-attr]
        taker.open.set()
        await taker.quiet()
        assert taker.intake.mark().channels == {7: 101}  # type: ignore[union-attr]


async def test_a_difference_that_fails_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.001,))
    log = Log()
    log.add("message")
    async with taking(log) as taker:
        taker.failures = [
            errors.ServerError(None, "INTERNAL", 500),
            ConnectionResetError(),
            errors.FloodWaitError(None, 1),
            TimeoutError(),
            ValueError("Request was unsuccessful 6 time(s)"),
        ]
        await taker.quiet()
        assert len(taker.asked) == 6
        assert taker.numbers == [1]


async def test_a_login_that_ended_is_raised_for_the_client_to_log_in_again() -> None:
    log = Log()
    taker = Taker(log)
    taker.failures = [errors.AuthKeyUnregisteredError(None)]
    taker.intake.start()
    with pytest.raises(LoginOverError):
        await taker.intake.run()


async def test_nothing_overtakes_a_hole_while_there_is_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "LATE_SECONDS", 0.01)
    monkeypatch.setattr(numbers, "FILL_SECONDS", 0.01)
    monkeypatch.setattr(intake, "DOWN_SECONDS", 0.001)
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        taker.answering.clear()
        log.add("message")
        looks = 0

        def down() -> bool:
            nonlocal looks
            looks += 1
            return False

        monkeypatch.setattr(taker.intake, "_is_up", down)
        taker.intake.put_nowait(log.push(log.add("message")))
        began = time.monotonic()
        await until(lambda: looks > 20 and time.monotonic() - began > 0.1)
        assert taker.numbers == []
        taker.answering.set()
        monkeypatch.setattr(taker.intake, "_is_up", lambda: True)
        taker.intake.link_made()
        await until(lambda: len(taker.numbers) == 2)
        assert taker.numbers == sorted(taker.numbers)


async def test_what_is_pushed_during_a_difference_is_taken_after_it_without_another_one() -> None:
    log = Log()
    log.add("message")
    async with taking(log) as taker:
        taker.answering.clear()
        await until(lambda: taker.asked)
        pushed = [log.add("message") for _ in range(3)]
        for entry in (*pushed, pushed[0]):
            taker.intake.put_nowait(log.push(entry))
        assert taker.batches.waiting == 0
        taker.answering.set()
        await taker.quiet()
        assert sorted(taker.numbers) == [1, 2, 3, 4]
        assert len(taker.asked) == 1


async def test_a_gap_that_nothing_fills_is_asked_for_after_a_moment() -> None:
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        log.add("message")
        taker.intake.put_nowait(log.push(log.add("message")))
        await until(lambda: len(taker.taken) == 2)
        assert sorted(taker.numbers) == [1, 2]


async def test_own_messages_of_a_difference_reach_no_handler() -> None:
    log = Log()
    log.sent()
    log.add("message")
    async with taking(log) as taker:
        await taker.quiet()
        assert taker.numbers == [2]


async def test_a_message_at_or_below_the_last_finished_of_its_dialog_is_not_taken_again() -> None:
    log = Log()
    for _ in range(6):
        log.add("message")
    log.add("edit")
    taker = Taker(log)
    taker.last.update({1: 3, 2: 4})  # dialog 1 has 3 and 6, dialog 2 has 1 and 4
    taker.dispatcher.start()
    taker.intake.start()
    task = asyncio.create_task(taker.intake.run())
    await taker.quiet()
    assert sorted(taker.numbers) == [2, 5, 6, 7]
    task.cancel()
    await taker.dispatcher.stop()


@pytest.mark.parametrize("replaying", [True, False])
async def test_what_the_first_difference_brings_may_have_been_handled_by_an_earlier_run_if_there_was_one(
    replaying: bool,
) -> None:
    log = Log(slice_at=1)
    log.add("message")
    log.add("message")
    async with taking(log, replaying=replaying) as taker:
        await taker.quiet()
        log.add("message")
        taker.intake.begin_difference()
        await taker.quiet()
        taker.intake.put_nowait(log.push(log.add("message")))
        await taker.quiet()
        assert [job.replayed for job in taker.taken] == [replaying, replaying, False, False]


async def test_a_difference_that_is_too_long_is_counted_as_a_loss_and_the_rest_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        skipped = [log.add("message") for _ in range(3)]
        answers = [types.updates.DifferenceTooLong(skipped[-1].pts)]
        real = log.difference

        def difference(request: Any) -> Any:
            if answers:
                log.add("message")
                return answers.pop()
            return real(request)

        log.difference = difference  # type: ignore[method-assign] # the model, told to answer otherwise once
        taker.intake.begin_difference()
        await taker.quiet()
        assert taker.numbers == [4]
        assert taker.lost == ["difference_too_long"]
        assert "; 3 updates lost for good" in caplog.text


async def test_a_server_that_finds_its_own_state_too_long_is_not_asked_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log()
    log.difference = lambda request: types.updates.DifferenceTooLong(FIRST.pts)  # type: ignore[method-assign] # as above
    async with taking(log) as taker:
        await taker.settled()
        assert len(taker.asked) == 1
        assert taker.lost == ["difference_too_long"]
        assert "; some are lost for good" in caplog.text


async def test_more_than_can_wait_is_left_at_telegram_and_fetched_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(intake, "WAITING_LIMIT", 20)
    log = Log(slice_at=7)
    async with taking(log) as taker:
        await taker.settled()
        taker.open.clear()
        for _ in range(500):
            taker.intake.put_nowait(log.push(log.add("message")))
        assert taker.batches.waiting == 20
        await asyncio.sleep(0)
        taker.open.set()
        most = 0

        def done() -> bool:
            nonlocal most
            most = max(most, taker.batches.waiting)
            return len(taker.taken) >= 500

        await until(done)
        assert sorted(taker.numbers) == list(range(1, 501))
        assert most <= 20 + 7
        await taker.quiet()
        assert taker.intake.mark().pts == log.pts  # type: ignore[union-attr]
    assert caplog.text.count("updates wait; leaving new ones at Telegram") >= 1


async def test_updates_that_turn_out_to_be_finished_once_they_are_loaded_make_room_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "WAITING_LIMIT", 4)
    log = Log(slice_at=10)
    for _ in range(20):
        log.add("message")
    taker = Taker(log)
    taker.last.update(dict.fromkeys((1, 2, 3), 20))
    taker.around.loads = asyncio.Semaphore(0)
    taker.dispatcher.start()
    taker.intake.start()
    tasks = [asyncio.create_task(run()) for run in (taker.intake.run, taker.batches.run)]
    await until(lambda: taker.batches.waiting == 10)
    assert len(taker.asked) == 1  # the second slice waits for room
    taker.around.loads.release()
    await until(lambda: len(taker.asked) == 2)
    taker.around.loads.release()
    await until(lambda: taker.intake.mark().pts == log.pts)  # type: ignore[union-attr]
    assert taker.numbers == []
    for task in tasks:
        task.cancel()
    await taker.dispatcher.stop()


async def test_what_is_pushed_during_a_difference_does_not_pile_up_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "HELD_LIMIT", 10)
    log = Log()
    async with taking(log) as taker:
        taker.answering.clear()
        log.add("message")
        await until(lambda: taker.asked)
        for _ in range(105):
            taker.intake.put_nowait(log.push(log.add("message")))
            assert len(taker.intake._held) <= 10
        taker.answering.set()
        await until(lambda: len(taker.taken) >= 106)
        await taker.quiet()
        assert sorted(taker.numbers) == list(range(1, 107))


async def test_nothing_is_taken_before_the_start_and_after_the_stop() -> None:
    log = Log()
    taker = Taker(log)
    taker.intake.put_nowait(log.push(log.add("message")))
    assert taker.batches.waiting == 0
    assert taker.intake.mark().pts == FIRST.pts  # type: ignore[union-attr]
    taker.intake.start()
    taker.intake.stop()
    taker.intake.put_nowait(log.push(log.add("message")))
    assert taker.intake.mark().pts == FIRST.pts  # type: ignore[union-attr]


async def test_a_stop_ends_the_reading_of_a_difference_and_leaves_the_state_where_it_is() -> None:
    log = Log(slice_at=1)
    for _ in range(5):
        log.add("message")
    async with taking(log) as taker:
        taker.answering.clear()
        await until(lambda: taker.asked)
        taker.intake.stop()
        taker.answering.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert taker.numbers == []
        assert len(taker.asked) == 1
        assert taker.intake.mark().pts == FIRST.pts  # type: ignore[union-attr]


async def test_an_update_that_cannot_be_taken_is_logged_and_asked_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        monkeypatch.setattr(UpdateLog, "take_one", None)
        taker.intake.put_nowait(log.push(log.add("message")))
        monkeypatch.undo()
        await taker.quiet()
        assert taker.numbers == [1]
        assert "requesting the difference" in caplog.text


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["message", "own", "edit", "deletion", "stop"]),
        st.sampled_from(["push", "push", "lose", "repeat", "late", "reconnect", "turn"]),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(steps=STEPS, slice_at=st.integers(1, 4), limit=st.sampled_from([3, 10_000]), wait=st.booleans())
def test_whatever_happens_every_update_is_handled_exactly_once_and_each_dialog_in_order(
    steps: list[tuple[str, str]], slice_at: int, limit: int, wait: bool
) -> None:
    async def run() -> None:
        log = Log(slice_at=slice_at)
        late: list[Callable[[], Any]] = []
        async with taking(log) as taker:
            if wait:
                await taker.settled()
            for kind, fate in steps:
                if kind == "own":
                    _, answer = log.sent()
                    if fate != "lose":
                        taker.intake.put_nowait(answer)
                    continue
                entry = log.add(kind)
                if fate in ("push", "repeat"):
                    for _ in range(1 + (fate == "repeat")):
                        taker.intake.put_nowait(log.push(entry))
                elif fate == "late":
                    late.append(lambda entry=entry: log.push(entry))  # type: ignore[misc] # bound early on purpose
                elif fate == "reconnect":
                    taker.intake.begin_difference()
                elif fate == "turn":
                    await asyncio.sleep(0)
            for container in reversed(late):
                taker.intake.put_nowait(container())
            taker.intake.begin_difference()
            told = [entry.number for entry in log.entries if entry.kind != "own"]
            await until(lambda: len(taker.taken) >= len(told))
            await taker.quiet()
            assert sorted(taker.numbers) == told
            mark = taker.intake.mark()
            assert mark is not None
            assert (mark.pts, mark.qts) == (log.pts, log.qts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "WAITING_LIMIT", limit)
        asyncio.run(run())


# ---- on the wire --------------------------------------------------------------------------------


async def test_after_a_reconnection_what_was_sent_meanwhile_is_answered(stage: Stage) -> None:
    await stage.open(echo)
    ann = stage.meet()
    stage.write(ann, "before")
    await until(lambda: stage.heard(ann) == ["you said before"])
    stage.faults.refuse(60)
    stage.faults.drop()
    stage.write(ann, "while down")
    await until(lambda: not stage.sandbox.connections)
    stage.faults.accept()
    await until(lambda: stage.heard(ann)[1:] == ["you said while down"])


async def test_a_difference_that_fails_several_times_after_a_reconnection_is_asked_for_again(
    stage: Stage,
) -> None:
    await stage.open(echo)
    ann = stage.meet()
    stage.faults.fail("updates.getDifference", 500, "INTERNAL", times=3)
    stage.faults.lose(1)
    stage.write(ann, "hello")
    stage.faults.drop()
    await until(lambda: stage.heard(ann) == ["you said hello"])


async def test_the_difference_brings_what_happened_in_a_downtime(stage: Stage) -> None:
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    told: list[str] = []

    def listen(client: BotClient) -> None:
        @client.on(events.Raw())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def note(update: Any) -> None:
            told.append(type(update).__name__)

    client = await stage.open(listen)
    stage.write(ann, "one")
    stage.write(bob, "two")
    await until(lambda: len(told) == 2)
    await stage.close(client)
    told.clear()
    stage.world.block(ann, stage.account.id)
    copy = stage.world.accounts[bob].box.get(1)
    assert copy is not None
    copy.post.text = "two, edited"
    stage.world.posts.edited(copy)
    stage.write(bob, "three")
    stage.world.posts.delete([copy], revoke=True)
    stage.world.block(ann, stage.account.id, blocked=False)
    await stage.open(listen)
    await until(lambda: len(told) >= 4)
    assert sorted(told) == [
        "UpdateBotStopped",
        "UpdateBotStopped",
        "UpdateDeleteMessages",
        "UpdateNewMessage",
    ]


async def test_a_difference_that_is_too_long_is_reported_as_a_loss_with_its_numbers(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    before = client.intake.log.mark().pts
    stage.faults.differences_too_long(True)
    stage.faults.lose(3)
    for _ in range(3):
        stage.write(ann, "lost")
    client.intake.begin_difference()
    await until(lambda: stage.lost_updates == [("difference_too_long", 3)])
    assert f"3 updates lost for good (pts {before + 1} to {before + 3})" in caplog.text
    stage.faults.differences_too_long(False)
    stage.write(ann, "after")
    await until(lambda: stage.heard(ann) == ["you said after"])


async def test_faults_of_delivery_are_all_made_good(stage: Stage) -> None:
    await stage.open(echo)
    ann = stage.meet()
    stage.faults.slice_differences(3)
    stage.faults.repeat(3)
    stage.faults.reorder(4)
    stage.faults.lose(3)
    texts = [f"message {number}" for number in range(20)]
    for text in texts:
        stage.write(ann, text)
        await asyncio.sleep(0)
    await until(lambda: len(stage.heard(ann)) >= 20)
    assert stage.heard(ann) == [f"you said {text}" for text in texts]


async def test_a_difference_that_telegram_keeps_refusing_is_given_up_and_reported_as_a_loss(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.001,))
    monkeypatch.setattr(differences, "REFUSAL_SECONDS", 0.0)
    client = await stage.open(echo)
    ann = stage.meet()
    before, pts = stage.sandbox.calls["updates.getDifference"], client.intake.log.mark().pts
    stage.faults.fail("updates.getDifference", 400, "PERSISTENT_TIMESTAMP_INVALID", times=100)
    stage.faults.lose(3)
    for _ in range(3):
        stage.write(ann, "lost")
    client.intake.begin_difference()
    await until(lambda: stage.lost_updates == [("difference_refused", 3)])
    assert f"3 updates lost for good (pts {pts + 1} to {pts + 3})" in caplog.text
    assert 1 < stage.sandbox.calls["updates.getDifference"] - before < 10
    assert client.losses == {"difference_refused": 1}
    assert "Telegram refuses the difference" in caplog.text
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])


async def test_a_channel_with_the_id_0_does_not_stop_the_other_updates() -> None:
    log = Log()
    first = log.add("message")
    async with taking(log) as taker:
        nowhere = types.Message(id=1, peer_id=types.PeerChannel(0), date=THEN, message="")
        for update in (types.UpdateNewChannelMessage(nowhere, 5, 1), types.UpdateChannelTooLong(0)):
            taker.intake.put_nowait(types.Updates([update], [], [], THEN, 0))
        taker.intake.put_nowait(log.push(first))
        await taker.quiet()
        assert number_of(taker.taken[-1].update) == 1
        assert functions.updates.GetChannelDifferenceRequest not in map(type, taker.asked)
        assert 0 not in taker.intake.log.channels


async def test_messages_that_the_bot_sends_with_a_container_for_an_answer_reach_no_handler(
    stage: Stage,
) -> None:
    seen: list[str] = []
    ann = stage.meet()

    def listen(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def note(event: Any) -> None:
            seen.append(event.raw_text)
            if event.raw_text == "forward":
                await event.forward_to(ann)

    client = await stage.open(listen)
    number = stage.write(ann, "forward")
    await until(lambda: stage.heard(ann) == ["forward"])
    stage.write(ann, "after")
    await until(lambda: "after" in seen)
    assert seen == ["forward", "after"]
    assert stage.finished[0] == (ann, number)
    assert isinstance(await client(functions.updates.GetStateRequest()), types.updates.State)


async def test_pushes_of_a_wrong_type_are_fetched_by_the_difference_at_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.open(echo)
    people = [stage.meet() for _ in range(3)]
    stage.faults.garble(20, stage.account.id, damage=Damage.WRONG)
    asked = stage.sandbox.calls["updates.getDifference"]
    for person in people:
        stage.write(person, "a message text")
        await until(lambda p=person: stage.heard(p))  # type: ignore[misc] # of this round
    assert stage.sandbox.calls["updates.getDifference"] > asked
    assert "what is no update" not in caplog.text
    assert "message text" not in caplog.text
    assert stage.lost == []
