"""`tgbot nodes` and `tgbot handover` where there is nothing to show, or nobody to ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tgbot.cli import status


def configured(directory: Path, url: str = "") -> list[str]:
    (directory / "config.toml").touch(0o600)
    (directory / "config.toml").write_text(f'[storage]\nurl = "{url}"')
    return ["--config", str(directory / "config.toml")]


@pytest.mark.parametrize("command", ["nodes", "handover"])
def test_a_bot_on_files_has_no_nodes(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status([*configured(tmp_path), command]) == 2
    assert "set [storage] url: see docs/nodes.md" in capsys.readouterr().err


def test_a_database_without_tables_is_told(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status([*configured(tmp_path, database_url), "nodes"]) == 1
    assert "it has not run with this configuration yet" in capsys.readouterr().err


def test_where_nobody_leads_the_answer_is_no(
    tmp_path: Path, bot_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = configured(tmp_path, bot_url)
    assert status([*given, "nodes"]) == 3
    assert capsys.readouterr().out.startswith("No node leads (epoch ")
    assert status([*given, "nodes", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["leader"], found["since"], found["left"], found["nodes"]) == (None, None, None, [])
    assert status([*given, "handover"]) == 3
    assert "No bot runs with the files in" in capsys.readouterr().err
