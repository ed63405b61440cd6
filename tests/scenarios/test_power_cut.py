"""A power cut at any instant of a bot's run; see `power`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.power import cut_power, strace_works

pytestmark = pytest.mark.skipif(not strace_works(), reason="needs strace, and the right to trace")


async def test_after_a_power_cut_at_any_instant_the_state_is_never_past_the_users(tmp_path: Path) -> None:
    outcome = await cut_power(tmp_path, 20261126, messages=2000, count=80)
    assert outcome.past == []
    # Without fsyncs of the registry, the check finds faults: it can fail.
    assert outcome.control
    # From the files after the last cut, the bot goes on as after any crash.
    assert outcome.audit.clean, str(outcome.audit)
    assert not outcome.faults
