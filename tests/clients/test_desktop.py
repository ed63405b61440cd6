"""Telegram Desktop on the sandbox: what is said where it cannot be run, and the network that it is in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.desktop.network import alone
from tests.clients.desktop.words import DesktopError, missing
from tests.clients.players import ROOT

#: Connects to a server on loopback, then tries to leave this machine; prints what came of each.
TRY = """\
import socket
from tests.clients.desktop.network import bring_up_loopback

bring_up_loopback()
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
    print("loopback works")
try:
    socket.create_connection(("149.154.167.50", 443), timeout=5)
except OSError as error:
    print(error.strerror)
"""


def test_in_its_network_there_is_this_machine_and_nothing_else() -> None:
    try:
        command = alone([sys.executable, "-c", TRY])
    except DesktopError as error:
        pytest.skip(str(error))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == ["loopback works", "Network is unreachable"], done.stderr


def test_where_there_can_be_no_such_network_the_app_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DesktopError, match="needs unshare"):
        alone(["true"])
    unshare = tmp_path / "unshare"
    unshare.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    unshare.chmod(0o755)
    with pytest.raises(DesktopError, match=r"must not reach Telegram.*not permitted.*root"):
        alone(["true"])


def test_programs_that_are_missing_are_named_with_their_packages() -> None:
    assert missing({"sh": "dash"}) is None
    needed = {"sh": "dash", "no-such-app": "app", "no-such-screen": "screen"}
    assert missing(needed) == ("this needs no-such-app, no-such-screen (Debian: apt-get install app screen)")
