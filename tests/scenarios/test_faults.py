"""Each fault between the bot and Telegram, under load: each message is answered exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from telethon.errors import FloodWaitError

from tests.scenarios.crash import until
from tests.scenarios.load import Load
from tests.scenarios.scene import DIFFERENCE, SEND, Scene, open_scene
from tgbot.app import Bot
from tgbot.core.access import Access

#: Messages per second, before a fault and after it.
RATE = 250.0
BEFORE, AFTER = 30, 50


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def withstand(scene: Scene, fault: Callable[[Bot], Awaitable[object]], *, ordered: bool = True) -> None:
    """Inject a fault while many people write: all are answered once, in order if `ordered`, and recorded."""
    load = Load(scene, RATE)
    async with scene.serving() as bot:
        with load.going_on():
            await load.more(BEFORE)
            await fault(bot)
            await load.more(AFTER)
        audit = await scene.settled(bot, load, ordered=ordered)
        assert audit.answers >= BEFORE + AFTER - audit.excused
        await scene.knows_the_truth(bot)
    on_disk = scene.audit_disk()
    assert on_disk.clean, str(on_disk)


def differences(scene: Scene) -> int:
    return scene.sandbox.calls[DIFFERENCE]


async def back(scene: Scene) -> None:
    await until(lambda: scene.sandbox.connections == 1, "the bot is connected")


# ---- connections -----------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["all", "the bot's"])
async def test_connections_that_are_cut(scene: Scene, whose: str) -> None:
    async def cut(bot: Bot) -> None:
        for _ in range(3):
            asked = differences(scene)
            assert scene.faults_of.drop(None if whose == "all" else scene.bot.id) == 1
            await until(lambda: differences(scene) > asked, "the difference is asked for")  # noqa: B023 - awaited here

    await withstand(scene, cut)


async def test_new_connections_that_are_refused_for_a_while(scene: Scene) -> None:
    async def refuse(bot: Bot) -> None:
        scene.faults_of.refuse(0.7)
        scene.faults_of.drop()
        await until(lambda: not scene.sandbox.connections, "the bot is cut off")
        await back(scene)

    await withstand(scene, refuse)


async def test_a_restart_of_the_server(scene: Scene) -> None:
    async def restart(bot: Bot) -> None:
        await scene.faults_of.restart()
        await back(scene)
        await scene.faults_of.restart(0.4)
        await back(scene)

    await withstand(scene, restart)


async def test_who_writes_while_the_bot_has_no_link_is_answered_when_it_is_back(scene: Scene) -> None:
    ann = scene.meet()
    async with scene.serving() as bot:
        scene.said(ann, "say 1")
        await scene.settled(bot)
        scene.faults_of.refuse(60)
        scene.faults_of.drop()
        scene.said(ann, "say 2")
        await until(lambda: bot.client._sender.attempts.failures > 2, "the bot has tried a few times")
        assert scene.answers(ann) == ["echo say 1"]
        scene.faults_of.accept()
        await back(scene)
        await until(lambda: scene.answers(ann) == ["echo say 1", "echo say 2"], "it is answered")
        await scene.settled(bot)


# ---- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, SEND])
async def test_answers_that_come_late(scene: Scene, method: str | None) -> None:
    async def delay(bot: Bot) -> None:
        scene.faults_of.delay(0.2, method)

    await withstand(scene, delay)


@pytest.mark.parametrize("after", [False, True], ids=["not carried out", "carried out"])
async def test_sends_that_fail_with_an_error_of_telegrams_own(scene: Scene, after: bool) -> None:
    async def fail(bot: Bot) -> None:
        scene.faults_of.fail(SEND, 500, "INTERNAL", times=3, after=after)

    await withstand(scene, fail)
    # Each call was sent again; for the calls it had carried out, Telegram returned the messages.
    assert scene.sandbox.calls[SEND] >= 3


async def test_answers_to_sends_that_never_come(scene: Scene) -> None:
    async def lose(bot: Bot) -> None:
        for _ in range(3):
            asked = differences(scene)
            scene.faults_of.lose_answer(SEND, account=scene.bot.id)
            await until(lambda: differences(scene) > asked, "the difference is asked for")  # noqa: B023 - awaited here

    await withstand(scene, lose)


async def test_a_send_whose_answer_was_lost_returns_the_message_that_had_arrived(scene: Scene) -> None:
    ann = scene.meet()
    async with scene.serving() as bot:
        scene.faults_of.lose_answer(SEND)
        scene.said(ann, "say 1")
        await scene.settled(bot)
        assert scene.sandbox.calls[SEND] == 2
        assert scene.returned == [copy.id for copy in scene.dialog(ann) if copy.out]


async def test_a_short_flood_wait_is_waited_for_in_its_own_chat_only(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = scene.meet("Ann"), scene.meet("Bob")
    scene.configure(handler_seconds=1.0)  # the wait is longer, and does not count against the handler
    async with scene.serving() as bot:
        scene.faults_of.fail(SEND, 420, "FLOOD_WAIT_3", account=scene.bot.id)
        scene.said(ann, "say 1")
        scene.said(ann, "say 2")
        await until(lambda: scene.sandbox.calls[SEND] == 1, "the first send is refused")
        for number in range(20):
            scene.said(bob, f"say {number}")
        await until(lambda: len(scene.answers(bob)) == 20, "the others are answered")
        others = len(scene.account.box)
        await scene.settled(bot)
        assert scene.sandbox.calls[SEND] == 23
        assert all(copy.id > others for copy in scene.dialog(ann) if copy.out)
        assert "was cut off" not in caplog.text


async def test_a_long_flood_wait_is_raised_in_the_handler_and_its_chat_gets_no_more_requests(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = scene.meet("Ann"), scene.meet("Bob")
    async with scene.serving() as bot:
        for user_id in (ann, bob):
            scene.said(user_id, "say hello")  # a new user would get the help text as well
        await scene.settled(bot)
        scene.sandbox.calls.clear()
        scene.faults_of.fail(SEND, 420, "FLOOD_WAIT_300", account=scene.bot.id)
        scene.said(ann, "say 1")
        await until(lambda: len(scene.seen) == 1, "the handler is told")
        scene.said(ann, "say 2")
        await until(lambda: len(scene.seen) == 2, "the handler is told without asking")
        scene.said(bob, "say 3")
        await until(lambda: scene.answers(bob)[-1] == "echo say 3", "others are answered")
        assert scene.sandbox.calls[SEND] == 2
        assert [type(error) for error in scene.seen] == [FloodWaitError, FloodWaitError]
        assert [290 < error.seconds <= 300 for error in scene.seen] == [True, True]  # type: ignore[attr-defined] # checked above
        # The update counts as handled, loudly: a poison message must not stop the bot.
        await until(lambda: not bot.client._batches.waiting, "nothing waits")
        assert bot.client.handler_errors == 2
        assert caplog.text.count("unhandled exception in") == 2


# ---- updates ---------------------------------------------------------------------------------------


async def test_updates_that_are_withheld_and_released(scene: Scene) -> None:
    async def withhold(bot: Bot) -> None:
        scene.faults_of.withhold(scene.bot.id)
        load = len(scene.account.log.above(0, 0))
        await until(lambda: len(scene.account.log.above(0, 0)) > load + 20, "more is written")
        scene.faults_of.release(scene.bot.id)

    await withstand(scene, withhold)


async def test_updates_that_are_withheld_come_with_the_difference_and_once_only(scene: Scene) -> None:
    ann = scene.meet()
    async with scene.serving() as bot:
        scene.faults_of.withhold(scene.bot.id)
        for number in range(5):
            scene.said(ann, f"say {number}")
        scene.faults_of.drop()
        await scene.settled(bot)
        scene.faults_of.release(scene.bot.id)
        scene.said(ann, "say at last")
        await scene.settled(bot)
        assert len(scene.answers(ann)) == 6


async def test_updates_out_of_order(scene: Scene) -> None:
    async def reorder(bot: Bot) -> None:
        scene.faults_of.reorder(6, scene.bot.id)
        scene.faults_of.reorder(15, scene.bot.id)

    await withstand(scene, reorder)


async def test_updates_that_come_twice(scene: Scene) -> None:
    async def repeat(bot: Bot) -> None:
        scene.faults_of.repeat(40, scene.bot.id)

    await withstand(scene, repeat)


async def test_updates_that_never_come_are_asked_for(scene: Scene) -> None:
    asked = 0

    async def lose(bot: Bot) -> None:
        nonlocal asked
        asked = differences(scene)
        scene.faults_of.lose(5, scene.bot.id)

    await withstand(scene, lose)
    assert differences(scene) > asked


# ---- differences -----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_differences_in_slices(scene: Scene, limit: int) -> None:
    async def slice_(bot: Bot) -> None:
        scene.faults_of.slice_differences(limit)
        scene.faults_of.withhold(scene.bot.id)
        written = scene.account.log.pts
        await until(lambda: scene.account.log.pts > written + 15, "more is written")
        asked = differences(scene)
        scene.faults_of.drop()
        await until(lambda: differences(scene) > asked + 2, "slices are asked for")
        scene.faults_of.release(scene.bot.id)

    await withstand(scene, slice_)


@pytest.mark.parametrize(
    ("code", "name"), [(500, "INTERNAL"), (400, "PERSISTENT_TIMESTAMP_INVALID"), (420, "FLOOD_WAIT_1")]
)
async def test_differences_that_fail_a_few_times(scene: Scene, code: int, name: str) -> None:
    async def fail(bot: Bot) -> None:
        asked = differences(scene)
        scene.faults_of.fail(DIFFERENCE, code, name, times=2, account=scene.bot.id)
        scene.faults_of.drop()
        await until(lambda: differences(scene) > asked + 2, "it is asked for until it comes")

    await withstand(scene, fail, ordered=False)


async def test_admins_are_told_of_a_difference_that_telegram_keeps_refusing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tgbot.telegram.updates.requests.PAUSES", (0.05,))
    monkeypatch.setattr("tgbot.telegram.updates.differences.REFUSAL_SECONDS", 0.0)
    ann, admin = scene.meet(), scene.meet("Admin")
    scene.configure(admins=[admin])
    async with scene.serving() as bot:
        scene.said(admin, "/start")
        await scene.settled(bot)
        scene.faults_of.fail(DIFFERENCE, 400, "PERSISTENT_TIMESTAMP_INVALID", times=10, account=scene.bot.id)
        scene.faults_of.drop()
        await until(lambda: len(scene.answers(admin)) == 2, "the admin is told")
        assert "may stay unanswered" in scene.answers(admin)[-1]
        scene.said(ann, "say hello")
        await until(lambda: scene.answers(ann) == ["echo say hello"], "the bot goes on")
        assert "refuses the difference" in caplog.text
        assert bot.client.losses == {"difference_refused": 1}
        assert not scene.seen


async def test_a_difference_that_is_too_long_is_logged_counted_and_told_to_the_admins(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    ann, admin = scene.meet(), scene.meet("Admin")
    scene.configure(admins=[admin], answer_missed="0")
    async with scene.serving() as bot:
        for user_id in (admin, ann):
            scene.said(user_id, "/start")
        await scene.settled(bot)
        scene.faults_of.differences_too_long(True)
        scene.faults_of.refuse(60)
        scene.faults_of.drop()
        scene.said(ann, "say this is lost")
        scene.faults_of.accept()
        await until(lambda: len(scene.answers(admin)) == 2, "the admin is told")
        assert "Some messages, blocks and unblocks from that time are lost" in scene.answers(admin)[-1]
        assert [record.levelname for record in caplog.records if "lost for good" in record.message] == [
            "ERROR"
        ]
        assert bot.client.losses == {"difference_too_long": 1}
        scene.faults_of.differences_too_long(False)
        scene.said(ann, "say this is not")
        await until(lambda: scene.answers(ann)[1:] == ["echo say this is not"], "the bot goes on")
        assert not scene.seen


# ---- the login ends, and the bot cannot start --------------------------------------------------------


def told(log: list[str]) -> list[str]:
    """Return what a process printed besides its log."""
    return [line for line in log if line.startswith("tgbot: ")]


async def test_a_revoked_token_ends_the_bot_with_one_clear_line_and_status_1(scene: Scene) -> None:
    process = await scene.spawn()
    await process.up()
    ann = scene.meet()
    scene.said(ann, "say 1")
    await until(lambda: scene.answers(ann) == ["echo say 1"], "it works")
    scene.world.revoke_token(scene.bot.id)
    scene.faults_of.drop()
    assert await process.ended() == 1
    (line,) = told(process.log)
    assert "ACCESS_TOKEN" in line
    assert "@BotFather" in line
    assert not process.faults
    assert not any(scene.bot.token in line for line in process.log)


async def test_a_banned_bot_ends_in_the_middle_of_its_work_with_one_clear_line_and_status_1(
    scene: Scene,
) -> None:
    process = await scene.spawn()
    await process.up()
    ann = scene.meet()
    scene.said(ann, "hold on")
    await until((scene.directory / "holding").exists, "a handler is at work")
    scene.world.delete_account(scene.bot.id, banned=True)
    (scene.directory / "go").touch()
    assert await process.ended() == 1
    (line,) = told(process.log)
    assert "refuses the login" in line
    assert not process.faults


async def test_a_telegram_that_cannot_be_reached_at_the_start_is_one_warning_and_waited_for(
    scene: Scene,
) -> None:
    attempts = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.transport.abort()

    await scene.sandbox.stop()
    nobody = await asyncio.start_server(hang_up, scene.sandbox.host, scene.sandbox.port)
    process = await scene.spawn()
    await until(lambda: attempts > 2, "the bot tries again and again")
    assert process.running
    nobody.close()
    await nobody.wait_closed()
    await scene.sandbox.start()
    await process.up()
    ann = scene.meet()
    scene.said(ann, "say 1")
    await until(lambda: scene.answers(ann) == ["echo say 1"], "it works")
    assert await scene.end() == 0
    outage = [line for line in process.log if "WARNING" in line]
    assert len(outage) == 2, process.log
    assert "no connection to" in outage[0]
    assert "again" in outage[1]
    assert not scene.faults


async def test_many_failed_attempts_to_connect_are_one_warning(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.transport.abort()

    async with scene.serving() as bot:
        await scene.sandbox.stop()
        nobody = await asyncio.start_server(hang_up, scene.sandbox.host, scene.sandbox.port)
        await until(lambda: attempts == 3, "the bot tries again and again")
        nobody.close()
        await nobody.wait_closed()
        await scene.sandbox.start()
        scene.said(scene.meet(), "say 1")
        await scene.settled(bot)
    assert caplog.text.count("no connection to") == 1
    assert caplog.text.count("again") == 1


async def test_a_stop_while_the_link_is_down_ends_with_status_0(scene: Scene) -> None:
    process = await scene.spawn()
    await process.up()
    await scene.sandbox.stop()
    await until(lambda: any("no connection to" in line for line in process.log), "it says so")
    assert await scene.end() == 0
    assert not scene.faults


async def test_a_stop_while_telegram_cannot_be_reached_at_the_start_ends_with_status_0(scene: Scene) -> None:
    await scene.sandbox.stop()
    process = await scene.spawn()
    await until(lambda: any("no connection to" in line for line in process.log), "it says so")
    assert await scene.end() == 0
    assert not scene.faults


# ---- the fixture notices faults ----------------------------------------------------------------------


async def test_the_scene_sees_an_answer_that_is_missing_and_an_access_that_is_wrong(scene: Scene) -> None:
    ann = scene.meet()
    async with scene.serving() as bot:
        scene.said(ann, "say 1")
        await scene.settled(bot)
        scene.world.send_as(scene.bot.id, ann, "echo say 1")
        with pytest.raises(AssertionError, match="1 doubled"):
            await scene.settled(bot, patience=0.2)
        scene.faults_of.withhold()
        scene.world.block(ann, scene.bot.id)
        with pytest.raises(AssertionError, match="reachable, not blocked"):
            await scene.knows_the_truth(bot, patience=0.2)
        user = bot.users.get(ann)
        assert user is not None
        assert user.verdict(bot.client.server_time()).access is Access.REACHABLE


@pytest.fixture(autouse=True)
def _no_errors_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tgbot")
