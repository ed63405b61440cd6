"""A page beside a real bot, which the page can kill: the one that adds numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.sandbox.page.conftest import Asked
from tgbot.demo.process import BotProcess
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.accounts import Bot as Known
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox

__all__ = ["anna", "known", "page", "program"]


@pytest.fixture
def known(sandbox: Sandbox) -> Known:
    return sandbox.new_bot("sums_bot")


@pytest.fixture
async def program(
    sandbox: Sandbox, known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BotProcess]:
    monkeypatch.setattr("tgbot.demo.process.LIMIT", PATIENCE)
    program = BotProcess(tmp_path, known.id, deque(maxlen=20))
    (tmp_path / "key.pem").write_text(sandbox.public_key)
    program.set_up(
        {
            "TGBOT_SERVER": f"{sandbox.host}:{sandbox.port}",
            "TGBOT_DC_ID": str(sandbox.dc_id),
            "TGBOT_PUBLIC_KEY": str(tmp_path / "key.pem"),
            "TGBOT_BOT_TOKEN": known.token,
            "TGBOT_PLUGINS": "tgbot.demo.sums",
            "TGBOT_STORAGE_DIRECTORY": str(tmp_path / "sessions"),
        }
    )
    program.held = ""
    await program.start()
    yield program
    await program.stop()


@pytest.fixture
async def page(sandbox: Sandbox, program: BotProcess) -> AsyncIterator[Page]:
    async with Page(sandbox, program=program) as page:
        yield page


@pytest.fixture
def anna(sandbox: Sandbox) -> Account:
    return sandbox.world.new_user("Anna")


async def says(sandbox: Sandbox, tab: Asked, who: Account, bot: Known, text: str) -> None:
    peer = {
        "_": "inputPeerUser",
        "user_id": bot.id,
        "access_hash": sandbox.world.accounts.access_hash(who.id, bot.id),
    }
    name = sandbox.world.random.getrandbits(50)
    said = await tab.call(who.id, "messages.sendMessage", peer=peer, message=text, random_id=name)
    assert "error" not in said
