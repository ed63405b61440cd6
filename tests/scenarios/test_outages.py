"""Telegram is gone, silent, slow or wrong: `tgbot run` waits, recovers by itself, logs each fault once."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.scenarios.audit import quiet
from tests.scenarios.crash import Site, open_site, until
from tests.scenarios.rounds import VARIANTS, run_rounds


def answers(site: Site, user_id: int) -> list[str]:
    return [copy.post.text for copy in site.dialog(user_id) if copy.out]


async def test_a_random_mix_of_faults_loses_nothing_and_says_nothing_twice(tmp_path: Path) -> None:
    async with open_site(tmp_path, 20261126) as site:
        outcome = await run_rounds(site, VARIANTS["mix"], 15, rate=100.0)
    print(outcome, outcome.kinds)
    assert outcome.audit.clean, str(outcome)
    assert outcome.well, str(outcome)
    assert len(outcome.kinds) > 5


async def test_a_message_of_an_outage_is_answered_after_the_reconnection(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        await (await site.spawn()).up()
        ann = site.world.new_user("Ann")
        site.said(ann.id, "say 1")
        await quiet(site, {})
        site.sandbox.faults.refuse(1.0)
        site.sandbox.drop(site.bot.id)
        await until(lambda: not site.sandbox.connections, "the link is down")
        site.said(ann.id, "say 2")
        await until(lambda: "echo say 2" in answers(site, ann.id), "the answer")
        assert await site.end() == 0
        assert answers(site, ann.id) == ["echo say 1", "echo say 2"]


async def test_unreachable_at_the_start_it_warns_once_and_comes_up_when_telegram_does(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, 2) as site:
        await site.sandbox.stop()
        process = await site.spawn()
        await until(lambda: any("no connection to" in line for line in process.log), "it says so")
        assert process.running
        await asyncio.sleep(1.0)  # enough time for three more attempts
        await site.sandbox.start()
        await process.up()
        assert sum("no connection to" in line for line in process.log) == 1
        ann = site.world.new_user("Ann")
        site.said(ann.id, "say 1")
        await quiet(site, {})
        assert answers(site, ann.id) == ["echo say 1"]
        assert await site.end() == 0


async def test_told_to_stop_while_telegram_is_unreachable_it_ends_with_status_0(tmp_path: Path) -> None:
    async with open_site(tmp_path, 3) as site:
        await site.sandbox.stop()
        process = await site.spawn()
        await until(lambda: any("no connection to" in line for line in process.log), "it says so")
        assert await process.end(signal.SIGTERM) == 0


async def test_after_a_restart_of_the_server_it_goes_on_by_itself(tmp_path: Path) -> None:
    async with open_site(tmp_path, 4) as site:
        await (await site.spawn()).up()
        ann = site.world.new_user("Ann")
        for number in range(3):
            site.said(ann.id, f"slow {number}")
            await site.sandbox.restart()
        await quiet(site, {})
        assert await site.end() == 0
        assert answers(site, ann.id) == ["echo slow 0", "echo slow 1", "echo slow 2"]


@pytest.mark.parametrize("banned", [False, True], ids=["revoked token", "banned bot"])
async def test_a_bot_that_may_not_log_in_any_more_ends_with_one_line_and_status_1(
    tmp_path: Path, banned: bool
) -> None:
    async with open_site(tmp_path, 5) as site:
        process = await site.spawn()
        await process.up()
        if banned:
            site.world.delete_account(site.bot.id, banned=True)
        else:
            site.world.accounts.new_token(site.account)
        site.sandbox.drop(site.bot.id)
        assert await process.ended() == 1
        assert not any("Traceback" in line for line in process.log)
        assert process.log[-1].startswith("tgbot: ")


async def test_a_flood_wait_of_one_user_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    async with open_site(tmp_path, 6) as site:
        await (await site.spawn()).up()
        ann, ben = site.world.new_user("Ann"), site.world.new_user("Ben")
        site.sandbox.faults.fail("messages.sendMessage", 420, "FLOOD_WAIT_3", account=site.bot.id)
        site.said(ann.id, "say 1")
        await until(lambda: site.sandbox.calls["messages.sendMessage"] == 1, "Ann's answer is refused")
        for number in range(5):
            site.said(ben.id, f"say {number}")
        await until(lambda: len(answers(site, ben.id)) == 5, "Ben is answered")
        assert not answers(site, ann.id)
        await quiet(site, {})
        assert answers(site, ann.id) == ["echo say 1"]
        assert await site.end() == 0
        assert not site.faults


async def test_a_difference_that_is_too_long_is_logged_and_told_to_the_admins(tmp_path: Path) -> None:
    async with open_site(tmp_path, 7) as site:
        admin = site.world.new_user("Admin")
        config = tmp_path / "config.toml"
        keys = f'admins = [{admin.id}]\nanswer_missed = "0"'
        config.write_text(config.read_text().replace("[bot]", f"[bot]\n{keys}"))
        await (await site.spawn()).up()
        site.said(admin.id, "/start")
        await quiet(site, {})
        assert await site.end() == 0
        ann = site.world.new_user("Ann")
        site.said(ann.id, "say 1")
        site.sandbox.faults.differences_too_long(True)
        process = await site.spawn()
        await process.up()
        await until(lambda: len(answers(site, admin.id)) == 2, "the admin is told")
        await until(
            lambda: any("; 1 update lost for good (pts " in line for line in process.log), "it is logged"
        )
        site.said(ann.id, "say 2")
        await until(lambda: answers(site, ann.id) == ["echo say 2"], "it goes on from there")


async def test_a_long_wait_before_the_login_is_said_once_kept_over_a_restart_and_ended_by_sigterm(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, 3) as site:
        site.sandbox.faults.fail("auth.importBotAuthorization", 420, "FLOOD_WAIT_1800", times=100)
        for _ in range(2):
            process = await site.spawn()
            log = process.log

            def says_so(log: list[str] = log) -> bool:
                return any("before the login; waiting" in line for line in log)

            await until(says_so, "it says so")
            assert site.sandbox.calls["auth.importBotAuthorization"] == 1
            assert await site.end() == 0
            assert sum("before the login; waiting" in line for line in log) == 1
            assert not any("Traceback" in line for line in log)
