"""`tgbot doctor` as it is typed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tgbot import cli
from tgbot.app import open_bot
from tgbot.sandbox.server import Sandbox

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(ENVIRONMENT):
        monkeypatch.delenv(name)


def test_an_installation_that_could_run_is_no_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("API_ID", "1"), ("API_HASH", "0" * 32), ("BOT_TOKEN", "42:secret")):
        monkeypatch.setenv(f"TGBOT_{name}", value)
    assert cli.status(["doctor", "--offline"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}
    assert "ok       secrets     there are all that bot 42 needs\n" in out
    assert cli.status(["doctor", "--offline", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(out.splitlines())
    assert lines[1] == {
        "check": "secrets",
        "level": "ok",
        "said": "there are all that bot 42 needs",
        "advice": "",
    }


def test_missing_secrets_and_a_wrong_setting_are_failures(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.status(["doctor", "--offline"]) == 1
    assert "failure  secrets     Missing: TGBOT_API_ID, TGBOT_API_HASH" in capsys.readouterr().out
    (tmp_path / "config.toml").write_text("[bot]\nconcurrency = 0")
    assert cli.status(["doctor", "--offline"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("failure  settings    config.toml: [bot] concurrency = 0: expected")


async def test_the_doctor_looks_at_a_running_bot_and_leaves_it_alone(
    configure: Configure, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The real command: it would wait for a bot in its own process."""
    async with open_bot(configure(), serve=True):
        connected = sandbox.connections
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "tgbot.cli",
                "--config",
                str(tmp_path / "config.toml"),
                "doctor",
                "--json",
            ),
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
        )
        out, _ = await process.communicate()
        said = {line["check"]: line["said"] for line in map(json.loads, out.splitlines())}
        assert process.returncode == 0, out
        assert said["bot"].startswith(f"the bot runs (pid {os.getpid()})")
        assert said["telegram"] == "the clock is right"
        assert sandbox.connections == connected  # the bot's own is as it was, the doctor's has ended


def test_as_the_service_it_gets_what_the_unit_gives_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in (("bot_token", "42:secret\n"), ("api_id", "1"), ("api_hash", "0" * 32)):
        (secrets / name).write_text(value)
    variables = f'# a comment\nTGBOT_PLUGINS="examples.echo"\nPYTHONPATH={ROOT}\n'
    (secrets / "environment").write_text(variables)
    (tmp_path / "config.toml").write_text("[bot]\ngrace_seconds = 1")
    units = ["--units", str(tmp_path / "units")]
    given = ["--user", "--secrets", str(secrets), "--directory", str(tmp_path / "units")]
    assert cli.status(["service", "install", *given]) == 0
    capfd.readouterr()
    assert cli.status(["doctor", "--as-service", *units, "--offline", "--json"]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    said = {line["check"]: line["said"] for line in lines}
    assert said["secrets"] == "there are all that bot 42 needs"
    assert said["plugins"] == "examples.echo"
    assert not list(Path("/run").glob("tgbot-*"))


def test_a_service_that_could_not_be_started_is_a_failure(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.status(["doctor", "--as-service", "--units", "nowhere"]) == 1
    assert "There is no tgbot.service where unit files are" in capfd.readouterr().err
    (tmp_path / "tgbot.service").write_text(
        "[Service]\nExecStart=/nowhere/tgbot run\nWorkingDirectory=/\nLoadCredential=bot_token:/nowhere/a\n"
    )
    assert cli.status(["doctor", "--as-service", "--units", "."]) == 1
    credential, program = capfd.readouterr().out.splitlines()
    assert credential.startswith(
        "failure  unit        the credential /nowhere/a cannot be read: No such file"
    )
    assert "cannot run /nowhere/tgbot in /: No such file or directory" in program
