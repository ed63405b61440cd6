"""Ways of becoming deaf: each is found without any traffic, shown by the health, and cured.

`python -m tests.scenarios.deafness` prints the table as Markdown. Words after it choose ways by their names;
`--speed 1` leaves all waits as they are, 20 divides them by 20.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from telethon.crypto import AuthKey

from tests.sandbox.conftest import plain_client
from tests.scenarios.planted import recording
from tests.scenarios.relay import Relay, open_relay
from tests.scenarios.shortened import shortened
from tests.scenarios.trials import PATIENCE, Cell, End, Result, Run, Trial
from tgbot.app import Bot
from tgbot.core.errors import PartEndedError, StorageError
from tgbot.operate.health import Health
from tgbot.sandbox.faults import Damage, DeadKey, Nonsense
from tgbot.telegram.wire.connection import BotConnection

#: By how much all waits are divided, unless told otherwise.
SPEED: Final = 20.0
#: The time within which deafness is found, in seconds, and how much longer a loaded machine may need.
FOUND_SECONDS, LOADED_SECONDS = 90.0, 5.0

#: The waits that are divided, in seconds.
WAITS: Final[Mapping[str, Mapping[str, float]]] = {
    "tgbot.telegram.calls.unanswered": {
        "LIMIT_SECONDS": 10.0,
        "DIFFERENCE_SECONDS": 15.0,
        "TICK_SECONDS": 0.5,
    },
    "tgbot.telegram.login": {
        "_ANSWER_SECONDS": 30.0,
        "_FIRST_DIFFERENCE_SECONDS": 5.0,
        "_LONGEST_PAUSE": 60.0,
    },
    "tgbot.operate.health": {"HEARD_SECONDS": 90.0, "PROVEN_SECONDS": 10.0},
    "tgbot.telegram.updates.watch": {"LOOK_SECONDS": 60.0, "READING_SECONDS": 3.0, "STATE_SECONDS": 10.0},
    "tgbot.telegram.updates.denials": {"HOLE_SECONDS": 30.0},
    "tgbot.telegram.updates.differences": {"STATE_SECONDS": 10.0},
    "tgbot.telegram.wire.pulse": {"PING_SECONDS": 30.0, "PONG_SECONDS": 15.0, "LOOK_SECONDS": 1.0},
    "tgbot.telegram.wire.attempts": {"LONGEST_PAUSE": 10.0},
}


class Deaf:
    """One trial of a way of becoming deaf."""

    def __init__(self, trial: Trial, bot: Bot, relay: Relay, stack: AsyncExitStack) -> None:
        self.trial = trial
        self.station = trial.station
        self.faults = trial.faults
        self.bot = bot
        self.account = trial.station.account.id
        self.relay = relay
        self.stack = stack
        self.person = self.station.meet()


Cause: TypeAlias = Callable[[Deaf], object]


@dataclass(frozen=True)
class Way:
    """One way of becoming deaf."""

    name: str
    cause: Cause
    #: Whether the bot can cure itself while the fault lasts. If not, it must not count as ready meanwhile.
    curable: bool = True


def _connection(deaf: Deaf) -> BotConnection:
    connection = deaf.bot.client._sender._connection
    assert connection is not None
    return connection


def _reads_no_more(deaf: Deaf) -> None:
    """Have the socket of the link read no further."""
    transport = _connection(deaf)._transport
    assert transport is not None
    transport.pause_reading()


def _own_task(name: str) -> Cause:
    """Cancel a task that the bot cannot go on without, as a plugin could that cancels all tasks."""

    def cancel(deaf: Deaf) -> None:
        named = [task for task, label in deaf.bot.client._tasks._tasks.items() if label.startswith(name)]
        assert named, deaf.bot.client._tasks._tasks.values()
        for task in named:
            task.cancel()

    return cancel


def _after_a_lost_push(cause: Cause) -> Cause:
    def both(deaf: Deaf) -> object:
        deaf.faults.lose(1, deaf.account)
        return cause(deaf)

    return both


async def _shared(deaf: Deaf) -> None:
    """Let another session of the auth key take every other update."""
    other = plain_client(deaf.station.sandbox)
    other.session.auth_key = AuthKey(deaf.bot.client.session.auth_key.key)
    await other.connect()
    deaf.stack.push_async_callback(other.disconnect)
    await other.get_me()
    deaf.faults.share(True)


def _hung_disk(deaf: Deaf) -> None:
    """Let the thread that reads and writes the users wait for its disk for ever."""
    store: Any = deaf.bot.client._store
    hung = threading.Event()
    deaf.stack.callback(hung.set)
    worker = store.users._rows.worker
    worker.seconds /= SPEED
    worker._submit(hung.wait)


def _login_waits(deaf: Deaf) -> None:
    deaf.faults.fail("auth.importBotAuthorization", 420, "FLOOD_WAIT_3", seconds=600)
    deaf.station.world.end_sessions(deaf.account)


def _unanswering(deaf: Deaf) -> None:
    deaf.faults.withhold(deaf.account)
    for method in ("updates.getState", "updates.getDifference", "users.getUsers"):
        deaf.faults.silence(method, seconds=600)


def _full(deaf: Deaf) -> None:
    """Let handlers that never end take all workers."""
    for _ in range(100):
        deaf.station.say(deaf.station.meet(), "hang")


WAYS: Final = (
    Way("pushes are withheld from all sessions", lambda deaf: deaf.faults.withhold(deaf.account)),
    Way("pushes are withheld from this session", lambda deaf: deaf.faults.deafen(deaf.account)),
    Way("another session takes half of the pushes", _shared),
    Way("what the link brings is swallowed", lambda deaf: deaf.relay.swallow(down=True)),
    Way("what goes over the link is swallowed", lambda deaf: deaf.relay.swallow(up=True)),
    Way("the link is half-open", lambda deaf: deaf.relay.swallow(up=True, down=True)),
    Way("nothing but pings is answered", _unanswering, curable=False),
    Way(
        "the difference is never answered",
        _after_a_lost_push(lambda deaf: deaf.faults.silence("updates.getDifference", seconds=600)),
        curable=False,
    ),
    Way("pushes cannot be read", lambda deaf: deaf.faults.garble(10_000, deaf.account)),
    Way("pushes are cut off", lambda deaf: deaf.faults.garble(10_000, deaf.account, damage=Damage.CUT)),
    Way(
        "the difference does not advance",
        _after_a_lost_push(lambda deaf: deaf.faults.stick_differences(True)),
        curable=False,
    ),
    Way(
        "the difference is empty",
        _after_a_lost_push(lambda deaf: deaf.faults.empty_differences(True)),
        curable=False,
    ),
    Way(
        "the difference lags for minutes",
        _after_a_lost_push(lambda deaf: deaf.faults.lag_differences(300)),
        curable=False,
    ),
    Way(
        "states are too far ahead",
        _after_a_lost_push(lambda deaf: deaf.faults.distort_states(Nonsense.PTS_AHEAD)),
        curable=False,
    ),
    Way(
        "states are negative",
        _after_a_lost_push(lambda deaf: deaf.faults.distort_states(Nonsense.PTS_NEGATIVE)),
        curable=False,
    ),
    *(
        Way(
            f"an update has nonsense numbers ({kind.value})",
            _after_a_lost_push(lambda deaf, kind=kind: deaf.faults.hand_nonsense(deaf.account, kind)),  # type: ignore[misc]
        )
        for kind in (Nonsense.PTS_AHEAD, Nonsense.SEQ_AHEAD, Nonsense.QTS_AHEAD)
    ),
    Way("the link is read no more", _reads_no_more),
    Way("the link never takes anything again", lambda deaf: _connection(deaf).pause_writing()),
    *(
        Way(f"a task of the bot is cancelled ({name})", _own_task(name))
        for name in (
            "taking updates",
            "Batches.run",
            "Checkpoints.keep",
            "Login.keep_up",
            "Parking.run",
            "Pulse.keep",
            "Watch.run",
        )
    ),
    Way("the login is ended", lambda deaf: deaf.station.world.end_sessions(deaf.account)),
    Way("the next login is put off", _login_waits, curable=False),
    *(
        Way(
            f"the auth key is dead ({answer.value})",
            lambda deaf, answer=answer: deaf.faults.kill_keys(deaf.account, answer),  # type: ignore[misc]
        )
        for answer in DeadKey
    ),
    Way("Telegram's clock is 3 h ahead", lambda deaf: deaf.faults.set_clock(3 * 3600)),
    Way("Telegram's clock is 3 h behind", lambda deaf: deaf.faults.set_clock(-3 * 3600)),
    Way("all workers have handlers that never end", _full),
    Way("the disk does not answer", _hung_disk),
)


class Readiness:
    """Whether the bot counts as ready, looked at again and again, as a watchdog does."""

    def __init__(self, bot: Bot) -> None:
        self._health = Health(bot.client)
        self.ready = False
        #: What was wrong at the last look.
        self.trouble = ""

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            trouble = await self._health.trouble()
            self.ready, self.trouble = trouble is None, str(trouble)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def watched(bot: Bot) -> AsyncIterator[Readiness]:
    """Look at the health of a bot for as long as the block lasts."""
    readiness = Readiness(bot)
    looking = asyncio.create_task(readiness.look())
    try:
        yield readiness
    finally:
        looking.cancel()


async def _become_deaf(way: Way, speed: float, trial: Trial) -> None:
    station, found = trial.station, FOUND_SECONDS / speed + LOADED_SECONDS
    station.settings["handler_seconds"] = 60.0 / speed
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(open_relay(station.sandbox.port))
        station.connect_to(relay.port)
        text = ""
        try:
            async with trial.serving() as bot:
                deaf = Deaf(trial, bot, relay, stack)
                health = await stack.enter_async_context(watched(bot))
                await trial.before(deaf.person)
                if not await station.until(lambda: health.ready, found):
                    return trial.wrong(f"not ready before: {health.trouble}")
                text = await _deafen(way, deaf, health, found)
                patience = PATIENCE + FOUND_SECONDS / speed
                await station.until(lambda: station.answers(text) or bot.client.failed.done(), patience)
                if not bot.client.failed.done():
                    await trial.touched(bot, text)
                    await trial.goes_on(deaf.person)
                    if not await station.until(lambda: health.ready, found):
                        trial.wrong(f"not ready again: {health.trouble}")
        except (PartEndedError, StorageError):
            # The process ends with an error, and whoever watches over it starts it again.
            await stack.aclose()
            station.connect_to(station.sandbox.port)
            async with trial.serving() as bot:
                await trial.touched(bot, text)
    return None


async def _deafen(way: Way, deaf: Deaf, health: Readiness, found: float) -> str:
    """Make the bot deaf, see that this is found, end the fault, and return what was said meanwhile."""
    trial, station, failed = deaf.trial, deaf.station, deaf.bot.client.failed
    caused = way.cause(deaf)
    if isinstance(caused, Awaitable):
        await caused
    text = trial.say(deaf.person)

    def noticed() -> bool:
        return not health.ready or failed.done()

    if not await station.until(lambda: noticed() or bool(station.answers(text)), found):
        trial.wrong("not found")
    if not way.curable:
        if not await station.until(noticed, found):
            trial.wrong("ready although deaf")
        station.faults.clear()
    return text


def cells_of(ways: Iterable[Way], speed: float) -> dict[Way, Cell]:
    """Return the cell of each way."""
    return {
        way: Cell("deaf", way.name, partial(_become_deaf, way, speed), frozenset({End.ONCE})) for way in ways
    }


async def results_of(
    ways: Iterable[Way], directory: Path, *, speed: float = SPEED, log: bool = False
) -> Mapping[Way, Result]:
    """Try ways of becoming deaf and return what was seen in each."""
    cells = cells_of(ways, speed)
    faster = {
        module: {name: seconds / speed for name, seconds in waits.items()} for module, waits in WAITS.items()
    }
    with shortened(faster), recording() as records:
        run = Run(directory, records, patience=PATIENCE + 2 * FOUND_SECONDS / speed)
        await run.try_all(cells.values())
    for cell in run.results if log else ():
        print(f"--- {cell.name}", records.of(cell.name), sep="\n")
    return {way: run.results[cell] for way, cell in cells.items()}


def table(results: Mapping[Way, Result]) -> str:
    """Return the table in Markdown."""
    lines = ["| the bot is deaf because | while it lasts | afterwards |", "|---|---|---|"]
    for way, result in results.items():
        meanwhile = "the bot cures itself" if way.curable else "not ready"
        then = "answered once, ready" if not result.wrong else str(result)
        lines.append(f"| {way.name} | {meanwhile} | {then} |")
    return "\n".join(lines)


def main(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--speed", type=float, default=SPEED)
    parser.add_argument("--log", action="store_true")
    options = parser.parse_args(given)
    ways = [way for way in WAYS if not options.words or any(word in way.name for word in options.words)]
    with tempfile.TemporaryDirectory(prefix="tgbot-deafness-") as directory:
        results = asyncio.run(results_of(ways, Path(directory), speed=options.speed, log=options.log))
    print(table(results))
    wrong = [f"{way.name} → {result}" for way, result in results.items() if result.wrong]
    print(f"\n{len(results)} ways, {len(wrong)} of them red", *wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
