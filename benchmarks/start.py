"""What a `/start` costs: CPU of the client's process for each one answered, side by side on the sandbox.

`python -m benchmarks.start [--messages N] [--rounds N] [--clients tgbot,telethon,kurigram]`. Saturated: every
user is new, and at most `WINDOW` messages are unanswered. Paced: a fixed number of messages per second, with
p50 and p99 of the time from a message to its answer. The results are the medians of the rounds, and the
ratios to plain Telethon in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tgbot.sandbox.server import Sandbox

WINDOW = 1000
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    """One round: ms of CPU per message, messages per second; when paced, ms from message to answer."""

    saturated: float
    rate: float
    paced: float
    p50: float
    p99: float


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that all threads of a process have used together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


class Load:
    """Send `/start` to a bot from new users, directly in the sandbox's world, and time the answers."""

    def __init__(self, sandbox: Sandbox, bot_id: int, patience: float = 60.0) -> None:
        self._patience = patience
        self._world = sandbox.world
        self._bot_id = bot_id
        self._sent_at: dict[int, float] = {}
        self._answered = asyncio.Event()
        self.times: list[float] = []
        self._end = self._world.subscribe(self._changed)

    def close(self) -> None:
        self._end()

    def send(self) -> None:
        user = self._world.new_user("Ann", "Lee")
        self._sent_at[user.id] = 0.0
        self._world.send_as(user.id, self._bot_id, "/start")
        self._sent_at[user.id] = time.perf_counter()

    @property
    def waiting(self) -> int:
        return len(self._sent_at)

    def _changed(self, account: int) -> None:
        sent = self._sent_at.get(account)
        if sent:
            del self._sent_at[account]
            self.times.append(time.perf_counter() - sent)
            self._answered.set()

    async def until(self, unanswered: int) -> None:
        while len(self._sent_at) > unanswered:
            self._answered.clear()
            async with asyncio.timeout(self._patience):
                await self._answered.wait()

    async def send_all(self, messages: int, window: int) -> None:
        """Send so many, at most about `window` of them unanswered, and wait for all answers."""
        step = min(100, window)
        for _ in range(0, messages, step):
            for _ in range(step):
                self.send()
            await self.until(window - step)
        await self.until(0)


@asynccontextmanager
async def started(
    sandbox: Sandbox,
    kind: str,
    directory: str,
    command: Sequence[str] = (sys.executable,),
    patience: float = 60.0,
) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """Run a client until the block ends; yield its bot's id and its process once it is ready."""
    bot = sandbox.new_bot()
    key = Path(directory) / "key.pem"
    key.write_text(sandbox.public_key)
    settings = {
        "host": sandbox.host,
        "port": sandbox.port,
        "dc_id": sandbox.dc_id,
        "public_key": sandbox.public_key,
        "public_key_file": str(key),
        "fingerprint": sandbox.key.fingerprint,
        "token": bot.token,
        "directory": directory,
    }
    process = await asyncio.create_subprocess_exec(
        *command, "-m", "benchmarks.clients", kind,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(settings).encode() + b"\n")
    async with asyncio.timeout(patience):
        if not await process.stdout.readline():
            raise RuntimeError(f"{kind} did not start")
    try:
        yield bot.id, process
    finally:
        process.terminate()
        await process.wait()


async def one_round(kind: str, messages: int, rate: int) -> Figures:
    with tempfile.TemporaryDirectory() as directory:
        async with Sandbox() as sandbox, started(sandbox, kind, directory) as (bot, process):
            return await measure(sandbox, bot, process.pid, messages, rate)


async def measure(sandbox: Sandbox, bot_id: int, pid: int, messages: int, rate: int) -> Figures:
    load = Load(sandbox, bot_id)
    for _ in range(200):  # warm up
        load.send()
    await load.until(0)
    before, began = cpu_seconds(pid), time.perf_counter()
    await load.send_all(messages, WINDOW)
    took = time.perf_counter() - began
    saturated = (cpu_seconds(pid) - before) / messages * 1000
    load.times.clear()
    before, began = cpu_seconds(pid), time.perf_counter()
    paced = rate * 10
    for number in range(paced):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        load.send()
    await load.until(0)
    cpu = (cpu_seconds(pid) - before) / paced * 1000
    load.close()
    times = sorted(load.times)
    return Figures(
        saturated,
        messages / took,
        cpu,
        times[len(times) // 2] * 1000,
        times[int(len(times) * 0.99)] * 1000,
    )


async def run(kinds: list[str], messages: int, rounds: int, rate: int) -> None:
    found: dict[str, list[Figures]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in kinds:
            figures = await one_round(kind, messages, rate)
            found[kind].append(figures)
            print(f"round {number + 1}  {kind:9} {figures.saturated:.3f} ms a message", file=sys.stderr)
    print(f"{'':9}  saturated          {rate}/s")
    print(f"{'':9}  CPU ms  messages/s  CPU ms  p50 ms  p99 ms   ratio of CPU to plain Telethon, saturated")
    medians: dict[str, Any] = {
        kind: {
            name: statistics.median(getattr(f, name) for f in figures)
            for name in ("saturated", "rate", "paced", "p50", "p99")
        }
        for kind, figures in found.items()
    }
    for kind, m in medians.items():
        ratio = f"{m['saturated'] / medians['telethon']['saturated']:.2f}" if "telethon" in medians else "-"
        print(
            f"{kind:9}  {m['saturated']:6.3f}  {m['rate']:10.0f}  {m['paced']:6.3f}"
            f"  {m['p50']:6.2f}  {m['p99']:6.2f}   {ratio}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--clients", default="tgbot,telethon,kurigram")
    options = parser.parse_args()
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(options.clients.split(","), options.messages, options.rounds, options.rate))


if __name__ == "__main__":
    main()
