"""A file that another process reads has the same entries, whatever becomes of that process."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tgbot.store.peers import Peer
from tgbot.store.transfer.aside import ReadAside
from tgbot.store.transfer.entries import Entry
from tgbot.store.transfer.forms import UserFile
from tgbot.store.transfer.newcomers import pack_as_new
from tgbot.store.transfer.sessions import make_session

BOT, NOW = 42, 1_700_000_000
#: More than are sent at once.
USERS = 1_300


def json_file(path: Path) -> Path:
    lines = [
        json.dumps(
            {
                "id": user,
                "bot_id": BOT,
                "first_name": "Ann",
                "known_by": {"message": 5},
                "evidence": {"start": [[5]]},
                "access_hash": str(user * 7),
            }
        )
        for user in range(1, USERS)
    ]
    lines[3] = '{"id": "x"}'
    lines[700] = "no JSON"
    lines[900] = '{"id": 5000, "first_name": "\\ud800", "preferences": {"news": "no"}}'
    path.write_text("\n".join(lines) + "\n")
    return path


def csv_file(path: Path) -> Path:
    rows = [f"{user},Ann,{'1' if user % 2 else 'perhaps'}" for user in range(1, USERS)]
    rows[5] = "-7,A group,1"
    path.write_text("id,first_name,premium\n" + "\n".join(rows) + "\n")
    return path


def session_file(path: Path) -> Path:
    session = path.with_suffix(".session")
    make_session(session, BOT, ((user, Peer(user, ("ann",), None, "Ann", 5)) for user in range(1, USERS)))
    return session


@pytest.fixture(params=[json_file, csv_file, session_file])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Path = request.param(tmp_path / "users")
    return made


def opened(path: Path) -> UserFile:
    return UserFile(path, BOT, NOW)


def shown(entries: Iterator[Entry]) -> list[tuple[object, ...]]:
    """Return all that an import takes from these entries."""
    found: list[tuple[object, ...]] = []
    for entry in entries:
        pack_as_new([entry], NOW)
        found.append((entry.id, entry.packed, entry.peer, entry.partial, entry.user))
    return found


def read_here(path: Path) -> tuple[list[tuple[object, ...]], list[tuple[int, str]], UserFile]:
    file, refused = opened(path), list[tuple[int, str]]()
    return shown(file.entries(lambda *what: refused.append(what))), refused, file


def test_another_process_reads_the_same(path: Path) -> None:
    expected, refused, here = read_here(path)
    file, told = opened(path), list[tuple[int, str]]()
    with closing(ReadAside(file, NOW, same_bot=False, id_name="")) as aside:
        found = shown(aside.entries(lambda *what: told.append(what)))
        assert aside.done == here.done
    assert len(found) > USERS - 10
    assert (found, told, file.unclear) == (expected, refused, here.unclear)


@pytest.mark.parametrize("after", [0, 1, 600])
def test_what_a_process_that_was_killed_did_not_read_is_read_here(path: Path, after: int) -> None:
    expected, refused, here = read_here(path)
    file, told = opened(path), list[tuple[int, str]]()
    with closing(ReadAside(file, NOW, same_bot=False, id_name="")) as aside:
        entries = aside.entries(lambda *what: told.append(what))
        found = []
        for number, entry in enumerate(entries):
            if number == after:
                assert aside._process is not None
                aside._process.send_signal(signal.SIGKILL)
                aside._process.wait()
            found += shown(iter([entry]))
    assert (found, told, file.unclear) == (expected, refused, here.unclear)


def test_a_process_that_cannot_be_made_is_not_needed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tgbot.store.transfer.aside.sys.executable", "/nonexistent/python")
    expected, refused, here = read_here(path)
    file, told = opened(path), list[tuple[int, str]]()
    with closing(ReadAside(file, NOW, same_bot=False, id_name="")) as aside:
        assert shown(aside.entries(lambda *what: told.append(what))) == expected
    assert (told, file.unclear) == (refused, here.unclear)
