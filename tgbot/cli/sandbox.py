"""`tgbot sandbox`: the server alone, for any MTProto library, with typed commands for faults."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import Json, finish
from tgbot.store.files import disk_errors

if TYPE_CHECKING:
    from tgbot.sandbox.exchange import ServerKey
    from tgbot.sandbox.server import Sandbox


def sandbox(
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address to listen on; loopback only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port to listen on; 0 selects a free one.")
    ] = 0,
    dc_id: Annotated[
        int, typer.Option("--dc-id", metavar="N", min=1, max=9, help="Number of the data centre.")
    ] = 2,
    bots: Annotated[
        int, typer.Option(metavar="N", min=0, max=1000, help="Number of bots to add and print.")
    ] = 1,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for the server's key, to use it again.",
            show_default="a temporary one",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="Seed for tokens, ids and hashes.", show_default="random"),
    ] = None,
    json: Json = False,
) -> int:
    """Run a Telegram server on this machine until SIGTERM or Ctrl-C.

    Any MTProto library can log in: bots with a token, users with a phone number. The server answers as
    Telegram does. It starts without accounts and keeps them in memory. It can also misbehave on purpose: type
    "help" while it runs.
    """
    from tgbot.sandbox.server import Sandbox, SandboxError

    printed.log_to_stderr("INFO")
    try:
        with tempfile.TemporaryDirectory(prefix="tgbot-sandbox-") as temporary:
            kept = directory or Path(temporary)
            with disk_errors(kept):
                kept.mkdir(parents=True, exist_ok=True)
                key = _key(kept)
            server = Sandbox(host=host, port=port, dc_id=dc_id, key=key, seed=seed)
            finish(_serve(server, kept, bots, json))
    except SandboxError as error:
        printed.complain(str(error))
        return 2
    except OSError as error:
        printed.complain(f"sandbox: {error}")
        return 1
    return 0


async def _serve(server: Sandbox, directory: Path, bots: int, json: bool) -> None:
    async with server:
        _introduce(server, directory, bots, json)
        await _obey(server)


def _key(directory: Path) -> ServerKey:
    """Read the key from the directory; generate and store it if there is none."""
    from tgbot.sandbox.exchange import ServerKey

    file = directory / "server_key.pem"
    if file.exists():
        return ServerKey.from_pem(file.read_text())
    key = ServerKey.generate()
    file.touch(mode=0o600)
    file.write_text(key.to_pem())
    return key


def _introduce(server: Sandbox, directory: Path, bots: int, json: bool) -> None:
    """Store the public key, print the address, the key and the accounts for clients, and flush."""
    from tgbot.config.settings import Server

    public_key = directory.resolve() / "public_key.pem"
    public_key.write_text(server.public_key)
    new_bots = [server.new_bot() for _ in range(bots)]
    phones = [server.new_phone() for _ in range(3)]
    if json:
        printed.as_json(
            {
                "host": server.host,
                "port": server.port,
                "dc_id": server.dc_id,
                "public_key": str(public_key),
                "bots": [{"token": bot.token, "username": bot.username} for bot in new_bots],
                "phones": phones,
            }
        )
    else:
        address = Server(server.host, server.port)
        printed.line(f"A Telegram server is listening on {address}, data centre {server.dc_id}.")
        printed.line(f"Public key      {public_key}")
        for bot in new_bots:
            printed.line(f"Bot             @{bot.username}, token {bot.token}")
        code = str(server.dc_id) * 5
        printed.line(f"Phone numbers   {', '.join(phones)}, login code {code}; sign up with any name")
        printed.line("api_id and api_hash can be anything. Any other well-formed token adds a new bot.")
        if new_bots:
            printed.line("To run tgbot on it:")
            printed.line(
                f"  TGBOT_SERVER={address} TGBOT_DC_ID={server.dc_id} TGBOT_PUBLIC_KEY={public_key}"
                f" TGBOT_BOT_TOKEN={new_bots[0].token} TGBOT_STORAGE_DIRECTORY={public_key.parent / 'bot'}"
                " tgbot run"
            )
        printed.line('Type "help" for commands that cause faults. Ctrl-C stops the server.')
    sys.stdout.flush()


async def _obey(server: Sandbox) -> None:
    """Carry out typed commands until SIGTERM or SIGINT; the end of input does not end the server."""
    from tgbot.sandbox.stdin import typed_lines

    # Without this a background job that reads from its terminal would be stopped.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    async def listen() -> None:
        async for line in typed_lines():
            if line.strip():
                sys.stderr.write(await server.command(line) + "\n")
        await asyncio.Event().wait()

    listening = asyncio.create_task(listen())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, listening.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await listening
