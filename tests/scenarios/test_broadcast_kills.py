"""A broadcast, an edit and a deletion of it, killed a few times; `make crash ARGS=broadcast` does more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.broadcastrounds import BETTER, NEWS, PLUGIN, SETTINGS, run_broadcast
from tests.scenarios.crash import open_site
from tests.scenarios.receipts import Receipts, Result
from tgbot.sandbox.dialogs import Post


@pytest.mark.timeout(400)  # about fifteen commands are started
async def test_a_broadcast_under_kills_reaches_everybody_once_and_its_report_is_true(tmp_path: Path) -> None:
    settings = SETTINGS | {"pace": 60.0}  # so that it takes seconds
    async with open_site(tmp_path, 20261127, plugin=PLUGIN, **settings) as site:
        result = await run_broadcast(site, 300, kills=2, corrections=1)
    assert result.well, str(result)
    assert set(result.outcomes) == {"sent", "blocked", "deactivated"}
    assert result.kills >= 6
    assert result.kinds["block"]
    assert result.resumed


async def test_the_comparison_sees_what_is_missing_doubled_or_told_wrongly(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        world, bot = site.world, site.world.accounts[site.bot.id]
        tester, ann, bob, gone = (world.new_user(name).id for name in ("Tester", "Ann", "Bob", "Gone"))
        receipts = Receipts(site, NEWS, tester, [ann, bob, gone], deleted={gone})

        def send(person: int, number: int) -> str:
            return str(world.posts.add(bot, person, Post(bot.id, world.date(), NEWS), random_id=number).id)

        def row(person: int, outcome: str, messages: str = "", correction: str = "") -> dict[str, str]:
            return {"id": str(person), "outcome": outcome, "messages": messages, "correction": correction}

        def wrong(*rows: dict[str, str]) -> dict[str, int]:
            result = Result()
            receipts.compare(rows, result)
            return dict(result.wrong)

        send(tester, 1)
        first, second = send(ann, 2), send(bob, 3)
        right = [row(ann, "sent", first), row(bob, "sent", second), row(gone, "deactivated")]
        assert wrong(*right) == {}
        assert wrong(*right[:2]) == {"wrong outcome": 1}
        assert wrong(*right, row(tester, "sent", "1")) == {"wrong outcome": 1}
        assert wrong(right[0], row(bob, "blocked"), right[2]) == {"wrong outcome": 1}
        assert wrong(right[0], row(bob, "sent", first), right[2]) == {"wrong outcome": 1}
        assert wrong(*right[:2], row(gone, "blocked")) == {"wrong outcome": 1}
        receipts.audience.append(eve := world.new_user("Eve").id)
        assert wrong(*right, row(eve, "sent")) == {"without it": 1, "wrong outcome": 1}
        assert wrong(*right, row(eve, "blocked")) == {"without it": 1, "wrong outcome": 1}
        receipts.quarrelled.add(eve)
        assert wrong(*right, row(eve, "blocked")) == {}
        send(bob, 4)
        assert wrong(*right, row(eve, "blocked")) == {"twice": 1}


async def test_the_comparison_sees_a_wrong_correction(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        world, bot = site.world, site.world.accounts[site.bot.id]
        tester, ann = (world.new_user(name).id for name in ("Tester", "Ann"))
        receipts = Receipts(site, NEWS, tester, [ann])
        copies = [
            world.posts.add(bot, person, Post(bot.id, world.date(), NEWS), random_id=number)
            for number, person in enumerate((tester, ann), 1)
        ]
        done, missed = ([{"id": str(ann), "correction": word}] for word in ("done", ""))

        def wrong(compare: str, rows: list[dict[str, str]]) -> int:
            result = Result()
            if compare == "edits":
                receipts.compare_edits(rows, BETTER, result)
            else:
                receipts.compare_deletions(rows, result)
            return result.wrong["wrong correction"]

        assert wrong("edits", done) == wrong("edits", missed) == 1
        copies[1].post.text = BETTER
        assert (wrong("edits", done), wrong("edits", missed)) == (0, 1)
        assert wrong("deletions", done) == wrong("deletions", missed) == 1
        world.posts.delete([copies[1]], revoke=True)
        assert (wrong("deletions", done), wrong("deletions", missed)) == (0, 1)
