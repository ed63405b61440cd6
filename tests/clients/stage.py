"""All checks of one library: two programs on a sandbox of their own, and plain Telethon on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from tests.clients.checks import CHECKS, Scene
from tests.clients.libraries import TDLIB, Library
from tests.clients.ours import conversation
from tests.clients.players import CheckError, Other, Player, Program
from tgbot.sandbox.exchange import ServerKey
from tgbot.sandbox.server import Sandbox

WORKS: Final = "works"
#: The rows of the table.
ROWS: Final = ("bot login", "person login", *CHECKS, "tgbot", "page")
#: Seconds for a check.
PATIENCE: Final = 60.0
#: Seconds until a person presses Start again.
PRESSED_AGAIN: Final = 5.0
#: Seconds for each event of a check that is known to fail.
SHORT: Final = 4.0

#: What came of the checks, by their names: `WORKS`, or the error.
Column = dict[str, str]


def server_key() -> ServerKey:
    """Make a key that all libraries find: mtcute does not find one whose fingerprint begins with 0."""
    key = ServerKey.generate()
    while not key.fingerprint >> 60 & 15:
        key = ServerKey.generate()
    return key


async def column(library: Library, key: ServerKey, directory: Path, known: Mapping[str, str]) -> Column:
    """Carry out all checks of a library; those that are `known` not to work get little time."""
    found: Column = {}
    async with Sandbox(seed=1, key=key) as sandbox, AsyncExitStack() as stack:
        for role in ("bot", "person"):
            where = directory / role
            where.mkdir(parents=True)
            scene = await _scene(library, sandbox, role, where, stack)

            async def begin(scene: Scene = scene) -> None:
                await scene.tested.start()
                me = await scene.tested.do("login")
                if (me["id"], me["username"]) != (scene.tested.id, scene.tested.username):
                    raise CheckError(f"it is logged in as {me}")

            login = f"{role} login"
            found[login] = await _outcome(begin(), scene, PATIENCE)
            for name, check in CHECKS.items():
                if found[login] != WORKS:
                    outcome = "it is not logged in"
                else:
                    patience = PATIENCE if known.get(name, WORKS) == WORKS else SHORT
                    outcome = await _outcome(check(scene), scene, patience)
                if outcome != WORKS:
                    before = found.get(name, WORKS)
                    found[name] = ("" if before == WORKS else f"{before}; ") + f"as a {role}: {outcome}"
                else:
                    found.setdefault(name, WORKS)
            if role == "person":
                (ours := directory / "tgbot").mkdir()
                talk = conversation(scene, ours, killed=library.tdlib)
                found["tgbot"] = await _outcome(talk, scene, PATIENCE)
            await _outcome(scene.tested.leave(), scene, PATIENCE)
            if role == "bot":
                found["page"] = await _outcome(_page(library, scene), scene, PATIENCE)
    return {name: found[name] for name in ROWS}


async def _scene(
    library: Library, sandbox: Sandbox, role: str, directory: Path, stack: AsyncExitStack
) -> Scene:
    bot = sandbox.new_bot(f"{role}_checks_bot", "Checks")
    sandbox.world.accounts[bot.id].profile.inline = "search"  # type: ignore[union-attr]  # a bot has one
    person = sandbox.world.new_user("Ann", "Lee", username=f"ann_for_{role}")
    logins: dict[str, dict[str, Any]] = {
        "bot": {"token": bot.token},
        "person": {"phone": person.phone, "code": sandbox.world.accounts.code},
    }
    names = {"bot": (bot.id, bot.username), "person": (person.id, person.usernames[0])}
    stage = {
        "host": sandbox.host,
        "port": sandbox.port,
        "dc_id": sandbox.dc_id,
        "public_key": sandbox.public_key,
        "secret": sandbox.secret.hex,
        "library": str(TDLIB / "libtdjson.so"),
        "api_id": 1,
        "api_hash": "0" * 32,
    }
    for side in ("tested", "other"):
        (directory / side).mkdir()
    tested = Program(
        library.command, *names[role], {**stage, **logins[role], "directory": str(directory / "tested")}
    )
    stack.callback(tested.kill)
    opposite = "person" if role == "bot" else "bot"
    other = Other(*names[opposite], {**stage, **logins[opposite], "directory": str(directory / "other")})
    stack.push_async_callback(other.leave)
    await other.do("login")
    players: dict[str, Player] = {role: tested, opposite: other}
    return Scene(sandbox, players["bot"], players["person"], tested, other, directory)


async def _page(library: Library, scene: Scene) -> None:
    """Run the bot of the page on libraries, by another bot's token, and start it as a person."""
    sandbox, directory = scene.sandbox, scene.directory / "page"
    directory.mkdir()
    bot = sandbox.new_bot("page_bot")
    (directory / "key.pem").write_text(sandbox.public_key)
    values = {
        "HOST": sandbox.host,
        "PORT": sandbox.port,
        "DC": sandbox.dc_id,
        "KEY": directory / "key.pem",
        "SECRET": sandbox.secret.hex,
        "TOKEN": bot.token,
        "DIRECTORY": directory,
    }
    environ = {f"SANDBOX_{name}": str(value) for name, value in values.items()}
    with (directory / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *library.bot_of_the_page(directory),
            cwd=directory,
            env={**os.environ, **environ, "TDLIB": str(TDLIB / "libtdjson.so")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while process.returncode is None and not sandbox.sessions_of(bot.id):  # noqa: ASYNC110 - not told
            await asyncio.sleep(0.01)
        if process.returncode is not None:
            end = (directory / "output").read_text(errors="replace").strip().splitlines()[-1:]
            raise CheckError(f"the bot of the page ended: {' '.join(end)}")
        # What comes while mtcute still fetches its first state is lost to it: so a person would press again.
        scene.other.heard.patience = PRESSED_AGAIN
        for last in (False,) * 5 + (True,):
            await scene.other.do("send", to="page_bot", text="/start")
            with contextlib.suppress(*() if last else (CheckError,)):
                await scene.other.heard.next("message", text="Hello, Ann!")
                return
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _outcome(doing: Any, scene: Scene, patience: float) -> str:
    """Return `WORKS`, or what went wrong."""
    for player in (scene.tested, scene.other):
        player.busy, player.heard.patience = None, patience
    try:
        async with asyncio.timeout(PATIENCE + 1):
            await doing
    except TimeoutError:
        return _late(scene)
    except CheckError as error:
        return str(error)
    except Exception as error:
        return f"the other side: {type(error).__name__}: {error}"
    return WORKS


def _late(scene: Scene) -> str:
    """Return what did not happen in time."""
    for name, player in (("it", scene.tested), ("the other side", scene.other)):
        if player.busy is not None:
            return f"{name} did not finish: {player.busy}"
    return "it was not done in time"
