"""A bot on a server that says anything over a link that is right: the link and the bot go on."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from telethon.tl import functions, types

from tests.fuzz import packets
from tests.sandbox.conftest import server_key
from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.sandbox.server import Sandbox
from tgbot.telegram import BotClient

#: How many bots live through messages of their own in one run.
_LIVES = 10
#: Requests whose answers are replaced, by the names of their methods.
_ASKED: dict[str, Any] = {
    "users.getUsers": functions.users.GetUsersRequest([types.InputUserSelf()]),
    "help.getConfig": functions.help.GetConfigRequest(),
    "updates.getState": functions.updates.GetStateRequest(),
    "bots.getBotCommands": functions.bots.GetBotCommandsRequest(types.BotCommandScopeDefault(), ""),
}
#: What the server says: (the method that it answers with this, "" for a push; the bytes).
said = st.lists(st.tuples(st.sampled_from(["", "", *_ASKED]), packets.bodies), min_size=5, max_size=40)


def check_live(drawn: list[tuple[str, bytes]]) -> None:
    """Have a bot hear all of it, then one person more: that one is answered, over the link of before."""
    asyncio.run(_live(drawn))


async def _live(drawn: list[tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory(prefix="tgbot-fuzz-") as directory:
        async with Sandbox(seed=1, key=server_key()) as sandbox:
            stage = Stage(sandbox, Path(directory))
            try:
                await _hear(stage, await stage.open(echo), drawn)
            finally:
                await stage.close_all()


async def _hear(stage: Stage, client: BotClient, drawn: list[tuple[str, bytes]]) -> None:
    ann = stage.meet()
    links = client._link_state.links
    asking = []
    for method, body in drawn:
        if method:
            stage.faults.answer(method, body)
            asking.append(asyncio.create_task(client(_ASKED[method])))
            await asyncio.wait((asking[-1],), timeout=PATIENCE)
        else:
            assert stage.sandbox.hand(stage.account.id, body)
    stage.faults.clear()
    await asyncio.gather(*asking, return_exceptions=True)
    stage.write(ann, "still there?")
    await until(lambda: "you said still there?" in stage.heard(ann))
    async with asyncio.timeout(PATIENCE):
        assert (await client.get_me()).id == stage.account.id
    assert not client.failed.done(), repr(client.failed)
    assert client._link_state.links == links, "the link was ended"


def run_live(number: int, lives: int = _LIVES) -> int:
    """Check with messages that follow from a number; return how many bots there were."""
    options = settings(
        max_examples=lives,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    seed(number)(options(given(said)(check_live)))()
    return lives
