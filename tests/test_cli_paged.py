"""The option `--page`: its value may be left out, and a wrong one is said to be wrong in one line."""

from __future__ import annotations

import socket

import pytest

from tests.commandlines import parses
from tgbot import cli
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.page.place import PORTS, PageError, Place
from tgbot.sandbox.server import Sandbox


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:9000", Place("127.0.0.1", 9000)),
        ("127.0.0.1", Place()),
        ("localhost:9000", Place("127.0.0.1", 9000)),
        ("9000", Place("127.0.0.1", 9000)),
        (":9000", Place("127.0.0.1", 9000)),
        ("[::1]:9000", Place("::1", 9000)),
        ("::1", Place("::1")),
    ],
)
def test_an_address_may_lack_its_host_or_its_port(text: str, place: Place) -> None:
    assert Place.read(text) == place


@pytest.mark.parametrize(
    "line", ["sandbox --page", "sandbox --page --users 1", "run --sandbox --page 127.0.0.1:9"]
)
def test_the_value_may_be_left_out(line: str) -> None:
    assert parses(["tgbot", *line.split()])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sandbox --page 0.0.0.0:8090", "loopback only, not on 0.0.0.0"),
        ("sandbox --page example.org", "loopback only, not on example.org"),
        ("sandbox --page nonsense", "expected HOST:PORT, where each may be left out, such as 127.0.0.1:8090"),
        ("sandbox --page 127.0.0.1:http", "'http' is no port"),
        ("sandbox --page 127.0.0.1:70000", "'70000' is no port"),
        ("sandbox --page=", "--page"),
        ("run --page", "it goes with --sandbox"),
        ("demo --once --page", "it does not go with --once"),
        ("demo --no-page --page 9000", "it does not go with --no-page"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(line.split()) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


async def test_a_port_that_is_taken_is_passed_over_unless_it_was_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        async with Sandbox() as server:
            async with Page(server, ports=(taken, 0)) as page:
                assert f":{taken}/" not in page.address
            with pytest.raises(PageError, match=f"port {taken}: Address already in use"):
                await Page(server, port=taken, ports=PORTS).__aenter__()
            with pytest.raises(PageError, match=f"a port from {taken} to {taken}"):
                await Page(server, ports=(taken, taken)).__aenter__()
