"""Settings of the storage: the database, the node's name, the time of the lease."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.config.test_loading import configured, refusal


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example.com/bot",
        "postgres://ann:sesame@[::1]:5433/bot?sslmode=verify-full",
        "postgresql:///bot?host=/run/postgresql",
        "postgresql://one:1,two:2/?dbname=bot",
    ],
)
def test_a_database_is_a_secret_address(tmp_path: Path, url: str) -> None:
    for config in (
        configured(tmp_path, f'[storage]\nurl = "{url}"'),
        configured(tmp_path, "", TGBOT_STORAGE_URL=url),
    ):
        assert config.storage.address == url
        assert "sesame" not in repr(config)
    assert configured(tmp_path, '[storage]\nurl = ""').storage.address == ""


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:sesame@db/bot",
        "postgresql://ann:sesame@db",
        "postgresql://ann:sesame@db/",
        "postgresql://ann:ses ame@db/bot",
        "postgresql://ann:sesame@db/bot/other",
        "host=db password=sesame dbname=bot",
    ],
)
def test_another_address_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    line = refusal(tmp_path, f'[storage]\nurl = "{url}"')
    assert "[storage] url" in line
    assert "postgresql://user@host:5432/database" in line
    assert "ame" not in line.replace("name", "")


@pytest.mark.parametrize("password", ["ses@me", "ses/me"])
def test_a_password_that_is_not_escaped_is_told_with_its_place(tmp_path: Path, password: str) -> None:
    url = f"postgresql://ann:{password}@db/bot"
    line = refusal(tmp_path, "", TGBOT_STORAGE_URL=url)
    assert line.startswith("TGBOT_STORAGE_URL: [storage] url")
    assert "write @ and / in a password as %40 and %2F" in line
    assert "ses" not in line


def test_a_node_has_the_name_of_its_machine_or_the_one_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "büro 7.local")
    assert configured(tmp_path, "").storage.node == "b-ro-7.local"
    assert configured(tmp_path, '[storage]\nnode = ""').storage.node == "b-ro-7.local"
    assert configured(tmp_path, '[storage]\nnode = "left_1"').storage.node == "left_1"
    assert configured(tmp_path, "", TGBOT_STORAGE_NODE="right").storage.node == "right"
    monkeypatch.setattr(socket, "gethostname", lambda: "")
    assert configured(tmp_path, "").storage.node == "node"
    for name in ("a b", "a/b", "x" * 65, "é"):
        assert "64 letters" in refusal(tmp_path, f'[storage]\nnode = "{name}"')


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("2.5s", 2.5), ("60s", 60), ("1m", 60)])
def test_the_lease_is_a_time_of_seconds(tmp_path: Path, text: str, seconds: float) -> None:
    assert configured(tmp_path, f'[storage]\nlease = "{text}"').storage.lease == seconds
    assert configured(tmp_path, "", TGBOT_STORAGE_LEASE=text).storage.lease == seconds


@pytest.mark.parametrize("value", ['"0.9s"', '"61s"', '"2m"', "2.5", '"2,5s"', '""', "true"])
def test_another_lease_is_refused(tmp_path: Path, value: str) -> None:
    assert 'a time from "1s" to "60s"' in refusal(tmp_path, f"[storage]\nlease = {value}")
