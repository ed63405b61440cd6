"""What calls cost: how many for each second of CPU, beside plain Telethon's one `await` after another.

`python -m benchmarks.sends [--calls N] [--rounds N] [--at-once N]` prints a Markdown table. The sandbox has a
process of its own, and each client in each round, all on uvloop. The users have written to the bot before.
Measured is the CPU of the client's process from the first call to the last answer, and with it the checkpoint
that puts the evidence on disk. Plain Telethon keeps nothing. The pace of this bot, which Telegram's limits
need, is lifted. The figures are the medians of the rounds.

`python -m benchmarks.sends --bytecodes [--calls N] [--at-once N]` prints instead the bytecodes of Python that
each call of this bot takes, by function (see `benchmarks.opcodes`): the same in every run.

`python -m benchmarks.sends --instructions [--calls N] [--at-once N]` needs valgrind. It prints the
instructions that each call takes in the client's process, without the kernel's: noise does not touch them.
Plain Telethon makes two system calls for each call, so that the ratio of CPU seconds is greater.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bytecodes import costs, report
from benchmarks.instructions import control, counted
from benchmarks.opcodes import Opcodes
from tgbot.sandbox.server import Sandbox

TEXT = "We have moved: you find us at the old mill now."
#: Calls of each kind before the count begins, and how long a client may take for anything, in seconds.
WARM_UP, PATIENCE = 200, 600.0
KINDS = ("probes", "sends")
#: What a client says when a count is to begin, or to end.
NOW = b"now\n"
CLIENTS = {"telethon": "plain Telethon, one after another", "tgbot": "tgbot, {at_once} at once"}

Call = Callable[[int], Awaitable[object]]


# ---- the clients, each in its own process ------------------------------------------------------------


async def tgbot(settings: dict[str, Any]) -> None:
    """Call with this bot's sender, many users at once."""
    from tgbot.app import open_bot
    from tgbot.config import loading as config
    from tgbot.messaging.pace import Pace
    from tgbot.messaging.sender import Sender
    from tgbot.messaging.window import each
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
        lifted = Pace(overall=1e6, per_chat=1e6, overall_burst=10**6, chat_burst=10**6)
        sender = Sender(bot.client, bot.users, clock=bot.clock, pace=lifted)

        async def made(users: list[int], call: Call) -> None:
            await each(users, call, at_once=settings["at_once"])
            await bot.checkpoint()

        print("ready", flush=True)
        users = await users_met()
        await until(lambda: bot.users.count().total >= len(users))
        await bot.checkpoint()
        collector.settle()  # as `tgbot run` does
        calls: dict[str, Call] = {"probes": sender.probe, "sends": lambda user: sender.send(user, TEXT)}
        await _measure(users, made, calls, settings["opcodes"])


async def telethon(settings: dict[str, Any]) -> None:
    """Call with plain Telethon, one user after another."""
    from telethon import TelegramClient, events, functions, types
    from telethon.crypto import rsa

    rsa.add_key(settings["public_key"], old=False)
    client = TelegramClient(str(Path(settings["directory"]) / "plain"), 1, "0" * 32)
    client.session.set_dc(settings["dc_id"], settings["host"], settings["port"])
    met: set[int] = set()

    @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator]
    async def meet(event: Any) -> None:
        met.add(event.sender_id)

    async def probe(user: int) -> None:
        peer = types.InputPeerUser(user, 0)  # which a bot may use for who has written to it
        await client(functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction()))

    async def send(user: int) -> None:
        await client(functions.messages.SendMessageRequest(types.InputPeerUser(user, 0), TEXT))

    async def made(users: list[int], call: Call) -> None:
        for user in users:
            await call(user)

    await client.start(bot_token=settings["token"])
    print("ready", flush=True)
    users = await users_met()
    await until(lambda: len(met) >= len(users))
    await _measure(users, made, {"probes": probe, "sends": send})
    await client.disconnect()


async def users_met() -> list[int]:
    """Return the ids of who has written to the bot."""
    line = await asyncio.to_thread(sys.stdin.readline)
    return list(json.loads(line))


async def until(met: Callable[[], bool]) -> None:
    while not met():  # noqa: ASYNC110 - plain Telethon has no event for it
        await asyncio.sleep(0.1)


async def _measure(
    users: list[int],
    made: Callable[[list[int], Call], Awaitable[None]],
    calls: dict[str, Call],
    opcodes: str = "",
) -> None:
    """Make each kind of call to all users, and print the CPU seconds that each took.

    With a directory for `opcodes` count the bytecodes as well, and write a file there for each kind.
    """
    found = {}
    for kind, call in calls.items():
        await made(users[:WARM_UP], call)
        await go_on()
        counting = Opcodes(Path(opcodes) / kind) if opcodes else None
        if counting is not None:
            counting.toggle(0, None)
        before = time.process_time()
        await made(users[WARM_UP:], call)
        found[kind] = time.process_time() - before
        if counting is not None:
            counting.toggle(0, None)
        await go_on()
    print(json.dumps(found), flush=True)


async def go_on() -> None:
    """Tell who measures that the count begins, or ends, and wait until they are ready."""
    print(NOW.decode(), end="", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


# ---- the sandbox, and the figures ----------------------------------------------------------------------


class Callgrind:
    """Counts the instructions of a process that valgrind runs; the counts are written into a directory."""

    def __init__(self, directory: Path) -> None:
        self._counts = directory / "callgrind"
        self.prefix = ("valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={self._counts}")
        self._dumps = 0

    async def begin(self, pid: int) -> None:
        """Count from now on."""
        await control("--zero", str(pid))

    async def end(self, pid: int) -> int:
        """Return the instructions since `begin`."""
        await control("--dump", str(pid))
        self._dumps += 1
        return counted(self._counts.with_name(f"callgrind.{self._dumps}"))


async def one_round(
    sandbox: Sandbox,
    kind: str,
    calls: int,
    at_once: int,
    module: str = "benchmarks.sends",
    *,
    opcodes: str = "",
    instructions: bool = False,
) -> dict[str, float]:
    """Return how many calls of each kind a client of this module makes for each second of CPU.

    With a directory for `opcodes` it counts bytecodes, which makes it slow. With `instructions`, return how
    many of these each call takes.
    """
    bot = sandbox.new_bot()
    with tempfile.TemporaryDirectory() as directory:
        key = Path(directory) / "key.pem"
        key.write_text(sandbox.public_key)
        settings = {
            "host": sandbox.host,
            "port": sandbox.port,
            "dc_id": sandbox.dc_id,
            "public_key": sandbox.public_key,
            "public_key_file": str(key),
            "token": bot.token,
            "directory": directory,
            "at_once": at_once,
            "opcodes": opcodes,
        }
        callgrind = Callgrind(Path(directory)) if instructions else None
        prefix: Sequence[str] = () if callgrind is None else callgrind.prefix
        process = await asyncio.create_subprocess_exec(
            *prefix, sys.executable, "-m", module, "--client", kind,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            async with asyncio.timeout(PATIENCE):
                if not await process.stdout.readline():
                    raise RuntimeError(f"{kind} did not start")
                people = [sandbox.world.new_user("Ann", "Lee").id for _ in range(WARM_UP + calls)]
                for number, person in enumerate(people):
                    sandbox.world.send_as(person, bot.id, "hello")
                    if number % 100 == 0:
                        await asyncio.sleep(0)  # for the sandbox to send
                process.stdin.write(json.dumps(people).encode() + b"\n")
                counts: list[float] = []
                begun = False
                while (line := await process.stdout.readline()) == NOW:
                    if callgrind is not None and not begun:
                        await callgrind.begin(process.pid)
                    elif callgrind is not None:
                        counts.append(await callgrind.end(process.pid) / calls)
                    begun = not begun
                    process.stdin.write(b"\n")
                found = json.loads(line)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    if callgrind is not None:
        return dict(zip(KINDS, counts, strict=True))
    return {name: calls / seconds for name, seconds in found.items()}


async def run(calls: int, rounds: int, at_once: int) -> None:
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in CLIENTS}
    async with Sandbox() as sandbox:
        for number in range(rounds):
            for kind in CLIENTS:
                found[kind].append(await one_round(sandbox, kind, calls, at_once))
                print(f"round {number + 1}  {kind:9} {found[kind][-1]}", file=sys.stderr)
    medians = {
        kind: {name: statistics.median(one[name] for one in figures) for name in KINDS}
        for kind, figures in found.items()
    }
    print(f"Python {sys.version.split()[0]}; calls for each second of CPU, medians of {rounds} rounds\n")
    print(f"| | {' | | '.join(KINDS)} | |\n|---|{'---:|' * 2 * len(KINDS)}")
    for kind, name in CLIENTS.items():
        cells = []
        for call in KINDS:
            rate, plain = medians[kind][call], medians["telethon"][call]
            cells += [f"{rate:,.0f}", f"{rate / plain:.1f}×"]
        print(f"| {name.format(at_once=at_once)} | {' | '.join(cells)} |")


async def count_instructions(calls: int, at_once: int) -> None:
    """Print the instructions of each kind of call, and how many times as many plain Telethon takes."""
    async with Sandbox() as sandbox:
        found = {kind: await one_round(sandbox, kind, calls, at_once, instructions=True) for kind in CLIENTS}
    print(f"Python {sys.version.split()[0]}; thousand instructions for each of {calls:,} calls\n")
    print(f"| | {' | | '.join(KINDS)} | |\n|---|{'---:|' * 2 * len(KINDS)}")
    for kind, name in CLIENTS.items():
        cells = []
        for call in KINDS:
            mine = found[kind][call]
            cells += [f"{mine / 1000:,.1f}", f"{found['telethon'][call] / mine:.1f}×"]
        print(f"| {name.format(at_once=at_once)} | {' | '.join(cells)} |")


async def count(calls: int, at_once: int) -> None:
    """Print the bytecodes of each kind of call."""
    with tempfile.TemporaryDirectory() as directory:
        async with Sandbox() as sandbox:
            await one_round(sandbox, "tgbot", calls, at_once, opcodes=directory)
        for kind in KINDS:
            print(f"{kind}\n\n{report(costs((Path(directory) / kind).read_text(), calls), 50)}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--bytecodes", action="store_true", help="count bytecodes in place of seconds")
    parser.add_argument("--instructions", action="store_true", help="count instructions, with valgrind")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    options = parser.parse_args()
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.client:
            logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
            settings = json.loads(sys.stdin.readline())
            runner.run({"tgbot": tgbot, "telethon": telethon}[options.client](settings))
        elif options.instructions:
            runner.run(count_instructions(options.calls, options.at_once))
        elif options.bytecodes:
            runner.run(count(options.calls, options.at_once))
        else:
            runner.run(run(options.calls, options.rounds, options.at_once))


if __name__ == "__main__":
    main()
