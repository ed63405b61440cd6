"""A short run of each target; `make fuzz` runs them for longer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from telethon.tl import types

from tests.fuzz import siege
from tests.fuzz.live import run_live
from tests.fuzz.pure import TARGETS
from tests.fuzz.siege import besiege
from tgbot.sandbox import connection
from tgbot.sandbox.methods import METHODS
from tgbot.sandbox.methods.calls import Method, Open
from tgbot.sandbox.websocket import WebSocket


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


@pytest.mark.parametrize("number", [1, 2])
def test_a_sandbox_under_siege_serves_others_and_breaks_nowhere(number: int) -> None:
    done = besiege(number, openings=20, packets=60, calls=600)
    assert done.findings == {}
    assert done.inputs == 680


def broken(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Replace all methods by one that breaks, but for those of the bystanders."""
    kept = ("SendMessageRequest", "GetStateRequest")
    for kind in METHODS:
        if kind.__name__ not in kept:
            monkeypatch.setitem(METHODS, kind, Method(answer, Open.ANYONE))


def test_a_siege_finds_a_method_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, lambda call, request: 1 // 0)
    found = " ".join(besiege(1, openings=0, packets=0, calls=20).findings)
    assert "ZeroDivisionError at test_fuzz.py" in found
    assert "500 INTERNAL" in found


def test_a_siege_finds_an_answer_that_has_no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, lambda call, request: types.User("no id"))
    assert "cannot be encoded" in " ".join(besiege(1, openings=0, packets=0, calls=20).findings)


def test_a_siege_finds_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siege, "HANG", 0.2)

    def hang(call: Any, request: Any) -> None:
        while True:
            pass

    broken(monkeypatch, hang)
    [found] = besiege(1, openings=0, packets=0, calls=20).findings
    assert found.startswith("hang: ")


def test_a_siege_finds_what_bytes_break(monkeypatch: pytest.MonkeyPatch) -> None:
    class Brittle(WebSocket):
        def feed(self, data: bytes) -> bytes:
            return super().feed(data) + bytes(data[999999])

    monkeypatch.setattr(connection, "WebSocket", Brittle)
    found = " ".join(besiege(1, openings=60, packets=0, calls=0).findings)
    assert "IndexError" in found
