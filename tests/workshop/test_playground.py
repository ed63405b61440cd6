from __future__ import annotations

from pathlib import Path

import pytest

from tgbot.core.errors import StorageError
from tgbot.core.projecterrors import DirectoryTakenError
from tgbot.workshop.playground import open_playground

PORTS = range(1)


async def test_a_directory_is_emptied_at_each_start_and_git_ignores_it(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_playground(tmp_path / "here", PORTS) as ground:
            assert not ground.storage.exists()
            ground.storage.mkdir()
            (ground.storage / "users.sqlite").touch()
            assert ground.public_key.read_text() == ground.server.public_key
        assert (tmp_path / "here/.gitignore").read_text().splitlines()[-1] == "*"


@pytest.mark.parametrize("taken", ["file", ".gitignore", "bot/users.sqlite"])
async def test_a_directory_with_files_of_others_is_left_alone(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("of somebody")
    with pytest.raises(DirectoryTakenError, match="holds files that are not from an earlier run"):
        async with open_playground(tmp_path, PORTS):
            pass
    assert (tmp_path / taken).read_text() == "of somebody"


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/here cannot be read or written"):
        async with open_playground(tmp_path / "file/here", PORTS):
            pass


async def test_the_bot_gets_what_it_needs_and_nothing_that_belongs_elsewhere() -> None:
    elsewhere = {
        "TGBOT_API_ID": "5",
        "TGBOT_BOT_TOKEN_FILE": "/run/secrets/token",
        "TGBOT_STORAGE_DIRECTORY": "sessions",
        "TGBOT_PROXY": "socks5://localhost:1",
        "TGBOT_OPERATE_WEBHOOK_FILE": "/run/secrets/webhook",
        "TGBOT_LOGIN_LISTEN": "127.0.0.1:8080",
        "TGBOT_OPERATE_LISTEN_FILE": "/run/secrets/listen",
        "CREDENTIALS_DIRECTORY": "/run/credentials",
    }
    own = {"TGBOT_PLUGINS": "shop", "TGBOT_PLUGINS_SHOP_ADMINS": "5", "PATH": "/bin"}
    async with open_playground(None, PORTS) as ground:
        given = ground.environ(elsewhere | own)
        assert given.items() >= own.items()
        assert not {given.get(name) for name in elsewhere} & set(elsewhere.values())
        assert not any(name.endswith("_FILE") for name in given)
        assert given["TGBOT_ADMINS"] == str(ground.first.id)
        assert Path(given["TGBOT_STORAGE_DIRECTORY"]) == ground.storage
    assert not ground.public_key.exists()
