"""`tgbot sandbox`: the server alone, for any MTProto library; faults are typed on standard input."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed

if TYPE_CHECKING:
    from tgbot.sandbox.exchange import ServerKey
    from tgbot.sandbox.server import Sandbox

PHONES = 3


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on; loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    dc_id: Annotated[int, typer.Option("--dc-id", min=1, max=9, help="The data centre it says it is.")] = 2,
    bots: Annotated[int, typer.Option(min=0, max=1000, help="How many bot tokens to print.")] = 1,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the key here, for the next start, too; else it is thrown away."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Makes tokens, ids and hashes the same each time.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> int:
    """Run a Telegram server on this machine until SIGTERM or Ctrl-C.

    Any MTProto library can log in: bots with a token, users with a phone number. It answers as Telegram does,
    knows nobody to begin with, keeps everything in memory, and can be made to misbehave: type "help" while it
    runs.
    """
    from tgbot.cli.invocation import finish

    return finish(_serve(host, port, dc_id, bots, directory, seed, json))


async def _serve(
    host: str, port: int, dc_id: int, bots: int, directory: Path | None, seed: int | None, json: bool
) -> int:
    from tgbot.sandbox.server import Sandbox, SandboxError

    printed.log_to_stderr("INFO")
    kept = directory or Path(tempfile.mkdtemp(prefix="tgbot-sandbox-"))
    try:
        kept.mkdir(parents=True, exist_ok=True)
        server = Sandbox(host=host, port=port, dc_id=dc_id, key=_key(kept), seed=seed)
        async with server:
            (kept / "public_key.pem").write_text(server.public_key)
            _introduce(server, kept / "public_key.pem", bots, json)
            await _obey(server)
    except SandboxError as error:
        printed.complain(str(error))
        return 2
    except OSError as error:
        printed.complain(f"sandbox: {error}")
        return 1
    finally:
        if directory is None:
            shutil.rmtree(kept, ignore_errors=True)
    return 0


def _key(directory: Path) -> ServerKey:
    """The key kept in the directory, or a new one that is kept there from now on."""
    from tgbot.sandbox.exchange import ServerKey

    file = directory / "server_key.pem"
    if file.exists():
        return ServerKey.from_pem(file.read_text())
    key = ServerKey.generate()
    file.touch(mode=0o600)
    file.write_text(key.to_pem())
    return key


def _introduce(server: Sandbox, public_key: Path, bots: int, json: bool) -> None:
    """Print what a client has to know, at once."""
    new_bots = [server.new_bot() for _ in range(bots)]
    phones = [server.new_phone() for _ in range(PHONES)]
    if json:
        printed.as_json(
            {
                "host": server.host,
                "port": server.port,
                "dc_id": server.dc_id,
                "public_key": str(public_key.resolve()),
                "bots": [{"token": bot.token, "username": bot.username} for bot in new_bots],
                "phones": phones,
            }
        )
        sys.stdout.flush()
        return
    code = str(server.dc_id) * 5
    address = f"[{server.host}]:{server.port}" if ":" in server.host else f"{server.host}:{server.port}"
    printed.line(f"A Telegram of your own listens on {address}, data centre {server.dc_id}.")
    printed.line(f"Its public key  {public_key.resolve()}")
    for bot in new_bots:
        printed.line(f"A bot           @{bot.username}, token {bot.token}")
    printed.line(f"Phone numbers   {', '.join(phones)}; the code is {code}, any name signs up")
    printed.line("api_id and api_hash may be anything; any other well-formed token is a new bot.")
    if new_bots:
        kept = public_key.resolve()
        settings = {
            "TGBOT_SERVER": address,
            "TGBOT_DC_ID": server.dc_id,
            "TGBOT_PUBLIC_KEY": kept,
            "TGBOT_BOT_TOKEN": new_bots[0].token,
            "TGBOT_STORAGE_DIRECTORY": kept.parent / "bot",
        }
        printed.line("The bot on it:")
        printed.line("  " + " ".join(f"{name}={value}" for name, value in settings.items()) + " tgbot run")
    printed.line('Type "help" for what can be made to go wrong; Ctrl-C ends it.')
    sys.stdout.flush()


async def _obey(server: Sandbox) -> None:
    """Carry out the faults that are typed, until SIGTERM or SIGINT; the end of input ends nothing."""
    from tgbot.sandbox.stdin import typed_lines

    # A background job that reads its terminal would be stopped; like this it only reads nothing.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def listen() -> None:
        async for line in typed_lines():
            if line.strip():
                sys.stderr.write(await server.command(line) + "\n")

    listening = asyncio.create_task(listen())
    await stop.wait()
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
