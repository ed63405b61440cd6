"""A few rounds of each kind of interruption; `make crash` runs hundreds, with other seeds."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from pathlib import Path

import pytest
from telethon.tl import types

from tests.scenarios.audit import audit_answers, quiet
from tests.scenarios.crash import IMPATIENT_PLUGIN, PATIENCE, Site, open_site, until
from tests.scenarios.faultrounds import run_faults
from tests.scenarios.rounds import VARIANTS, Outcome, run_rounds
from tgbot.core.access import Access
from tgbot.sandbox.rpc import RpcError
from tgbot.store.sqlite.userfile import open_readonly

ROUNDS = 4
SEED = 20261126
GRACE = 5.0


async def outcome_of(name: str, directory: Path, grace: float = GRACE) -> Outcome:
    async with open_site(directory, SEED, people=2, grace_seconds=grace) as site:
        outcome = await run_rounds(site, VARIANTS[name], ROUNDS, rate=100.0)
    print(outcome)
    return outcome


@pytest.mark.parametrize("name", ["kill", "sliced", "unfinished", "box"])
async def test_killed_at_random_instants_it_loses_nothing_and_says_nothing_twice(
    name: str, tmp_path: Path
) -> None:
    outcome = await outcome_of(name, tmp_path)
    assert outcome.audit.clean, str(outcome)
    assert outcome.audit.answers > 100
    assert outcome.statuses == {-signal.SIGKILL: ROUNDS, 0: 1}
    assert not outcome.faults


async def test_told_to_stop_it_ends_with_status_0_once_all_is_done_and_loses_nothing(tmp_path: Path) -> None:
    # A stop that waited for this grace to pass would not end while anybody looks.
    outcome = await outcome_of("term", tmp_path, grace=60 * PATIENCE)
    assert outcome.audit.clean, str(outcome)
    assert outcome.statuses == {0: ROUNDS + 1}
    assert not outcome.faults


async def test_told_to_stop_it_cuts_what_does_not_end_and_does_it_after_the_start(tmp_path: Path) -> None:
    async with open_site(tmp_path, 5, grace_seconds=0.2) as site:
        process = await site.spawn()
        await process.up()
        ann = site.world.new_user("Ann")
        site.said(ann.id, "hold on")
        await until((tmp_path / "holding").exists, "the handler works on it")
        assert await site.end() == 0
        assert any("not everything finished within 0.2 s" in line for line in process.log)
        assert not answers(site, ann.id)
        (tmp_path / "go").touch()
        await (await site.spawn()).up()
        await until(lambda: answers(site, ann.id) == ["echo hold on"], "it is done after the next start")
        assert not site.faults


async def test_cut_connections_lose_nothing_and_no_handler_sees_an_exception(tmp_path: Path) -> None:
    outcome = await outcome_of("drop", tmp_path)
    assert outcome.audit.clean, str(outcome)
    assert outcome.statuses == {0: 1}
    assert not outcome.faults


async def test_grave_faults_lose_nothing_say_nothing_twice_and_log_no_text(tmp_path: Path) -> None:
    async with open_site(tmp_path, SEED, plugin=IMPATIENT_PLUGIN, grace_seconds=GRACE) as site:
        outcome = await run_faults(site, 12, rate=60.0)
    print(outcome, outcome.kinds)
    assert outcome.audit.clean, str(outcome)
    assert not outcome.faults
    assert len(outcome.kinds) > 5


async def test_a_block_an_unblock_and_a_join_request_of_a_downtime_are_known_from_the_difference_alone(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, 1) as site:
        world, accounts = site.world, site.world.accounts
        blocks, returns, asks = (world.new_user(name) for name in ("Blocks", "Returns", "Asks"))
        group = world.new_group("A group", blocks.id)
        rights = types.ChatAdminRights(invite_users=True)
        world.groups.add(group, accounts[site.bot.id], by=blocks.id)
        world.groups.promote(group, accounts[site.bot.id], rights, by=blocks.id)
        invite = world.groups.invite(group, blocks.id, request_needed=True)
        await (await site.spawn()).up()
        for user in (blocks, returns):
            site.said(user.id, "/start")
        await quiet(site, {})
        world.block(returns.id, site.bot.id)
        await until(lambda: access(site, returns.id) is Access.BLOCKED, "the block is on disk")
        await site.end(signal.SIGKILL)

        world.block(blocks.id, site.bot.id)
        world.block(returns.id, site.bot.id, blocked=False)
        with pytest.raises(RpcError, match="INVITE_REQUEST_SENT"):
            world.groups.follow(asks, group, invite)
        site.sandbox.calls.clear()
        site.sandbox.faults.withhold(site.bot.id)  # the bot must not learn it from pushed updates
        await (await site.spawn()).up()
        await until(lambda: access(site, blocks.id) is Access.BLOCKED, "the block is known")
        await until(lambda: access(site, returns.id) is Access.REACHABLE, "the unblock is known")
        await until(lambda: access(site, asks.id) is Access.REACHABLE, "the join request is known")
        calls = site.sandbox.calls
        assert calls["updates.getDifference"]
        assert not calls["messages.setTyping"]
        assert calls["messages.sendMessage"] <= 1  # at most to the user who asks to join
        assert not site.process or not site.process.faults


def access(site: Site, user_id: int) -> Access | None:
    """Return a user's access as the registry on disk has it."""
    if not site.registry.exists():
        return None
    registry = open_readonly(site.registry)
    try:
        user = registry.get(user_id)
        return None if user is None else user.verdict(site.world.date()).access
    finally:
        registry.close()


async def test_an_answer_that_a_handler_has_long_been_working_on_when_killed_is_not_lost(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, 2) as site:
        await (await site.spawn()).up()
        patient, others = (site.world.new_user(name) for name in ("Patient", "Other"))
        site.said(patient.id, "hold on")
        await until((tmp_path / "holding").exists, "the handler works on it")
        # Checkpoints are made meanwhile: later messages of others are on disk as finished.
        for number in range(3):
            site.said(others.id, f"say {number}")
            await until(lambda: not audit_of(site, others.id), "the others are answered")
            finished = len(site.account.box) - 1  # the answer is the last message
            await until(lambda: last_finished(site, others.id) >= finished, "that is on disk")  # noqa: B023 - awaited here
        await site.end(signal.SIGKILL)
        (tmp_path / "go").touch()
        await (await site.spawn()).up()
        await quiet(site, {})
        assert answers(site, patient.id) == ["echo hold on"]
        assert answers(site, others.id) == ["echo say 0", "echo say 1", "echo say 2"]
        assert await site.end() == 0
        assert answers(site, others.id) == ["echo say 0", "echo say 1", "echo say 2"]


def answers(site: Site, user_id: int) -> list[str]:
    return [copy.post.text for copy in site.dialog(user_id) if copy.out]


def audit_of(site: Site, user_id: int) -> int:
    """Return how many messages of a user still wait for their answer."""
    copies = list(site.dialog(user_id))
    return sum(not copy.out for copy in copies) - sum(copy.out for copy in copies)


def last_finished(site: Site, user_id: int) -> int:
    if not site.registry.exists():
        return 0
    registry = open_readonly(site.registry)
    try:
        user = registry.get(user_id)
        return user.last_finished_id if user is not None else 0
    finally:
        registry.close()


async def test_a_handler_that_never_ends_holds_the_checkpoint_up_no_longer_than_its_limit(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, 3, handler_seconds=1.0) as site:
        process = await site.spawn()
        await process.up()
        hangs, other = (site.world.new_user(name) for name in ("Hangs", "Other"))
        site.said(hangs.id, "hang on")
        site.said(other.id, "say hello")
        top = site.account.log.pts
        await until(lambda: pts_on_disk(site) >= top, "the state on disk is past both")
        assert answers(site, other.id) == ["echo say hello"]
        assert any("was cut off" in line for line in process.log)
        # Before that, the state on disk was held back.
        assert await site.end(signal.SIGKILL) == -signal.SIGKILL
        await (await site.spawn()).up()
        site.said(hangs.id, "say again")
        await until(lambda: answers(site, hangs.id) == ["echo say again"], "the dialog goes on")


def pts_on_disk(site: Site) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{site.session}?mode=ro", uri=True)) as session:
        row = session.execute("SELECT pts FROM update_state WHERE id = 0").fetchone()
    return int(row[0]) if row else 0


async def test_the_auditor_sees_what_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    """The auditor sees a lost message, a doubled one, and one out of order."""
    async with open_site(tmp_path, 4) as site:
        ann = site.world.new_user("Ann")

        def answer(text: str) -> None:
            site.world.send_as(site.bot.id, ann.id, text)

        site.said(ann.id, "say 1")
        assert audit_answers(site, {}).lost == 1
        answer("echo say 1")
        assert audit_answers(site, {}).clean
        answer("echo say 1")
        assert audit_answers(site, {}).doubled == 1
        site.said(ann.id, "say 2")
        site.said(ann.id, "say 3")
        answer("echo say 3")
        answer("echo say 2")
        assert audit_answers(site, {}).disordered == 1
        site.said(ann.id, "say 4")
        assert audit_answers(site, {ann.id: len(site.account.box)}).lost == 0
        assert audit_answers(site, {ann.id: len(site.account.box)}).excused == 1
