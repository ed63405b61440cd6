"""A node that leads and does not hear Telegram: when it hands over, and when it does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.core.test_nodes import RIGHT, Node
from tgbot import cutoff
from tgbot.core.errors import StorageUnreachableError
from tgbot.core.nodes import Other
from tgbot.cutoff import (
    LOOK_SECONDS,
    NEVER_HEARD_SECONDS,
    SILENT_SECONDS,
    CutOff,
    ask_for_what_went_elsewhere,
)
from tgbot.store.lease import Holder
from tgbot.telegram.wire.link import LinkState


class Lease:
    epoch = 1
    holding = True

    def holds(self) -> bool:
        return self.holding


class Leader:
    """A node that leads, whose time and link are the test's to set."""

    def __init__(self) -> None:
        self.name, self.heir, self.errors, self.situation = "left", "", 0, "left leads"
        self.holder: Holder | None = None
        self.lease = Lease()
        self.nodes: list[Node] | None = [RIGHT]
        self.now = 1000.0
        self.link = LinkState()
        self.told: list[str] = []
        self._cutoff = CutOff(self.link, self, self.told.append, monotonic=lambda: self.now)

    async def others(self) -> Sequence[Other]:
        if self.nodes is None:
            raise StorageUnreachableError("postgresql://db/bot", "no answer in time")
        return self.nodes

    async def look(self, after: float = 0.0) -> bool:
        """Look so many seconds later, and all the time until then."""
        until = self.now + after
        while self.now + LOOK_SECONDS < until:
            self.now += LOOK_SECONDS
            if await self._cutoff.look():
                return True
        return await self.look_after_a_pause(until - self.now)

    async def look_after_a_pause(self, seconds: float) -> bool:
        self.now += seconds
        return await self._cutoff.look()


@pytest.fixture
async def leader() -> Leader:
    return Leader()


@pytest.fixture
async def heard(leader: Leader) -> Leader:
    """A node that has heard Telegram, which is silent from now on."""
    leader.link.ready.set()
    leader.link.up.start()
    await leader.look()
    leader.link.unanswered = 0.1
    return leader


async def test_a_leader_that_telegram_does_not_answer_hands_over(heard: Leader) -> None:
    assert heard.link.ping_seconds == 1.0
    assert not await heard.look(SILENT_SECONDS - 0.1)
    assert not heard.link.given_up
    assert await heard.look(0.2)
    assert (heard.told, heard.heir, heard.link.given_up) == (["right"], "right", True)


async def test_the_time_counts_from_the_ping_that_has_no_answer(heard: Leader) -> None:
    heard.link.unanswered = SILENT_SECONDS
    assert await heard.look(0.1)


async def test_a_leader_that_stood_still_reads_first_what_telegram_has_answered(heard: Leader) -> None:
    heard.link.unanswered = 60.0
    assert not await heard.look_after_a_pause(60)
    heard.link.unanswered = 0.0
    assert not await heard.look(60)


async def test_so_does_one_without_a_link_and_not_one_that_hears_telegram_again(heard: Leader) -> None:
    heard.link.unanswered = 0.0
    assert not await heard.look(60)
    heard.link.ready.clear()
    assert not await heard.look(SILENT_SECONDS - 0.1)
    heard.link.ready.set()
    assert not await heard.look(1)
    heard.link.up.stop()  # the socket is closed, and no other one is made
    assert not await heard.look(SILENT_SECONDS - 0.1)
    assert await heard.look(0.2)


async def test_a_node_that_never_heard_telegram_waits_before_it_hands_back(leader: Leader) -> None:
    assert not await leader.look(NEVER_HEARD_SECONDS - 0.1)
    assert await leader.look(0.1)


@pytest.mark.parametrize("nodes", [[], [Node("right", "starts")], None])
async def test_without_a_node_that_stands_by_it_goes_on(heard: Leader, nodes: list[Node] | None) -> None:
    heard.nodes = nodes
    assert not await heard.look(3600)
    heard.nodes = [RIGHT]
    heard.lease.holding = False
    assert not await heard.look(1)
    heard.lease.holding = True
    assert await heard.look(1)


async def test_a_new_leader_asks_for_what_telegram_pushes_to_the_dead_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    class Updates:
        def begin_difference(self) -> None:
            nonlocal asked
            asked += 1

    monkeypatch.setattr(cutoff, "ASK_SECONDS", 0.01)
    monkeypatch.setattr(cutoff, "DEAD_LINK_SECONDS", 0.05)
    await ask_for_what_went_elsewhere(Updates())
    assert asked == 5
