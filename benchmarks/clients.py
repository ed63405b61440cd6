"""Run a bot on Telethon or kurigram: `python -m benchmarks.clients KIND`, with its settings in $STAGE."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any


async def telethon(settings: dict[str, Any], done: asyncio.Event) -> None:
    """Run plain Telethon with the handbook's handler, on a session file."""
    from telethon import TelegramClient, events
    from telethon.crypto import rsa

    rsa.add_key(settings["public_key"], old=False)
    client = TelegramClient(
        str(Path(settings["directory"]) / "plain"), settings["api_id"], settings["api_hash"]
    )
    client.session.set_dc(settings["dc_id"], settings["host"], settings["port"])

    @client.on(events.NewMessage(pattern="^/start( .+)?$"))  # type: ignore[untyped-decorator]
    async def handle_start(event: Any) -> None:
        await event.respond(settings["greeting"])

    await client.start(bot_token=settings["token"])
    _ready((await client.get_me()).id)
    await done.wait()
    await client.disconnect()


async def kurigram(settings: dict[str, Any], done: asyncio.Event) -> None:
    """Run kurigram with the same handler."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from pyrogram import Client, filters
    from pyrogram.connection import Connection
    from pyrogram.crypto import rsa

    key = load_pem_public_key(settings["public_key"].encode())
    assert isinstance(key, RSAPublicKey)
    numbers = key.public_numbers()
    rsa.server_public_keys[settings["fingerprint"]] = rsa.PublicKey(numbers.n, numbers.e)

    class ToSandbox(Connection):  # type: ignore[misc]  # kurigram's classes are untyped here
        def __init__(self, **options: Any) -> None:
            super().__init__(**options | {"server_address": settings["host"], "port": settings["port"]})

    client = Client(
        "kurigram",
        api_id=settings["api_id"],
        api_hash=settings["api_hash"],
        bot_token=settings["token"],
        workdir=settings["directory"],
        connection_factory=ToSandbox,
    )

    @client.on_message(filters.command("start"))  # type: ignore[untyped-decorator]
    async def handle_start(_: Any, message: Any) -> None:
        await message.reply(settings["greeting"])

    await client.start()
    _ready(client.me.id)
    await done.wait()
    await client.stop()


def _ready(bot_id: int) -> None:
    print(json.dumps({"ready": bot_id}), flush=True)


async def _main(kind: str) -> None:
    settings = json.loads(os.environ["STAGE"])
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    await {"telethon": telethon, "kurigram": kurigram}[kind](settings, done)


if __name__ == "__main__":
    import uvloop

    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(sys.argv[1]))
