"""The log at level DEBUG: what it shows of a conversation, and that nothing private is in it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

from tests.scenarios.planted import NAME, TEXT, access_hashes, leaks
from tests.scenarios.talk import Talk
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

PLUGIN = """\
from telethon import events
def register(client):
    @client.on(events.NewMessage(pattern="break"))
    async def broken(event):
        raise RuntimeError(event.raw_text)
"""


async def test_updates_calls_and_checkpoints_are_told_without_what_they_hold(
    sandbox: Sandbox, account: Account, person: Any, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(sandbox.public_key)
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "menu.py").write_text(PLUGIN)
    own = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", "run"),
        cwd=tmp_path,
        env=own
        | {
            "TGBOT_SERVER": f"{sandbox.host}:{sandbox.port}",
            "TGBOT_PUBLIC_KEY": "key.pem",
            "TGBOT_BOT_TOKEN": account.token,
            "TGBOT_PLUGINS": "menu,menu",
            "TGBOT_LOG_LEVEL": "DEBUG",
        },
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    log: list[str] = []

    async def until(pattern: str) -> None:
        assert process.stderr is not None
        while not (log and re.search(pattern, log[-1])):
            line = await process.stderr.readline()
            assert line, f"{pattern} never came:\n{''.join(log)}"
            log.append(line.decode())

    try:
        await until("running as @")
        anna = Talk(await person(f"Anna {NAME}"))
        assert f"Anna {NAME}" in await anna.ask("/start")
        new = rf"update m{anna.id}:\d+ \(UpdateNewMessage, dialog {anna.id}\)"
        await until(rf"DEBUG .*{new}: handled in \d+ ms$")
        await anna.say(f"break {TEXT}")
        await until(rf"ERROR .*unhandled exception in menu\.register\.broken \(update m{anna.id}:\d+")
        await until(rf"DEBUG .*update m{anna.id}:\d+ .*: failed in \d+ ms$")
        sandbox.faults.fail("messages.sendMessage", 400, "MESSAGE_TOO_LONG", account=account.id)
        await anna.say(f"/help {TEXT}")
        refused = rf"messages\.sendMessage \(chat {anna.id}\): MESSAGE_TOO_LONG in \d+ ms"
        await until(rf"{refused} \(update m{anna.id}:\d+, handler tgbot\.handlers\.help\.")
        await until(r"DEBUG .*checkpoint of pts \d+, qts \d+ in \d+ ms$")
        process.terminate()
        log.append((await process.stderr.read()).decode())
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = "".join(log)
    assert "WARNING tgbot.plugins.loading: [bot] plugins names menu more than once" in text
    assert re.search(rf"DEBUG .*messages\.sendMessage \(chat {anna.id}\): answered in \d+ ms", text)
    assert re.search(r"DEBUG .*updates\.getState \(chat 0\): answered in \d+ ms", text)
    assert not leaks(text, access_hashes(sandbox.world, account.id))
    assert account.token not in text
