"""What a delivery of a broadcast costs: CPU beside plain Telethon's one `send_message` after another.

`python -m benchmarks.broadcast [--calls N] [--rounds N]` prints a Markdown table. The sandbox has a process
of its own, and each client in each round, all on uvloop. The users have written to the bot before. Measured
is the CPU of the client's process from the start of the broadcast until it is done, and with it the freezing
of the audience and the checkpoints that put outcomes and evidence on disk. Plain Telethon keeps nothing. The
pace is lifted. The figures are the medians of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.sends import WARM_UP, one_round, until, users_met
from tgbot.sandbox.server import Sandbox

TEXT = "We have moved: you find us at the old mill now."


async def tgbot(settings: dict[str, Any]) -> None:
    """Send one broadcast to all users."""
    from tgbot.app import open_bot
    from tgbot.config import loading as config
    from tgbot.core.broadcasts import Audience
    from tgbot.messaging.broadcast.broadcasts import Broadcasts
    from tgbot.messaging.broadcast.drafts import text_content
    from tgbot.messaging.leftover import Leftover
    from tgbot.operate import collector

    environment = {
        "TGBOT_SERVER": f"{settings['host']}:{settings['port']}",
        "TGBOT_DC_ID": str(settings["dc_id"]),
        "TGBOT_PUBLIC_KEY": settings["public_key_file"],
        "TGBOT_BOT_TOKEN": settings["token"],
        "TGBOT_STORAGE_DIRECTORY": settings["directory"],
        "TGBOT_HANDLERS": "allowed",  # it says nothing to who writes
    }
    async with open_bot(config.load(None, environment), serve=True) as bot:
        await bot.broadcasts.close(1.0)
        client, registry = bot.client, bot.users

        async def load(ids: Iterable[int]) -> None:
            await client._store.load(ids)

        broadcasts = Broadcasts(
            client,
            registry.broadcasts,  # type: ignore[attr-defined]  # the store's registry has them
            registry,
            Leftover(1e6),
            pace=1e6,
            admins=(),
            key=bot.payload_key,
            load=load,
            checkpoint=bot.checkpoint,
            clock=bot.clock,
        )
        collector.settle()  # as `tgbot run` does
        running = asyncio.create_task(broadcasts.run())
        print("ready", flush=True)
        users = await users_met()
        await until(lambda: registry.count().total >= len(users))
        await bot.checkpoint()

        async def send(audience: list[int]) -> None:
            draft = await broadcasts.create({"": text_content(TEXT)}, audience=Audience(ids=tuple(audience)))
            await broadcasts.start(draft.id)
            await until(lambda: broadcasts.get(draft.id).state == "done")
            assert broadcasts.status(draft.id)["sent"] == len(audience)

        await send(users[:WARM_UP])
        before = time.process_time()
        await send(users[WARM_UP:])
        print(json.dumps({"deliveries": time.process_time() - before}), flush=True)
        running.cancel()


async def telethon(settings: dict[str, Any]) -> None:
    """Send a message to one user after another with plain Telethon."""
    from telethon import TelegramClient, events, types
    from telethon.crypto import rsa

    rsa.add_key(settings["public_key"], old=False)
    client = TelegramClient(str(Path(settings["directory"]) / "plain"), 1, "0" * 32)
    client.session.set_dc(settings["dc_id"], settings["host"], settings["port"])
    met: set[int] = set()

    @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator]
    async def meet(event: Any) -> None:
        met.add(event.sender_id)

    await client.start(bot_token=settings["token"])
    print("ready", flush=True)
    users = await users_met()
    await until(lambda: len(met) >= len(users))
    for user in users[:WARM_UP]:
        await client.send_message(types.InputPeerUser(user, 0), TEXT)
    before = time.process_time()
    for user in users[WARM_UP:]:
        await client.send_message(types.InputPeerUser(user, 0), TEXT)
    print(json.dumps({"deliveries": time.process_time() - before}), flush=True)
    await client.disconnect()


async def run(calls: int, rounds: int) -> None:
    clients = {
        "telethon": "plain Telethon, one `send_message` after another",
        "tgbot": "a broadcast of tgbot",
    }
    found: dict[str, list[float]] = {kind: [] for kind in clients}
    async with Sandbox() as sandbox:
        for number in range(rounds):
            for kind in clients:
                figures = await one_round(sandbox, kind, calls, 0, "benchmarks.broadcast")
                found[kind].append(1e6 / figures["deliveries"])
                print(f"round {number + 1}  {kind:9} {found[kind][-1]:.1f} µs", file=sys.stderr)
    plain = statistics.median(found["telethon"])
    print(f"Python {sys.version.split()[0]}; CPU of one delivery, medians of {rounds} rounds of {calls:,}\n")
    print("| | CPU, µs | |\n|---|---:|---:|")
    for kind, name in clients.items():
        median = statistics.median(found[kind])
        print(f"| {name} | {median:.1f} | {median / plain:.2f}× |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    options = parser.parse_args()
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.client:
            logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
            settings = json.loads(sys.stdin.readline())
            runner.run({"tgbot": tgbot, "telethon": telethon}[options.client](settings))
        else:
            runner.run(run(options.calls, options.rounds))


if __name__ == "__main__":
    main()
