"""`tgbot service` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tgbot import cli

UNITS = ("tgbot-backup.service", "tgbot-backup.timer", "tgbot.service")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a configuration and a secret, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TGBOT_BOT_TOKEN", raising=False)
    (tmp_path / "config.toml").write_text("[bot]\ngrace_seconds = 5")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "bot_token").write_text("42:x")
    return tmp_path


def service(*words: str, run_as: str = "daemon") -> int:
    as_user = () if "--user" in words else ("--run-as", run_as)
    return cli.status(["service", *words, *as_user, "--secrets", "secrets"])


def test_the_units_are_shown_and_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert service("show") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line[2:] for line in out.splitlines() if line.startswith("# tgbot")] == [
        "tgbot.service",
        *UNITS[:2],
    ]
    assert f" --config {tmp_path}/config.toml run\n" in out
    assert f"LoadCredential=bot_token:{tmp_path}/secrets/bot_token\n" in out
    assert "TimeoutStopSec=25\n" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "secrets"]


def test_what_is_installed_is_what_is_shown_and_may_be_installed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service("show") == 0
    shown = capsys.readouterr().out
    for _ in range(2):
        assert service("install", "--directory", "units") == 0
        out = capsys.readouterr().out
        assert "systemctl enable --now tgbot.service tgbot-backup.timer" in out
        for name in UNITS:
            text = (tmp_path / "units" / name).read_text()
            assert text in out
            assert text in shown
    assert sorted(path.name for path in (tmp_path / "units").iterdir()) == sorted(UNITS)
    for made in ("sessions", "backups"):
        assert (tmp_path / made).stat().st_mode & 0o777 == 0o700


def test_a_file_of_somebody_else_is_replaced_only_by_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tgbot.service").write_text("[Service]\nExecStart=/bin/true\n")
    assert service("install", "--directory", ".") == 1
    assert "tgbot.service was not written by this command, or was changed since" in capsys.readouterr().err
    assert not (tmp_path / "tgbot-backup.timer").exists()
    assert service("install", "--directory", ".", "--force") == 0
    assert "Type=notify" in (tmp_path / "tgbot.service").read_text()


def test_a_users_own_units_go_to_their_own_manager(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert service("install", "--user", "--name", "shop") == 0
    assert (tmp_path / ".config/systemd/user/shop.service").exists()
    assert "systemctl --user enable --now shop.service" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("root", "run as root: the bot needs none"),
        ("nobody-here", "run as nobody-here: there is no such user"),
    ],
)
def test_who_cannot_run_the_bot_is_refused(capsys: pytest.CaptureFixture[str], user: str, said: str) -> None:
    assert service("show", run_as=user) == 2
    assert said in capsys.readouterr().err


def test_a_name_that_no_unit_can_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert service("show", "--name", "a/b") == 2
    assert "--name = 'a/b': expected letters, digits" in capsys.readouterr().err


def test_what_the_service_will_miss_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TGBOT_ADMINS", "1")
    assert cli.status(["service", "show", "--run-as", "daemon", "--secrets", "nowhere"]) == 0
    credentials, variables = capsys.readouterr().err.splitlines()
    assert "no credentials in" in credentials
    assert variables.endswith("nowhere/environment")
    assert "TGBOT_ADMINS" in variables


URL = "postgresql://tgbot:pa55word@db.example.com/tgbot"


@pytest.mark.parametrize("where", ["settings", "credential", "variable"])
def test_a_bot_in_a_database_gets_no_backups_and_is_told_so(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service("install", "--directory", "units") == 0
    if where == "settings":
        (tmp_path / "config.toml").touch(0o600)
        (tmp_path / "config.toml").chmod(0o600)
        (tmp_path / "config.toml").write_text(f'[storage]\nurl = "{URL}"')
    elif where == "credential":
        (tmp_path / "secrets" / "storage_url").write_text(URL)
    else:
        (tmp_path / "secrets" / "environment").write_text(f"# a comment\nTGBOT_STORAGE_URL={URL}\n")
    capsys.readouterr()
    assert service("install", "--directory", "units") == 0
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.startswith("# ") and line.endswith(".timer")] == []
    assert "enable --now tgbot.service\n" in out
    assert "pg_dump copies it (docs/nodes.md)" in err
    assert "systemctl disable --now tgbot-backup.timer" in err
    assert "pa55word" not in out + err
    assert service("show") == 0
    out, err = capsys.readouterr()
    assert "tgbot-backup" not in out
    assert "pg_dump" in err
