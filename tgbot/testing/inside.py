"""The plugin that a bot under test has besides its own: it answers questions of the test.

A bot that runs as a process of its own hears them on the socket that it has inherited. That socket also tells
it when the test's process has ended, however that came about: then it ends, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Mapping
from typing import Final

from telethon.tl import functions

from tgbot.core.clock import AGREEMENT_SECONDS, ServerClock
from tgbot.plugins.alarm import Alarm
from tgbot.telegram import BotClient

#: The variable with the number of the inherited socket.
SOCKET: Final = "TESTING_TGBOT_SOCKET"
#: Seconds between two looks at how far the bot is.
_LOOK_SECONDS: Final = 0.005


class Inside:
    """What a test can ask of a running bot."""

    def __init__(self, client: BotClient, clock: ServerClock, alarm: Alarm) -> None:
        self._client = client
        self._clock = clock
        self._alarm = alarm

    async def caught_up(self, pts: int, qts: int, channels: Mapping[str, int]) -> None:
        """Return once the bot has handled everything up to this place in Telegram's log, and nothing is due.

        `channels` has the pts of channels by their bare ids; those unknown to the bot do not count.
        """
        wanted = {int(number): at for number, at in channels.items()}
        while not self._is_at(pts, qts, wanted):  # noqa: ASYNC110 - nothing tells of each step
            await asyncio.sleep(_LOOK_SECONDS)
        await self._alarm.settled()

    def _is_at(self, pts: int, qts: int, channels: Mapping[int, int]) -> bool:
        taken = self._client.intake.log.mark(channels)
        behind = taken.pts < pts or taken.qts < qts
        behind = behind or any(at < channels[number] for number, at in taken.channels.items())
        return not behind and not self._client.drain.left

    async def follow_time(self) -> None:
        """Take Telegram's time as it is now, as a bot that starts does."""
        while True:
            self._clock.forget()
            state = await self._client(functions.updates.GetStateRequest())
            # An answer that was under way has the time before, and may have come first.
            if abs(state.date.timestamp() - self._clock()) <= AGREEMENT_SECONDS:
                break
        self._alarm.look()

    async def answer(self, line: str) -> str:
        """Carry out a question, which is a line of JSON; return the answer, which is one, too."""
        asked = json.loads(line)
        try:
            await getattr(self, asked["do"])(**asked["with"])
        except Exception as error:
            return json.dumps({"number": asked["number"], "error": f"{type(error).__name__}: {error}"})
        return json.dumps({"number": asked["number"]})


def register(client: BotClient, *, clock: ServerClock, alarm: Alarm) -> None:
    """Answer the test on the inherited socket; do nothing where there is none."""
    if number := os.environ.pop(SOCKET, ""):  # not for what the bot starts
        inside, loop = Inside(client, clock, alarm), asyncio.get_running_loop()
        test = socket.socket(fileno=int(number))
        test.set_inheritable(False)

        async def answer(line: str) -> None:
            test.sendall((await inside.answer(line)).encode() + b"\n")

        def hear(line: str) -> None:
            client.spawn(answer(line), "a question of the test")

        def listen() -> None:
            with test.makefile("r") as lines:
                for line in lines:
                    with contextlib.suppress(RuntimeError):  # the bot has stopped, and with it the event loop
                        loop.call_soon_threadsafe(hear, line)
            os.kill(os.getpid(), signal.SIGKILL)  # nobody is left who could want anything of this bot

        # A thread, because it must notice the end of the test also while a handler blocks the event loop.
        threading.Thread(target=listen, name="testing", daemon=True).start()
