# ruff: noqa: ASYNC220, ASYNC221 - a test's event loop has nothing else to do

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.contracts import counted, recounted
from tests.store.registries import meet, now, rows_of, told
from tgbot.core.access import Access
from tgbot.core.errors import StorageFailedError, StorageFullError, StorageLockedError
from tgbot.store.sqlite import locks
from tgbot.store.sqlite.userfile import SqliteRegistry, open_readonly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.sqlite"


FULL_DISK = """
    import asyncio, os, subprocess, sys, time
    from pathlib import Path
    from tgbot.core.access import Evidence, Kind
    from tgbot.core.errors import StorageFullError
    from tgbot.store.sqlite.userfile import SqliteRegistry
    from tgbot.core.users import Profile, Way

    directory = Path(sys.argv[1])
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", directory], capture_output=True)
    if made.returncode:
        sys.exit("no mount: " + made.stderr.decode())

    async def main():
        ballast = directory / "ballast"
        registry = SqliteRegistry(directory / "users.sqlite", clock=time.time)
        registry.seen(Profile(1, "kept"), 1, Way.MESSAGE)
        await registry.flush()
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        for user_id in range(2, 3000):
            registry.seen(Profile(user_id, "x"), 1, Way.MESSAGE)
        for _ in range(3):
            try:
                await registry.flush()
            except StorageFullError as error:
                print("full:", error)
        assert registry.get(2500) is not None, "lost from memory"
        ballast.unlink()
        await registry.flush()
        registry.close()
        again = SqliteRegistry(directory / "users.sqlite", clock=time.time)
        print("users:", again.count().total, sum(1 for _ in again.iterate()))
        again.close()

    asyncio.run(main())
"""


async def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare, to mount a small disk")
    command = [unshare, "--map-root-user", "--mount", *told(FULL_DISK, tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if ran.returncode and ("no mount" in ran.stderr or "unshare" in ran.stderr):
        pytest.skip("may not mount a small disk here: " + ran.stderr.strip())
    assert ran.returncode == 0, ran.stderr
    full = [line for line in ran.stdout.splitlines() if line.startswith("full: ")]
    assert len(full) == 3
    assert "make room" in full[0]
    assert ran.stdout.splitlines()[-1] == "users: 2999 2999"


FULL_QUOTA = """
    import asyncio, resource, sys, time
    from pathlib import Path
    from tgbot.core.errors import StorageError
    from tgbot.store.sqlite.userfile import SqliteRegistry
    from tgbot.core.users import Profile, Way

    async def main():
        registry = SqliteRegistry(Path(sys.argv[1]), clock=time.time)
        registry.seen(Profile(1, "kept"), 1, Way.MESSAGE)
        await registry.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
        for user_id in range(2, 3000):
            registry.seen(Profile(user_id, "x"), 1, Way.MESSAGE)
        for _ in range(3):
            try:
                await registry.flush()
            except StorageError as error:
                print("told:", error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await registry.flush()
        print("users:", sum(1 for _ in registry.iterate()))
        registry.close()

    asyncio.run(main())
"""


async def test_a_refused_write_is_told_and_nothing_is_lost(path: Path) -> None:
    ran = subprocess.run(told(FULL_QUOTA, path), capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    assert [line.split(":")[0] for line in ran.stdout.splitlines()] == ["told"] * 3 + ["users"]
    assert str(path) in ran.stdout
    with closing(open_readonly(path)) as reader:
        assert counted(reader) == recounted(reader, 0) == {"unknown": 2_999}


async def test_a_disk_that_does_not_answer_is_not_waited_for(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    rows_of(registry).worker.seconds = 0.2
    meet(registry, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):  # the second one waits behind the first
            with pytest.raises(StorageFailedError, match=r"did not answer for 0\.2 s"):
                await registry.flush()
        other.execute("ROLLBACK")
    rows_of(registry).worker.seconds = 30
    await registry.flush()
    with closing(open_readonly(path)) as reader:
        assert reader.count().total == 1
    registry.close()


async def test_another_process_s_lock_is_waited_for_and_then_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = SqliteRegistry(path, clock=now)
    rows_of(registry)._writer.execute("PRAGMA busy_timeout=50")
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.2)
    meet(registry, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageLockedError, match="locked"):
            await registry.flush()
        other.execute("ROLLBACK")
    await registry.flush()
    with closing(open_readonly(path)) as reader:
        assert reader.count().total == 1
    registry.close()


async def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageFailedError, match="nowhere"):
        SqliteRegistry(tmp_path / "nowhere" / "users.sqlite", clock=now)


async def test_full_disk_errors_say_what_to_do(path: Path) -> None:
    assert "make room" in str(StorageFullError(path))


STEADY = """
    import asyncio, sys, time
    from pathlib import Path
    from tgbot.core.access import Evidence, Kind
    from tgbot.store.base import Planned
    from tgbot.store.sqlite.userfile import SqliteRegistry
    from tgbot.core.talks import KeptTalk
    from tgbot.core.users import Profile, Way

    async def main():
        registry = SqliteRegistry(Path(sys.argv[1]), clock=time.time)
        turn = int(sys.argv[2])
        while True:
            turn += 1
            for user_id in range(turn * 10, turn * 10 + 10):
                registry.seen(Profile(user_id, "x"), turn, Way.MESSAGE)
                registry.record(user_id, Evidence(Kind.MESSAGE, turn))
                registry.finished(user_id, turn)
                registry.keep_data(user_id, "shop", {"turn": turn})
                registry.planned.plan(Planned(f"{user_id}", turn, "shop.remind", user_id))
                registry.planned.drop(f"{user_id - 20}")
            registry.keep_talk(1, 1, KeptTalk("order", "m1:5", turn))
            registry.planned.plan(Planned("latest", turn, "talk", 1))
            registry.record(turn * 10 + 5, Evidence(Kind.BOT_STOPPED, turn))
            await registry.flush()
            print(turn, flush=True)

    asyncio.run(main())
"""


async def test_what_was_flushed_survives_a_kill(path: Path) -> None:
    source = random.Random(5)
    flushed: list[int] = []
    for _ in range(6):
        first = flushed[-1] + 2 if flushed else 1  # the next one may have been flushed without output
        with subprocess.Popen(told(STEADY, path, first), stdout=subprocess.PIPE, text=True) as bot:
            assert bot.stdout is not None
            lines = source.randrange(1, 40)
            for line in bot.stdout:
                flushed.append(int(line))
                lines -= 1
                if lines <= 0:  # lines printed before the signal arrives count as well
                    bot.send_signal(signal.SIGKILL)
        with closing(SqliteRegistry(path, clock=now)) as registry:
            for turn in flushed:
                for user_id in range(turn * 10, turn * 10 + 10):
                    user = registry.get(user_id)
                    assert user is not None
                    assert user.last_finished_id == turn
                    assert user.data == {"shop": {"turn": turn}}
                    assert user.verdict(1e9).access is (
                        Access.BLOCKED if user_id % 10 == 5 else Access.REACHABLE
                    )
            assert counted(registry) == recounted(registry, 1e9)
            # What was written together is there together, of the last turn that is there at all.
            talk, latest = registry.talk(1, 1), await registry.planned.get("latest")
            assert talk is not None
            assert latest is not None
            assert latest.at == talk.at >= flushed[-1]
            planned = await registry.planned.due(talk.at, limit=1_000)
            assert sum(one.at == talk.at for one in planned) == 11
            for number in range(talk.at * 10, talk.at * 10 + 10):
                assert registry.data(number, "shop") == {"turn": talk.at}
                assert await registry.planned.get(f"{number - 20}") is None
    assert len(flushed) > 6
