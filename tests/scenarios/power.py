"""Power cuts: writes that no fsync has covered may be complete, torn or lost, in either database.

strace records every write and fsync of a running bot. From this record, the tests build what a disk might
hold at any instant of the run. For each pair of files, the update state must not be past its users.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.scenarios.audit import Audit, audit_answers, audit_files, quiet
from tests.scenarios.crash import Site, open_site, until
from tests.scenarios.load import Load

#: Each fsync is delayed by this many microseconds, so that many instants are between a write and its fsync.
_HELD = 10_000
_STRACE = (
    *("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "200000"),
    *("-e", "trace=pwrite64,fsync,fdatasync,ftruncate"),
    f"--inject=fsync,fdatasync:delay_enter={_HELD}",
)


def strace_works() -> bool:
    """Return whether strace is installed and may trace here."""
    try:
        ran = subprocess.run([*_STRACE, "-o", "/dev/null", "true"], check=False, capture_output=True)
    except FileNotFoundError:
        return False
    return ran.returncode == 0


@dataclass
class Step:
    """One step of the trace: bytes written, a length set, or, with neither, an fsync that has returned."""

    path: str
    offset: int = 0
    written: bytes | None = None
    length: int | None = None


_CALL = re.compile(r"(\d+) +(pwrite64|fsync|fdatasync|ftruncate)\(\d+<([^>]*)>(?:\(deleted\))?(.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (?:fsync|fdatasync) resumed>.*= 0")
_WRITTEN = re.compile(r', "([^"]*)", \d+, (\d+)')
_LENGTH = re.compile(r", (\d+)")


def steps(trace: list[str]) -> Iterator[Step]:
    """Yield the steps of a trace in order: a write when it begins, an fsync when it ends."""
    syncing: dict[str, str] = {}
    for line in trace:
        if resumed := _RESUMED.match(line):
            if path := syncing.pop(resumed[1], None):
                yield Step(path)
            continue
        call = _CALL.match(line)
        if call is None:
            continue
        thread, name, path, rest = call[1], call[2], _bytes(call[3]).decode(), call[4]
        if name == "pwrite64":
            written = _WRITTEN.match(rest)
            assert written is not None, line[:200]
            yield Step(path, int(written[2]), _bytes(written[1]))
        elif name == "ftruncate":
            length = _LENGTH.match(rest)
            assert length is not None, line[:200]
            yield Step(path, length=int(length[1]))
        elif "= 0" in rest:
            yield Step(path)
        else:
            syncing[thread] = path


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


@dataclass
class File:
    """One file: its content at the last fsync, and the writes that no fsync has covered."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)

    def do(self, step: Step) -> None:
        if step.written is not None or step.length is not None:
            self.pending.append(step)
            return
        for one in self.pending:
            _apply(self.synced, one)
        self.pending.clear()

    def whole(self) -> bytes:
        """Return what the process reads from it."""
        image = bytearray(self.synced)
        for one in self.pending:
            _apply(image, one)
        return bytes(image)

    def after_a_cut(self, chance: random.Random) -> bytes:
        """Return what the disk may hold: each write without an fsync is complete, lost or torn."""
        image = bytearray(self.synced)
        # Usually all writes up to one of them are kept, sometimes any of them: a disk may reorder.
        kept = chance.randrange(len(self.pending) + 1)
        for number, one in enumerate(self.pending):
            there = number < kept if chance.random() < 0.9 else chance.random() < 0.5
            if there:
                _apply(image, one)
            elif one.written is not None and (number == kept or chance.random() < 0.1):
                torn = one.written[: chance.randrange(len(one.written) + 1)]
                _apply(image, Step(one.path, one.offset, torn))
        return bytes(image)


def _apply(image: bytearray, step: Step) -> None:
    if step.length is not None:
        del image[step.length :]
        image.extend(bytes(step.length - len(image)))
    elif step.written is not None:
        if len(image) < step.offset:
            image.extend(bytes(step.offset - len(image)))
        image[step.offset : step.offset + len(step.written)] = step.written


class Disk:
    """The files of a site, replayed from a trace."""

    def __init__(self, site: Site) -> None:
        names = (site.session, site.registry)
        self.files = {f"{name}{end}": File() for name in names for end in ("", "-wal")}

    def do(self, step: Step) -> None:
        # The registry is made under another name, and renamed when it is complete.
        if (file := self.files.get(step.path.removesuffix(".part"))) is not None:
            file.do(step)

    def cut(self, target: Path, chance: random.Random) -> None:
        """Write the files that are left after a power cut at this step."""
        target.mkdir(exist_ok=True)
        for path, file in self.files.items():
            (target / Path(path).name).write_bytes(file.after_a_cut(chance))


def past_the_users(site: Site, directory: Path) -> list[str]:
    """Return the updates that the update state is past but the users lack; [] if all is well."""
    try:
        return _past_the_users(site, directory)
    except sqlite3.DatabaseError as error:
        return [f"a database is damaged: {error}"]
    finally:
        shutil.rmtree(directory)


def _past_the_users(site: Site, directory: Path) -> list[str]:
    found: list[str] = []
    with contextlib.closing(sqlite3.connect(directory / site.session.name)) as session:
        if session.execute("PRAGMA quick_check").fetchone() != ("ok",):
            return ["the session is damaged"]
        row = session.execute("SELECT pts, qts FROM update_state WHERE id = 0").fetchone()
        peers = {marked for (marked,) in session.execute("SELECT id FROM entities")}
    with contextlib.closing(sqlite3.connect(directory / site.registry.name)) as registry:
        if registry.execute("PRAGMA quick_check").fetchone() != ("ok",):
            return ["the registry is damaged"]
        users = {int(key): json.loads(text) for key, text in registry.execute("SELECT * FROM users")}
    pts, qts = row
    for entry in site.account.log.above(0, 0):
        copy = entry.message
        if copy is not None and not copy.out and entry.pts is not None and entry.pts <= pts:
            if users.get(copy.peer, {}).get("last_finished_id", 0) < copy.id:
                found.append(f"pts {pts} is past message {copy.id} of {copy.peer}, which is not finished")
            if copy.peer not in peers:
                found.append(f"pts {pts} is past message {copy.id} of {copy.peer}, who is no peer")
        elif entry.qts is not None and entry.qts <= qts:
            evidence = users.get(entry.update.user_id, {}).get("evidence", {})
            told = evidence.get("bot_stopped", []) + evidence.get("bot_unblocked", [])
            if not any(len(one) > 1 and one[1] >= entry.qts for one in told):
                found.append(f"qts {qts} is past {entry.qts}, of which the registry knows nothing")
    return found


async def run_traced(site: Site, messages: int) -> tuple[Load, list[str], int]:
    """Run the bot under strace and load, then stop it in the middle (SIGSTOP, then SIGKILL).

    Return the load, the trace, and how many lines of it belong to the start-up.
    """
    trace = site.directory / "trace"
    load = Load(site, 500.0)
    process = await site.spawn(*_STRACE, "-o", str(trace))
    await process.up()
    begun = len(trace.read_text().splitlines())
    with load.going_on():
        await load.more(messages)
        pid = int((site.session.with_suffix(".lock")).read_text())
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: stopped(pid), "all its threads have stopped")
        lines = trace.read_text().splitlines()
        files = [path for path in site.session.parent.iterdir() if path.is_file() and path.suffix != ".lock"]
        copies = {path: path.read_bytes() for path in files}
        os.kill(pid, signal.SIGKILL)
        await process.ended()
        await site.unplugged()
    # The trace is complete: when it is replayed, it gives the same files.
    disk = Disk(site)
    for step in steps(lines):
        disk.do(step)
    for name, file in disk.files.items():
        assert file.whole() == copies[Path(name)], f"{name} is not what the trace says"
    return load, lines, begun


def stopped(pid: int) -> bool:
    """Return whether all threads are stopped, or held by strace."""
    states = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return all(state in "Tt" for state in states)


def cuts(
    site: Site, lines: list[str], begun: int, count: int, chance: random.Random, *, ignored: str = ""
) -> list[str]:
    """Cut the power at `count` instants of the trace; return all that `past_the_users` finds.

    fsyncs of files whose name contains `ignored` do not count, as if they had never been made.
    """
    disk, found = Disk(site), []
    start = sum(1 for _ in steps(lines[:begun]))
    played = list(steps(lines))
    wanted = set(chance.sample(range(start, len(played)), min(count, len(played) - start)))
    for number, step in enumerate(played):
        synced = step.written is None and step.length is None
        if not (synced and ignored and ignored in step.path and number >= start):
            disk.do(step)
        if number in wanted:
            disk.cut(site.directory / "cut", chance)
            found += past_the_users(site, site.directory / "cut")
    return found


@dataclass
class PowerCuts:
    """The result: `past` must be empty; `control`, without fsyncs of the registry, must not."""

    cuts: int
    #: Writes to the two database files themselves: SQLite moves its log into them.
    taken_over: int
    past: list[str]
    control: list[str]
    audit: Audit
    faults: list[str]

    def __str__(self) -> str:
        text = f"power: {self.cuts} cuts, {len(self.past)} past the users ({len(self.control)} without fsync)"
        return "\n    ".join(
            (f"{text}, logs taken over by {self.taken_over} writes", *self.past[:5], str(self.audit))
        )


async def cut_power(directory: Path, seed: int, *, messages: int, count: int) -> PowerCuts:
    """Cut the power of a bot under load at many instants; then start it from what the last cut left."""
    chance = random.Random(seed)
    async with open_site(directory, seed) as site:
        load, lines, begun = await run_traced(site, messages)
        past = await asyncio.to_thread(cuts, site, lines, begun, count, chance)
        control = await asyncio.to_thread(cuts, site, lines, begun, count, chance, ignored=site.registry.name)
        own = {str(site.session), str(site.registry)}
        taken_over = sum(step.written is not None and step.path in own for step in steps(lines[begun:]))
        disk = Disk(site)
        for step in steps(lines):
            disk.do(step)
        shutil.rmtree(site.session.parent)
        disk.cut(site.session.parent, chance)
        await (await site.spawn()).up()
        await quiet(site, load.blocked_at)
        await site.end()
        audit = audit_answers(site, load.blocked_at)
        audit_files(site, audit)
        return PowerCuts(count, taken_over, past, control, audit, site.faults)
