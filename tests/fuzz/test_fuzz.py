"""A short run of each target; `make fuzz` runs them for longer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.live import run_live
from tests.fuzz.pure import TARGETS


@pytest.mark.parametrize("name", list(TARGETS))
def test_no_bytes_from_the_wire_raise_what_is_not_promised(name: str) -> None:
    drawn, check = TARGETS[name]
    examples = settings(
        max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    test: Any = examples(given(*drawn)(check))
    test()


def test_a_bot_goes_on_whatever_its_server_says() -> None:
    assert run_live(1, 5) == 5
