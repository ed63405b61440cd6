"""The unit files: what systemd says of them, and which of them are ours."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from tgbot.operate.units import Installation, is_ours, units

#: Each with what systemd has a meaning for, or a shell.
HOME = Path('/srv/the $bot/100% "own"')
BOT = Installation(
    name="shop",
    command=["/bin/true", "--config", str(HOME / "config.toml")],
    home=HOME,
    storage=HOME / "sessions",
    backups=Path("/srv/backups"),
    reads=[Path("/usr")],
    user="daemon",
    credentials={"bot_token": Path("/etc/the shop/bot_token")},
    environment=Path("/etc/the shop/environment"),
    grace_seconds=12.5,
)

systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")


def analyze(directory: Path, *arguments: str) -> str:
    """Run systemd-analyze in a directory with the units, and return what it says; it has to find nothing."""
    for unit, text in units(BOT).items():
        (directory / unit).write_text(text)
    command = ["systemd-analyze", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@systemd
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    assert analyze(tmp_path, "verify", *(f"./{unit}" for unit in units(BOT))) == ""


@systemd
@pytest.mark.parametrize("unit", ["shop.service", "shop-backup.service"])
def test_the_exposure_of_the_services_is_low(tmp_path: Path, unit: str) -> None:
    analyze(tmp_path, "security", "--offline=true", "--threshold=15", "--no-pager", f"./{unit}")


def lines(unit: str, bot: Installation = BOT) -> list[str]:
    return units(bot)[unit].splitlines()


def test_the_service_has_what_the_bot_counts_on() -> None:
    expected = [
        "Type=notify",
        'ExecStart=/bin/true --config "/srv/the $$bot/100%% \\"own\\"/config.toml" run',
        'ExecReload=/bin/true --config "/srv/the $$bot/100%% \\"own\\"/config.toml" reload',
        "User=daemon",
        'WorkingDirectory=/srv/the $bot/100%% "own"',
        "EnvironmentFile=-/etc/the shop/environment",
        "LoadCredential=bot_token:/etc/the shop/bot_token",
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
        "WatchdogSec=60",
        "TimeoutStopSec=32.5",
        'ReadWritePaths="/srv/the $bot/100%% \\"own\\"/sessions"',
        "WantedBy=multi-user.target",
    ]
    assert [line for line in expected if line not in lines("shop.service")] == []


def test_the_backup_may_write_where_it_writes() -> None:
    found = lines("shop-backup.service")
    config = '"/srv/the $$bot/100%% \\"own\\"/config.toml"'
    assert f"ExecStart=/bin/true --config {config} backup /srv/backups --keep 14" in found
    assert "ReadWritePaths=/srv/backups" in found
    assert "Persistent=yes" in lines("shop-backup.timer")


@pytest.mark.parametrize(
    ("place", "line", "otherwise"),
    [
        ("/home/ann/bot", "ProtectHome=read-only", "ProtectHome=yes"),
        ("/var/tmp/bot", "PrivateTmp=no", "PrivateTmp=yes"),
    ],
)
def test_what_the_bot_needs_is_not_hidden_from_it(place: str, line: str, otherwise: str) -> None:
    assert otherwise in lines("shop.service")
    for moved in (
        dataclasses.replace(BOT, home=Path(place)),
        dataclasses.replace(BOT, reads=[Path(place)]),
        dataclasses.replace(BOT, command=[f"{place}/tgbot"]),
    ):
        assert line in lines("shop.service", moved)


def test_a_unit_of_a_users_own_manager_leaves_out_what_only_the_system_can_do() -> None:
    found = lines("shop.service", dataclasses.replace(BOT, user=None))
    assert "WantedBy=default.target" in found
    assert "NoNewPrivileges=yes" in found
    for name in ("User=", "ProtectSystem=", "CapabilityBoundingSet=", "ReadWritePaths="):
        assert not [line for line in found if line.startswith(name)]


def test_a_file_that_was_changed_is_nobodys_to_replace() -> None:
    for text in units(BOT).values():
        assert is_ours(text)
        assert not is_ours(text + "\n")
        assert not is_ours(text.partition("\n")[2])
    assert not is_ours("")
