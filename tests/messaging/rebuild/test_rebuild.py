"""A running bot that reads its registry again: beside its work, through refusals and pauses."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from tests.patience import PATIENCE
from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.telegram.conftest import until
from tgbot.app import Bot, open_bot
from tgbot.core.access import Access, Kind
from tgbot.core.users import Way
from tgbot.messaging.rebuild import rebuild
from tgbot.operate.control import ask
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.faults.calls import Plan
from tgbot.sandbox.server import Sandbox
from tgbot.telegram.updates import requests
from tgbot.telegram.updates.history import GREATEST_ID

GET = "messages.getMessages"
DIFFERENCE = "updates.getDifference"
Ask = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "CALLS_A_SECOND", 1_000.0)
    monkeypatch.setattr(requests, "PAUSES", (0.01,))


@asynccontextmanager
async def running(configure: Configure, **settings: Any) -> AsyncIterator[tuple[Bot, Ask]]:
    """Give a running bot, and what asks it about its rebuild."""
    config = configure(**settings)

    async def asked(
        do: str = "start", heard: Callable[[Any], object] = lambda progress: None, **arguments: object
    ) -> dict[str, Any]:
        command = {"do": do, **arguments}
        work = partial(ask, config.storage.control, "users.rebuild", command, heard=heard)
        found: dict[str, Any] = await asyncio.to_thread(work)
        return found

    async with open_bot(config, serve=True) as bot:
        yield bot, asked


def idle(notes: Any, checkpoint: Callable[[], Awaitable[None]]) -> rebuild.Rebuild:
    """Return a rebuild with these notes that reads nothing."""
    nothing: Any = None
    return rebuild.Rebuild(
        nothing,
        nothing,
        notes,
        checkpoint=checkpoint,
        load=nothing,
        turn=nothing,
        people=lambda: 0,
        has_hash=lambda user_id: True,
        now=lambda: 0.0,
    )


async def holes_read(asked: Ask) -> dict[str, Any]:
    """Return how far it is once nothing is left in holes."""
    async with asyncio.timeout(PATIENCE):
        while (report := await asked("status"))["messages"]["in_holes"]:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.02)
        return report


def people(sandbox: Sandbox, account: Account, number: int, messages: int = 1) -> list[int]:
    """Let new people write to a bot that does not run, each some messages."""
    ids = [sandbox.world.new_user(f"P{each}").id for each in range(number)]
    for text in range(messages):
        for user_id in ids:
            sandbox.world.send_as(user_id, account.id, f"message {text}")
    return ids


def answers(sandbox: Sandbox, account: Account) -> int:
    return sum(copy.out for copy in sandbox.world.accounts[account.id].box)


async def test_the_past_is_learned_and_nobody_is_answered_because_of_it(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    world = sandbox.world
    anna, boris, clara, dora = people(sandbox, account, 4, 3)
    world.accounts[anna].language = "ru"
    world.send_as(anna, account.id, "/start spring")
    world.send_as(account.id, anna, "welcome")
    world.block(boris, account.id)
    world.posts.delete([copy for copy in world.accounts[account.id].box if copy.peer == dora], revoke=True)
    group = world.new_group("Group", clara, account.id, anna)
    world.send_as(clara, group.marked, "in the group")
    said = answers(sandbox, account)
    async with running(configure) as (bot, asked):
        assert (await asked("status"))["state"] == "never"
        report = await asked()
        assert report["state"] == "done"
        user = bot.users.get(anna)
        assert user is not None
        assert (user.first_name, user.language, user.last_payload) == ("P0", "ru", "spring")
        assert {one.kind for one in user.evidence} >= {Kind.START, Kind.SENT}
        assert bot.users.last_finished(anna) == 0
        assert bot.client.session.access_hash(anna) is not None
        blocked = bot.users.get(boris)
        assert blocked is not None
        assert blocked.verdict(bot.clock()).access is Access.BLOCKED
        assert bot.users.get(dora) is None
        talker = bot.users.get(clara)
        assert talker is not None
        assert Way.MESSAGE in talker.known_by
        assert (report["people"], report["new"], report["without_hash"]) == (3, 3, 0)
        messages = report["messages"]
        assert messages["scanned"] == messages["top"] == len(world.accounts[account.id].box)
        assert messages["empty"] == 3
        assert (messages["left"], report["difference"]["left"]) == (0, 0)
        assert answers(sandbox, account) == said
        # Once more: nobody is new.
        assert (await asked())["new"] == 0


async def test_people_who_write_meanwhile_are_answered_as_usual(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    ids = people(sandbox, account, 30, 40)
    async with running(configure) as (_, asked):
        sandbox.faults.delay(0.2, GET)
        reading = asyncio.create_task(asked())
        await until(lambda: sandbox.calls[GET])
        for user_id in ids[:5]:
            sandbox.world.send_as(user_id, account.id, "/start")
        await until(lambda: answers(sandbox, account) == 5)
        assert not reading.done()
        assert (await reading)["new"] >= 25
        assert answers(sandbox, account) == 5


async def test_it_waits_while_it_is_paused_and_a_second_start_is_the_same_rebuild(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    people(sandbox, account, 10, 200)
    async with running(configure) as (_, asked):
        sandbox.faults.delay(0.2, GET)
        first = asyncio.create_task(asked())
        await until(lambda: sandbox.calls[GET])
        heard: list[Any] = []
        second = asyncio.create_task(asked(heard=heard.append))
        await until(lambda: heard)
        assert (await asked("pause"))["state"] == "paused"
        assert (await first)["state"] == (await second)["state"] == "paused"
        await asyncio.sleep(0.3)
        calls = sandbox.calls[GET]
        sandbox.faults.delay(0, GET)
    async with running(configure) as (_, asked):  # a restart does not wake it
        assert (await asked("status"))["state"] == "paused"
        assert sandbox.calls[GET] == calls
        report = await asked()
        assert (report["state"], report["new"], report["messages"]["left"]) == ("done", 10, 0)
        assert report["messages"]["scanned"] == 2_000


async def test_one_that_was_cancelled_goes_on_with_what_is_left_and_what_came_since(
    configure: Configure, sandbox: Sandbox, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "CALLS_A_SECOND", 8.0)
    monkeypatch.setattr(rebuild, "CALLS_AT_ONCE", 1)
    people(sandbox, account, 10, 200)
    async with running(configure) as (_, asked):
        asyncio.get_running_loop().create_task(asked()).add_done_callback(lambda done: done.exception())
        await until(lambda: sandbox.calls[GET] >= 3)
        report = await asked("cancel")
        left = report["messages"]["left"]
        assert report["state"] == "cancelled"
        assert 0 < left < 2_000
        people(sandbox, account, 1)
        read = sandbox.calls[GET]
        report = await asked()
        assert report["state"] == "done"
        assert report["messages"]["left"] == 0
        assert report["messages"]["scanned"] >= 2_001
        assert sandbox.calls[GET] - read <= left // 200 + 2


async def test_a_flood_wait_is_waited_for_and_a_message_that_cannot_be_read_is_counted(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    people(sandbox, account, 3, 100)
    async with running(configure) as (_, asked):
        sandbox.faults.fail(GET, 420, "FLOOD_WAIT_1", times=2)

        def spoiled(answer: Any, layer: int) -> object:
            answer.messages = [
                types.UserEmpty(1) if message.id == 77 else message for message in answer.messages
            ]
            return answer

        sandbox.faults._add(GET, Plan(rewrite=spoiled), None, math.inf, None)
        report = await asked()
        assert (report["state"], report["new"]) == ("done", 3)
        assert report["messages"]["unreadable"] == 1


async def test_a_refusal_ends_it_with_its_name_and_a_new_start_goes_on(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    people(sandbox, account, 3, 100)
    async with running(configure) as (_, asked):
        sandbox.faults.fail(GET, 400, "MSG_ID_INVALID", seconds=math.inf)
        report = await asked()
        assert (report["state"], report["trouble"]) == ("failed", "MSG_ID_INVALID")
        sandbox.faults.lift(GET)
        report = await asked()
        assert (report["state"], report["trouble"], report["new"]) == ("done", None, 3)


async def test_where_the_difference_is_refused_the_messages_are_enough(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    ids = people(sandbox, account, 3, 10)
    sandbox.world.block(ids[0], account.id)
    async with running(configure) as (bot, asked):
        sandbox.faults.fail(DIFFERENCE, 400, "INPUT_FETCH_ERROR", seconds=math.inf)
        report = await asked()
        assert (report["state"], report["new"]) == ("done", 3)
        assert report["difference"]["trouble"] == "INPUT_FETCH_ERROR"
        user = bot.users.get(ids[0])
        assert user is not None
        assert user.last_block is None


async def test_the_difference_is_read_as_far_back_as_the_box_reaches(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    people(sandbox, account, 10, 30)
    sandbox.world.limits.box = 100
    sandbox.faults.slice_differences(30)
    async with running(configure) as (_, asked):
        report = await asked()
        assert report["state"] == "done"
        assert report["difference"] == {"from_pts": 201, "updates": 100, "left": 0, "trouble": None}


async def test_in_the_end_telegram_is_asked_whom_the_bot_may_write_to(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    ids = people(sandbox, account, 4)
    sandbox.faults.fail(DIFFERENCE, 400, "INPUT_FETCH_ERROR", seconds=math.inf)
    sandbox.world.block(ids[0], account.id)
    async with running(configure) as (bot, asked):
        report = await asked(probe=True)
        assert (report["state"], report["probe"]) == ("done", True)
        user = bot.users.get(ids[0])
        assert user is not None
        assert user.verdict(bot.clock()).access is Access.BLOCKED
        assert sandbox.calls["messages.setTyping"] == 4


async def test_who_wrote_too_long_ago_in_a_hole_becomes_known_and_is_not_answered(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    async with running(configure):
        pass
    sandbox.world.limits.box = 2
    sandbox.faults.set_clock(-7_200)
    old = people(sandbox, account, 20, 20)
    sandbox.faults.set_clock(0)
    [young] = people(sandbox, account, 1)
    sandbox.world.send_as(young, account.id, "/start")
    async with running(configure) as (bot, asked):
        await until(lambda: bot.users.count().total == 21)
        await until(lambda: answers(sandbox, account))
        box = sandbox.world.accounts[account.id].box
        assert not [copy for copy in box if copy.out and copy.peer in old]
        for user_id in old:
            user = bot.users.get(user_id)
            assert user is not None
            assert user.first_message_id
        assert bot.client.losses == {"difference_too_long": 1}
        assert (await holes_read(asked))["state"] == "never"


async def test_a_hole_is_learned_after_a_kill_too_and_its_end_need_not_be_known(
    configure: Configure, sandbox: Sandbox, account: Account, tmp_path: Path
) -> None:
    people(sandbox, account, 10, 50)
    async with running(configure) as (bot, _):
        sandbox.faults.fail(GET, 500, "INTERNAL", seconds=math.inf)
        made = idle(bot.users, bot.checkpoint)
        made.learn(100, GREATEST_ID)
        await bot.checkpoint()
    sandbox.faults.lift(GET)
    async with running(configure) as (bot, asked):
        await until(lambda: bot.users.count().total == 10)
        report = await holes_read(asked)
        assert (report["state"], report["new"]) == ("never", 10)
        user = next(bot.users.iterate())
        assert user.first_message_id >= 100


class Notes:
    """A store with one note."""

    text: str | None = None

    def note(self, name: str) -> str | None:
        return self.text

    def keep_note(self, name: str, text: str) -> None:
        self.text = text


def messages_of(notes: Notes, checkpoint: Callable[[], Awaitable[None]]) -> dict[str, int]:
    """Return what a rebuild that begins with these notes says of messages."""
    found = idle(notes, checkpoint).report()["messages"]
    assert isinstance(found, dict)
    return found


async def test_a_place_is_written_once_what_was_found_up_to_it_is_on_disk() -> None:
    seen: list[int] = []

    async def checkpoint() -> None:
        made._save()  # people were found meanwhile, and are counted with the next flush
        seen.append(messages_of(notes, checkpoint)["scanned"])

    notes = Notes()
    made = idle(notes, checkpoint)
    made._progress.place.reach_up(500, 1, 1)
    made._progress.place.window_done(range(301, 501), 200, 0)
    await made._keep(at_once=True)
    assert seen == [0]
    assert messages_of(notes, checkpoint)["left"] == 300


async def test_a_hole_that_comes_during_a_checkpoint_is_not_forgotten() -> None:
    async def checkpoint() -> None:
        made.learn(5, 9)

    notes = Notes()
    made = idle(notes, checkpoint)
    await made._keep(at_once=True)
    assert messages_of(notes, checkpoint)["in_holes"] == 5


async def test_a_second_start_does_not_take_for_safe_what_is_not() -> None:
    async def checkpoint() -> None: ...

    notes = Notes()
    made = idle(notes, checkpoint)
    made.start()
    made._progress.place.reach_up(500, 1, 1)
    await made._keep(at_once=True)
    made._progress.place.window_done(range(301, 501), 200, 0)
    for between in (None, made.pause, made.cancel):
        if between is not None:
            between()
        made.start()
        assert messages_of(notes, checkpoint)["left"] == 500
    await made._keep(at_once=True)
    assert messages_of(notes, checkpoint)["left"] == 300
