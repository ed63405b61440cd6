"""What the programs in Python have in common: they read orders from stdin and print what happens to stdout.

An order is a line of JSON: `{"order": 1, "do": "send", ...}`. Its answer is `{"order": 1, "answer": {...}}`
or `{"order": 1, "error": "..."}`. What happens without an order is `{"event": "message", ...}`. JSON in
$STAGE says where the sandbox is. A program ends when stdin does.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

#: Sandbox, login and directory, as `tests.clients.stage` hands them over.
Stage = dict[str, Any]


class Say(Protocol):
    """Tell what happened."""

    def __call__(self, event: str, **fields: Any) -> None: ...


class Client(Protocol):
    """A library's client; its methods are the orders."""

    async def login(self) -> dict[str, Any]:
        """Connect and log in; return `id` and `username`."""

    async def close(self) -> None:
        """Disconnect and keep what the next start needs."""


def say(event: str, **fields: Any) -> None:
    """Print what happened."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def run(client: Callable[[Stage, Say], Client]) -> None:
    """Carry out the orders until stdin ends."""
    asyncio.run(_run(client))


async def _run(new: Callable[[Stage, Say], Client]) -> None:
    client = new(json.loads(os.environ["STAGE"]), say)
    orders = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    running: set[asyncio.Task[None]] = set()
    async for line in orders:
        task = asyncio.create_task(_carry_out(client, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    await client.close()
    sys.stdout.flush()
    # Threads of some libraries go on for ever.
    os._exit(0)


async def _carry_out(client: Client, order: dict[str, Any]) -> None:
    number, do = order.pop("order"), order.pop("do")
    answer: dict[str, Any] = {"order": number}
    try:
        act: Callable[..., Awaitable[Any]] = getattr(client, do)
        answer["answer"] = await act(**order) or {}
    except Exception as error:
        text = " ".join(str(error).split())
        answer["error"] = f"{type(error).__name__}: {text}" if text else type(error).__name__
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def kept(stage: Stage, name: str) -> str:
    """Return the path of a file that a program finds again at its next start."""
    return str(Path(stage["directory"], name))


def known(function: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Return those of the arguments that a function has: versions of a library differ."""
    return {
        name: value for name, value in arguments.items() if name in inspect.signature(function).parameters
    }
