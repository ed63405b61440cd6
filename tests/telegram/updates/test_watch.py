"""A bot to which no update is pushed any more notices it, fetches what it missed, and cures itself."""

from __future__ import annotations

import asyncio

import pytest

from tests.telegram.conftest import Stage, echo, until
from tgbot.sandbox.faults import Nonsense
from tgbot.telegram.updates import watch

STATE = "updates.getState"


@pytest.fixture(autouse=True)
def _a_minute_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.3)
    monkeypatch.setattr(watch, "READING_SECONDS", 0.1)
    monkeypatch.setattr(watch, "STATE_SECONDS", 0.3)


async def test_pushes_that_are_withheld_are_noticed_without_any_traffic_and_fetched(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    stage.faults.withhold(stage.account.id)
    links = client._link_state.links
    for text in ("one", "two"):
        stage.write(ann, text)
        await until(lambda t=text: stage.heard(ann)[-1:] == [f"you said {t}"])  # type: ignore[misc] # of this round
    assert client._link_state.links > links
    assert "updates do not arrive" in caplog.text
    stage.faults.release(stage.account.id)
    stage.write(ann, "three")
    await until(lambda: len(stage.heard(ann)) == 3)
    assert stage.heard(ann) == ["you said one", "you said two", "you said three"]
    assert stage.lost == []


async def test_a_session_that_hears_nothing_gets_a_fresh_link_which_hears(stage: Stage) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    assert stage.faults.deafen(stage.account.id) == 1
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann) == ["you said one"])
    await until(lambda: client._link_state.ready.is_set() and client.intake.settled)
    looks = stage.sandbox.calls[STATE]
    stage.write(ann, "two")
    await until(lambda: stage.heard(ann) == ["you said one", "you said two"])
    assert stage.sandbox.calls[STATE] <= looks + 1  # it was pushed


async def test_a_state_that_equals_ours_is_a_proof(stage: Stage) -> None:
    client = await stage.open(echo)
    links, looks = client._link_state.links, stage.sandbox.calls[STATE]
    await until(lambda: stage.sandbox.calls[STATE] >= looks + 3)
    await until(lambda: client.proof_age() < 0.3)
    assert client._link_state.links == links


@pytest.mark.parametrize("kind", [Nonsense.PTS_NEGATIVE, Nonsense.PTS_BEHIND])
async def test_a_state_below_ours_is_no_proof(stage: Stage, kind: Nonsense) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    stage.faults.fail("updates.getDifference", 500, "INTERNAL", times=1000)
    stage.faults.distort_states(kind)
    client.intake.proved_at -= 0.3
    looks = stage.sandbox.calls[STATE]
    await until(lambda: stage.sandbox.calls[STATE] >= looks + 3)
    assert client.proof_age() > 0.3
    stage.faults.clear()
    await until(lambda: client.proof_age() < 0.3)


async def test_a_difference_that_ends_below_telegrams_state_is_no_proof(stage: Stage) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    stage.faults.empty_differences(True)
    stage.faults.lose(1)
    stage.write(ann, "one")
    looks = stage.sandbox.calls[STATE]
    await until(lambda: stage.sandbox.calls[STATE] >= looks + 3)
    assert client.proof_age() > 0.3
    stage.faults.empty_differences(False)
    await until(lambda: stage.heard(ann) == ["you said one"])
    await until(lambda: client.proof_age() < 0.3)


async def test_updates_that_arrive_are_a_proof_and_nothing_is_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 1000.0)
    client = await stage.open(echo)
    ann = stage.meet()
    looks = stage.sandbox.calls[STATE]
    proved_at = client.intake.proved_at
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    assert client.intake.proved_at > proved_at
    assert stage.sandbox.calls[STATE] == looks


@pytest.mark.parametrize("how", ["silence", "unreadable"])
async def test_a_link_that_takes_pings_but_answers_nothing_else_is_made_anew(stage: Stage, how: str) -> None:
    client = await stage.open(echo)
    links = client._link_state.links
    stage.faults.withhold(stage.account.id)
    if how == "silence":
        stage.faults.silence(STATE, seconds=float("inf"))
    else:
        stage.faults.garble_answers(STATE, seconds=float("inf"))
    await until(lambda: client._link_state.links > links)
    stage.faults.clear()
    ann = stage.meet()
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann) == ["you said one"])


async def test_reading_that_hangs_is_begun_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    real, hanging = client.intake._account.read, True

    async def read() -> None:
        if hanging:
            await asyncio.Event().wait()
        await real()

    monkeypatch.setattr(client.intake._account, "read", read)
    client.intake.begin_difference()
    stage.faults.withhold(stage.account.id)
    stage.write(ann, "one")
    await asyncio.sleep(0)
    hanging = False
    await until(lambda: stage.heard(ann) == ["you said one"])


async def test_a_flood_wait_at_the_look_makes_no_fresh_link(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STATE_SECONDS", 5.0)
    client = await stage.open(echo)
    links = client._link_state.links
    stage.faults.fail(STATE, 420, "FLOOD_WAIT_2")
    await until(lambda: client.proof_age() > 0.5)
    await until(lambda: client.proof_age() < 0.3)
    assert client._link_state.links == links
