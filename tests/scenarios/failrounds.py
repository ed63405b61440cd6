"""Takeovers under load: each way in which a node can fail or hand over, and what it costs."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Final

from tests.scenarios.audit import Audit, audit_answers, audit_kept, audit_people, quiet
from tests.scenarios.crash import PATIENCE, until
from tests.scenarios.load import Load
from tests.scenarios.planted import NAME
from tests.scenarios.team import LOST, Leader, Node, Team
from tests.scenarios.writers import disorder, strangers, watch_writers, written
from tgbot.sandbox.feeds import UpdatesTo
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.openings import open_readonly

#: How long a leader that cannot reach Telegram may keep the lease until its way is opened again, in seconds.
DEAF_SECONDS: Final = 25.0
#: How many messages are written one by one while the node that led stands still, and how long the slowest
#: answer may take, in seconds: some are pushed to nobody who reads.
LONELY, LONELY_SECONDS = 8, 15.0
#: How long the other node answers until the one that stood still, or was cut off, goes on; in seconds.
ALONE_SECONDS: Final = 1.0

#: The kinds in which the other node has to answer within so many seconds, on an idle machine.
LIMITED: Final = ("kill", "stop", "database", "telegram")
AT_MOST: Final = 8.0

#: Log lines with an error that a node without its database owes.
EXPECTED: Final = ("the lease is over and cannot be renewed",)


class Answers:
    """When the bot sent a message, and with which auth key."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self._clock = asyncio.get_running_loop().time
        #: Since the last `clear`.
        self.sent: list[tuple[float, bytes]] = []
        self._pts = 0

    def clear(self) -> None:
        self.sent.clear()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note answers within the block."""
        end = self._team.world.subscribe(self._changed)
        try:
            yield
        finally:
            end()

    def _changed(self, account: int) -> None:
        key, log = self._team.sandbox.calling, self._team.account.log
        if account != self._team.bot.id or log.pts == self._pts:
            return
        self._pts = log.pts
        copy = log.above(log.pts - 1, log.qts, 1)[0].message
        if key is not None and copy is not None and copy.out:
            self.sent.append((self._clock(), key))

    def of(self, keys: set[bytes], since: float) -> float | None:
        """Return when the first answer with one of these keys was sent."""
        return next((at for at, key in self.sent if at >= since and key in keys), None)

    def silence(self, since: float) -> float:
        """Return the longest time without an answer that ended after a moment."""
        times = [at for at, _ in self.sent]
        return max((late - early for early, late in pairwise(times) if late > since), default=0.0)


@dataclass
class Figures:
    """What the rounds of one kind took, in seconds."""

    rounds: int = 0
    #: From the death of the leader to the first answer of the other node.
    takeovers: list[float] = field(default_factory=list)
    #: The longest time without any answer in each round.
    silences: list[float] = field(default_factory=list)


@dataclass
class Outcome:
    """The result: `wrong` has a line for each promise that was broken."""

    kinds: defaultdict[str, Figures] = field(default_factory=lambda: defaultdict(Figures))
    statuses: Counter[int] = field(default_factory=Counter)
    audit: Audit = field(default_factory=Audit)
    wrong: list[str] = field(default_factory=list)
    #: Log lines with an error.
    faults: list[str] = field(default_factory=list)
    #: The epoch of the end, and how many statements were committed in all of them.
    epochs: int = 0
    statements: int = 0

    @property
    def well(self) -> bool:
        ended = not set(self.statuses) - {0, -signal.SIGKILL}
        return self.audit.clean and not self.wrong and not self.faults and ended

    @property
    def takeovers(self) -> list[float]:
        """The seconds of all takeovers that were not planned."""
        return [one for kind, of in self.kinds.items() if kind != "handover" for one in of.takeovers]

    def __str__(self) -> str:
        lines = [f"{'kind':10} rounds takeovers    p50    max   silence p50    max"]
        for kind, of in self.kinds.items():
            first, silent = _halves(of.takeovers), _halves(of.silences)
            lines.append(f"{kind:10} {of.rounds:6} {len(of.takeovers):9} {first}       {silent}")
        lines += [f"epochs: {self.epochs}, statements: {self.statements}; {self.audit}", *self.wrong[:20]]
        lines += [f"log: {fault}" for fault in self.faults[:10]]
        return "\n    ".join(lines)


def _halves(seconds: list[float]) -> str:
    return f"{median(seconds):6.2f} {max(seconds):6.2f}" if seconds else f"{'-':>6} {'-':>6}"


class Round:
    """One failure: who led, since when it is on, and what came of it."""

    def __init__(
        self, team: Team, answers: Answers, leader: Node, go_on: Callable[[float], Awaitable[None]]
    ) -> None:
        self.team, self.answers = team, answers
        #: Returns when the bot has worked for about so many seconds more.
        self.go_on = go_on
        self.leader, self.other = leader, team.other(leader)
        self.began = self._clock()
        #: When the other node answered, if it did.
        self.taken: float | None = None

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    def begins(self) -> None:
        """Note that the failure is on from now on."""
        self.began = self._clock()

    async def other_answers(self, seconds: float = PATIENCE) -> bool:
        """Return whether the other node answers within this time."""
        owners: dict[bytes, str] = {}

        def answered() -> bool:
            nonlocal owners
            if any(key not in owners for at, key in self.answers.sent if at >= self.began):
                owners = self.team.key_owners()
            mine = {key for key, name in owners.items() if name == self.other.name}
            self.taken = self.answers.of(mine, self.began)
            return self.taken is not None

        try:
            await until(answered, f"{self.other.name} answers", seconds)
        except TimeoutError:
            if seconds >= PATIENCE:
                raise
        return self.taken is not None

    async def anybody_answers(self) -> None:
        """Return once a message is sent from now on, by whichever node."""
        began = self._clock()
        await until(lambda: bool(self.answers.sent) and self.answers.sent[-1][0] > began, "it answers again")

    async def stands_by(self, node: Node) -> None:
        """Return once a node that led stands by again."""
        await until(lambda: node.stands_by, f"{node.name} stands by again")


async def kill(now: Round) -> None:
    """SIGKILL; the node is started again once the other one answers: before that it may lead again itself."""
    now.begins()
    await now.team.end(now.leader, signal.SIGKILL)
    await now.other_answers()
    await now.leader.start()
    await now.stands_by(now.leader)


async def stop(now: Round, seconds: float = ALONE_SECONDS) -> None:
    """SIGSTOP, and SIGCONT once the other node has answered for so long: it wakes as a zombie."""
    process = now.leader.process
    assert process is not None
    before = now.leader.logged(LOST)
    now.begins()
    process.signal(signal.SIGSTOP)
    await now.other_answers()
    await now.go_on(seconds)
    process.signal(signal.SIGCONT)
    await now.stands_by(now.leader)
    said = now.leader.logged(LOST) - before
    if said != 1:
        log = "\n".join(process.log[-20:])
        raise AssertionError(f"{now.leader.name} said {said} times that it lost the lease:\n{log}")


async def lonely(team: Team) -> list[float]:
    """Stop the leader without any load, write one message after the other, and return how long each waited.

    Each update goes to any one session, and that of the stopped process is still open at Telegram.
    """
    clock = asyncio.get_running_loop().time
    await start(team)
    team.world.updates_to = UpdatesTo.RANDOM
    leader = await team.settled()
    assert leader.process is not None
    leader.process.signal(signal.SIGSTOP)
    waited: list[float] = []
    for number in range(1 + LONELY):
        person, began = team.world.new_user(f"{NAME} {number}").id, clock()
        team.said(person, "/start")
        await until(lambda: any(copy.out for copy in team.dialog(person)), "an answer", 2 * PATIENCE)  # noqa: B023
        waited.append(clock() - began)
    leader.process.signal(signal.SIGCONT)
    await until(lambda: leader.stands_by, f"{leader.name} stands by again")
    return waited[1:]  # the first one waits for the takeover


async def database(now: Round) -> None:
    """Packets between the leader and the database are lost, until the other node has answered for a while."""
    now.begins()
    now.leader.database.close()
    try:
        await now.other_answers()
        await now.go_on(ALONE_SECONDS)
    finally:
        now.leader.database.open()
    await now.stands_by(now.leader)


async def telegram(now: Round) -> None:
    """Packets between the leader and Telegram are lost, until the other node answers, or for 25 s."""
    now.begins()
    now.leader.telegram.close()
    try:
        await now.other_answers(DEAF_SECONDS)
        await now.go_on(ALONE_SECONDS)
    finally:
        now.leader.telegram.open()


async def restart(now: Round) -> None:
    """The database server crashes, and starts again."""
    now.begins()
    await asyncio.to_thread(now.team.server.restart)
    await now.go_on(3 * ALONE_SECONDS)


async def handover(now: Round) -> None:
    """`tgbot handover` on the node that leads."""
    now.begins()
    status, _, complaint = await now.team.command(now.leader, "handover")
    if status:
        raise AssertionError(f"tgbot handover ended with status {status}: {complaint}")
    await now.other_answers()
    await now.go_on(ALONE_SECONDS)
    await now.stands_by(now.leader)


#: Each kind, and by how much the epoch may grow.
KINDS: Final[dict[str, tuple[Callable[[Round], Awaitable[None]], tuple[int, ...]]]] = {
    "kill": (kill, (1,)),
    "stop": (stop, (1,)),
    "database": (database, (1,)),
    "telegram": (telegram, (0, 1)),
    "restart": (restart, (0, 1)),
    "handover": (handover, (1,)),
}


async def run_failures(
    team: Team,
    kinds: list[str],
    *,
    rate: float = 100.0,
    zombie: float = 0.0,
    progress: Callable[[Outcome, Load], None] = lambda outcome, load: None,
) -> Outcome:
    """Have one failure after the other under load, let the bot catch up, stop both nodes, and judge.

    With `zombie` a node that is stopped stays so for that many seconds after the other one has taken over.
    """
    outcome, load, answers = Outcome(), Load(team, rate), Answers(team)
    await start(team)

    async def go_on(seconds: float) -> None:
        await load.more(max(1, round(seconds * rate)))

    with answers.noted(), load.going_on():
        for kind in kinds:
            leader = await team.settled()
            await load.more(1 + int(team.random.random() * rate))
            before = team.leader()
            now, (fail, growth) = Round(team, answers, leader, go_on), KINDS[kind]
            answers.clear()
            await load.more(round(rate / 4))
            if kind == "stop" and zombie:
                await stop(now, zombie)
            else:
                await fail(now)
            await now.anybody_answers()
            await team.settled()
            note(outcome.kinds[kind], now)
            judge_epoch(outcome, kind, before, team.leader(), growth)
            progress(outcome, load)
    await quiet(team, load.blocked_at)
    await judge(team, load, outcome)
    return outcome


async def start(team: Team) -> None:
    """Start all nodes, the first one to lead, and watch from then on who writes."""
    first, *others = team.nodes.values()
    await first.start()
    await first.ready()
    await until(lambda: first.answers, f"{first.name} answers")
    watch_writers(team)
    for node in others:
        await node.start()
    await team.settled()


def note(figures: Figures, now: Round) -> None:
    """Note what a round took."""
    figures.rounds += 1
    if now.taken is not None:
        figures.takeovers.append(now.taken - now.began)
    figures.silences.append(now.answers.silence(now.began))


def too_late(outcome: Outcome) -> list[str]:
    """Return a line for each takeover that took too long."""
    return [
        f"{kind}: the other node answered after {seconds:.2f} s, and not within {AT_MOST:g} s"
        for kind in LIMITED
        for seconds in (outcome.kinds[kind].takeovers if kind in outcome.kinds else ())
        if seconds > AT_MOST
    ]


def judge_epoch(outcome: Outcome, kind: str, before: Leader, after: Leader, growth: tuple[int, ...]) -> None:
    """Note an epoch that grew by another number than it should have."""
    if after.epoch - before.epoch not in growth:
        outcome.wrong.append(f"{kind}: epoch {before.epoch} of {before.node} → {after.epoch} of {after.node}")


async def judge(team: Team, load: Load, outcome: Outcome) -> None:
    """Stop both nodes in order, and compare the database with the sandbox."""
    outcome.statuses += await stop_all(team)
    outcome.audit = audit_answers(team, load.blocked_at)
    hashes = dict(team.rows("SELECT id, hash FROM tgbot.peers"))
    with closing(Database(Address(team.url))) as kept:
        audit_kept(team, outcome.audit, hashes, open_readonly(kept).get)
    audit_people(team, outcome.audit)
    outcome.wrong += judge_writers(team)
    by_epoch = written(team)
    outcome.epochs, outcome.statements = team.leader().epoch, sum(by_epoch.values())
    outcome.faults = [line for line in team.faults if not any(words in line for words in EXPECTED)]


async def stop_all(team: Team) -> Counter[int]:
    """Stop both nodes in order, the standby first; return the exit statuses."""
    leader = await team.settled()
    return Counter([await team.end(node) for node in (team.other(leader), leader)])


def judge_writers(team: Team) -> list[str]:
    """Return a line for each write of a node that did not lead, and for epochs that are out of order."""
    wrong = [f"written by a node that did not lead: {write}" for write in strangers(team)]
    return wrong + [f"written in epoch {old} after epoch {new}" for old, new in disorder(team)]
