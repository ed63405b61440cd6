"""`tgbot sandbox`: the server alone, for any MTProto library, with typed commands for faults."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import Json, finish
from tgbot.cli.paged import Page, place_of
from tgbot.operate.collector import settle
from tgbot.store.files import disk_errors

#: The ports that are tried where none is named: the string sessions of some libraries hold none above 32767.
PORTS: Final = range(4430, 4530)
#: The first names of the people who are there from the start; more people are numbered.
NAMES: Final = ("Anna", "Boris", "Clara", "Daria", "Emil", "Frida", "Georg", "Hanna", "Igor", "Julia")
#: The files that the sandbox makes in its directory, which git is to ignore.
IGNORED: Final = (
    "# Keys and world of a Telegram server for this machine only.\n"
    "server_key.pem\npublic_key.pem\nworld.pickle*\nbot/\n"
)
#: Log in as Anna and write to the bot, with Telethon.
TELETHON: Final = """\
from pathlib import Path
from telethon.crypto import rsa
from telethon.sessions import MemorySession
from telethon.sync import TelegramClient

rsa.add_key(Path("here/public_key.pem").read_text(), old=False)
session = MemorySession()
session.set_dc(2, "127.0.0.1", 4430)
client = TelegramClient(session, 1, "any")
with client.start(phone="9996620000", code_callback=lambda: "22222"):
    print(client.send_message("sandbox_bot", "/start").text)"""
HELP: Final = f"""Run a Telegram server on this machine until SIGTERM or Ctrl-C.

Any MTProto library can log in: bots with a token, users with a phone number. Everything is kept in memory;
with --directory also in a file, so that the next start goes on. Take no such file from others: it can run
code.
The server answers as Telegram does, and says so where it cannot. It can also misbehave on purpose: type
"help" while it runs. --page serves a page on which people chat with the bots in the browser.

After "tgbot sandbox --directory here", this program logs in as Anna and writes to the bot:

```
{TELETHON}
```
"""


class Limits(StrEnum):
    """Which limits bots have."""

    #: None: they send as fast as they can.
    OFF = "off"
    #: Those of Telegram.
    REAL = "real"


class Sessions(StrEnum):
    """To which sessions of a bot an update is pushed."""

    #: To all of them.
    ALL = "all"
    #: To the one that made the last call.
    LAST = "last"
    #: To any one of them.
    RANDOM = "random"


if TYPE_CHECKING:
    from tgbot.sandbox.accounts import Account
    from tgbot.sandbox.exchange import ServerKey
    from tgbot.sandbox.page.place import Place
    from tgbot.sandbox.server import Sandbox


def sandbox(
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address to listen on; loopback only.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=65535,
            help="Port to listen on; 0 is the default.",
            show_default=f"{PORTS[0]}, or the next one that is free",
        ),
    ] = 0,
    dc_id: Annotated[
        int, typer.Option("--dc-id", metavar="N", min=1, max=9, help="Number of the data centre.")
    ] = 2,
    bots: Annotated[
        int, typer.Option(metavar="N", min=0, max=1000, help="Number of bots to add and print.")
    ] = 1,
    users: Annotated[
        int, typer.Option(metavar="N", min=0, max=1000, help="Number of people to add and print.")
    ] = 3,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory for the server's key, accounts, messages and logins: it goes on with them.",
            show_default="a temporary one",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="Seed for tokens, ids and hashes.", show_default="random"),
    ] = None,
    limits: Annotated[
        Limits,
        typer.Option(help="real: bots have to keep Telegram's limits, and get FLOOD_WAIT otherwise."),
    ] = Limits.OFF,
    box: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="How many of its last events the log of an account holds; an older state is too old.",
            show_default="all",
        ),
    ] = None,
    updates_to: Annotated[
        Sessions,
        typer.Option(help="Which of several sessions of a bot an update is pushed to; a difference has it."),
    ] = Sessions.ALL,
    secret: Annotated[
        str | None,
        typer.Option(
            metavar="HEX",
            help="Secret of the MTProto proxy that the server is, too: 32 digits, or dd and 32 digits.",
            show_default="one that belongs to the server's key",
        ),
    ] = None,
    page: Page = None,
    json: Json = False,
) -> int:
    from tgbot.operate.logs import log_to_stderr
    from tgbot.sandbox.feeds import UpdatesTo
    from tgbot.sandbox.keeping import NAME, KeptError, load
    from tgbot.sandbox.page.place import PageError
    from tgbot.sandbox.proxy import SecretError, secret_bytes
    from tgbot.sandbox.server import Sandbox, SandboxError

    place = place_of(page)
    log_to_stderr("INFO")
    try:
        with tempfile.TemporaryDirectory(prefix="tgbot-sandbox-") as temporary:
            kept = directory or Path(temporary)
            with disk_errors(kept):
                kept.mkdir(parents=True, exist_ok=True)
                key = _key(kept)
            found = {} if directory is None else load(directory / NAME) or {}
            server = Sandbox(
                host=host,
                port=port,
                ports=PORTS,
                dc_id=dc_id,
                key=key,
                seed=seed,
                secret=None if secret is None else secret_bytes(secret),
                **found,
            )
            if server.dc_id != dc_id:
                printed.complain(f"{kept} is of data centre {server.dc_id}: --dc-id {server.dc_id}")
                return 2
            server.world.limits.real = limits is Limits.REAL
            server.world.limits.box = box
            server.world.updates_to = UpdatesTo(updates_to.value)
            finish(_serve(server, directory, kept, bots, users, place, json))
    except (SandboxError, SecretError, PageError, KeptError) as error:
        printed.complain(str(error))
        return 2
    except OSError as error:
        printed.complain(f"sandbox: {error}")
        return 1
    return 0


async def _serve(
    server: Sandbox,
    kept: Path | None,
    directory: Path,
    bots: int,
    users: int,
    place: Place | None,
    json: bool,
) -> None:
    from tgbot.sandbox.keeping import NAME, Keeper

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        if kept is not None:
            # Entered first, it writes the file when all connections are closed.
            await stack.enter_async_context(Keeper(server, kept / NAME))
        await stack.enter_async_context(server)
        settle()
        address = ""
        if place is not None:
            from tgbot.sandbox.page.page import Page as Served

            page = Served(server, host=place.host, port=place.port, ports=place.ports)
            address = (await stack.enter_async_context(page)).address
        _introduce(server, directory, bots, users, address, json)
        await _obey(server, stop)


def _key(directory: Path) -> ServerKey:
    """Read the key from the directory; generate and store it if there is none."""
    from tgbot.sandbox.exchange import ServerKey

    ignored = directory / ".gitignore"
    if not ignored.exists():
        ignored.write_text(IGNORED)
    elif "server_key.pem" not in ignored.read_text():
        printed.complain(f"server_key.pem is a private key: add it to {ignored}")
    file = directory / "server_key.pem"
    if file.exists():
        return ServerKey.from_pem(file.read_text())
    key = ServerKey.generate()
    file.touch(mode=0o600)
    file.write_text(key.to_pem())
    return key


def _introduce(server: Sandbox, directory: Path, bots: int, users: int, page: str, json: bool) -> None:
    """Store the public key, print the address, the key and the accounts for clients, and flush."""
    from tgbot.config.values import Server

    public_key = directory.resolve() / "public_key.pem"
    public_key.write_text(server.public_key)
    for number in range(len(server.world.accounts.bots()), bots):
        server.new_bot(f"sandbox_{number}_bot" if number else "sandbox_bot")
    for number in range(len(server.world.accounts.people()), users):
        _person(server, number)
    all_bots, people = server.world.accounts.bots(), server.world.accounts.people()
    code = server.world.accounts.code
    if json:
        printed.as_json(
            {
                "host": server.host,
                "port": server.port,
                "dc_id": server.dc_id,
                "public_key": str(public_key),
                "proxy": server.proxy_link,
                **({"page": page} if page else {}),
                "bots": [{"token": bot.token, "username": bot.usernames[0]} for bot in all_bots],
                "users": [
                    {
                        "id": each.id,
                        "name": each.first_name,
                        "username": next(iter(each.usernames), None),
                        "phone": each.phone,
                        "code": code,
                    }
                    for each in people
                ],
            }
        )
    else:
        address = Server(server.host, server.port)
        printed.line(f"A Telegram server is listening on {address}, data centre {server.dc_id}.")
        if page:
            printed.line(f"The page        {page}")
        printed.line(f"Public key      {public_key}")
        printed.line(f"Proxy           {server.proxy_link}")
        for bot in all_bots:
            printed.line(f"Bot             @{bot.usernames[0]}, token {bot.token}")
        for each in people:
            name = " ".join([each.first_name, *(f"(@{name})" for name in each.usernames[:1])])
            printed.line(f"User            {name}, phone {each.phone}, login code {code}")
        printed.line("api_id and api_hash can be anything. Any other well-formed token adds a new bot.")
        program = printed.program()
        if all_bots:
            printed.line("To run tgbot on it:")
            printed.line(
                f"  TGBOT_SERVER={address} TGBOT_DC_ID={server.dc_id}"
                f" TGBOT_PUBLIC_KEY={shlex.quote(str(public_key))} TGBOT_BOT_TOKEN={all_bots[0].token}"
                f" TGBOT_STORAGE_DIRECTORY={shlex.quote(str(public_key.parent / 'bot'))} {program} run"
            )
        printed.line(f"To log in with Telethon, see: {program} sandbox --help")
        printed.line('Type "help" for commands that cause faults. Ctrl-C stops the server.')
    sys.stdout.flush()


def _person(server: Sandbox, number: int) -> Account:
    """Add a user with the name of this number."""
    name = NAMES[number] if number < len(NAMES) else f"Person {number + 1}"
    return server.world.new_user(name, username=f"{name.lower().replace(' ', '_')}_sandbox")


async def _obey(server: Sandbox, stop: asyncio.Event) -> None:
    """Carry out typed commands until `stop` is set; the end of input does not end the server."""
    from tgbot.sandbox.stdin import typed_lines

    # Without this a background job that reads from its terminal would be stopped.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    async def listen() -> None:
        async for line in typed_lines():
            if line.strip():
                sys.stderr.write(await server.command(line) + "\n")

    listening = asyncio.create_task(listen())
    try:
        await stop.wait()
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
