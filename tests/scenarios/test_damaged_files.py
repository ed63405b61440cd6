"""Damaged files, files in use, a full disk: the real command prints one clear line and loses nothing."""

# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.scenarios.audit import audit_answers, audit_files, quiet
from tests.scenarios.crash import Process, Site, open_site
from tests.scenarios.load import Load


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path, 1, grace_seconds=5.0) as opened:
        yield opened


def complaints(process: Process) -> list[str]:
    """Return what a process printed for its user, without its log."""
    return [line for line in process.log if line.startswith("tgbot: ")]


async def only_complaint(site: Site) -> str:
    """Return the line that a bot prints when it cannot start; fail if it prints more."""
    process = await site.spawn()
    assert await process.ended() == 1, process.log
    (line,) = process.log
    assert line.startswith("tgbot: ")
    return line


# ---- damaged -----------------------------------------------------------------------------------------


def cut_short(image: bytes) -> bytes:
    return image[: len(image) // 2 - 100]


def torn_up(image: bytes) -> bytes:
    """Overwrite every page except the first."""
    return image[:4096] + bytes([0xA5]) * (len(image) - 4096)


@pytest.mark.parametrize("which", ["session", "registry"])
async def test_a_damaged_file_is_refused_by_its_name_and_left_as_it_is(site: Site, which: str) -> None:
    await (await site.spawn()).up()
    people = [site.world.new_user(f"User{number}").id for number in range(30)]
    for user_id in people:
        site.said(user_id, "/start")
    await quiet(site, {})
    assert await site.end() == 0
    path: Path = getattr(site, which)
    whole = {file: file.read_bytes() for file in (site.session, site.registry)}
    damages: tuple[Callable[[bytes], bytes], ...] = (cut_short, torn_up)
    for damage in damages:
        image = damage(whole[path])
        path.write_bytes(image)
        line = await only_complaint(site)
        assert str(path) in line
        assert "damaged" in line
        assert "left as it is" in line
        assert path.read_bytes() == image
        other = next(file for file in whole if file != path)
        assert other.read_bytes() == whole[other]
    path.write_bytes(whole[path])
    await (await site.spawn()).up()
    site.said(people[0], "/start")
    await quiet(site, {})
    assert await site.end() == 0
    audit = audit_answers(site, {})
    audit_files(site, audit)
    assert audit.clean, str(audit)


# ---- in use ------------------------------------------------------------------------------------------


async def test_a_second_process_is_refused_in_one_line_and_a_killed_first_one_is_no_obstacle(
    site: Site,
) -> None:
    ann = site.world.new_user("Ann").id
    first = await site.spawn()
    await first.up()
    line = await only_complaint(site)
    assert f"{site.session} is in use by another process (pid {first.pid})" in line
    site.said(ann, "/start")
    await quiet(site, {})  # the first process goes on undisturbed
    assert first.running
    assert await first.end(signal.SIGKILL) == -signal.SIGKILL
    await site.unplugged()
    lock = site.session.with_suffix(".lock")
    assert lock.read_text() == f"{first.pid}\n"
    second = await site.spawn()
    await second.up()
    site.said(ann, "/start")
    await quiet(site, {})
    assert await site.end() == 0
    assert audit_answers(site, {}).clean
    assert not first.faults
    assert not site.faults


# ---- no room -----------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def small_disk(directory: Path, size: str) -> AsyncIterator[tuple[Path, tuple[str, ...]]]:
    """Mount a small disk in its own namespace; yield its path here, and a prefix to run commands there."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter, to mount a small disk")
    directory.mkdir()
    keeper = await asyncio.create_subprocess_exec(
        *("unshare", "--map-root-user", "--mount", "sh", "-c"),
        f"mount -t tmpfs -o size={size} tmpfs '{directory}' && echo mounted && read stop",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    assert keeper.stderr is not None
    try:
        if await keeper.stdout.readline() != b"mounted\n":
            pytest.skip("may not mount a small disk here: " + (await keeper.stderr.read()).decode().strip())
        enter = ("nsenter", "--target", str(keeper.pid), "--user", "--mount", "--preserve-credentials")
        yield Path(f"/proc/{keeper.pid}/root{directory}"), enter
    finally:
        await keeper.communicate(b"\n")


def fill(file: Path) -> None:
    """Write a file that leaves no room for anything else."""
    with file.open("wb", buffering=0) as ballast:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while ballast.write(bytes(size)):
                    pass


async def test_a_full_disk_stops_the_bot_and_with_room_again_nothing_is_lost_or_said_twice(
    site: Site,
) -> None:
    load = Load(site, 150.0)
    async with small_disk(site.session.parent, "8m") as (seen, enter):
        first = await site.spawn(*enter)
        await first.up()
        with load.going_on():
            await load.more(100)
            await asyncio.to_thread(fill, seen / "ballast")
            assert await first.ended() == 1
            await load.more(50)  # people still write
        (line,) = complaints(first)
        assert "No room left to write" in line
        assert str(site.session.parent) in line
        assert "make room" in line
        assert not first.faults
        await site.unplugged()
        (seen / "ballast").unlink()
        second = await site.spawn(*enter)
        await second.up()
        await quiet(site, load.blocked_at)
        assert await site.end() == 0
        audit = audit_answers(site, load.blocked_at)
        # SQLite would resolve the link in `seen`, to the same path outside the namespace.
        for path in (site.session, site.registry):
            shutil.copy(seen / path.name, site.directory)
        site.session, site.registry = site.directory / site.session.name, site.directory / site.registry.name
        audit_files(site, audit)
        assert audit.clean, str(audit)
        assert audit.answers > 100


async def test_a_disk_that_is_full_from_the_first_is_told_in_one_line(site: Site) -> None:
    async with small_disk(site.session.parent, "1m") as (seen, enter):
        await asyncio.to_thread(fill, seen / "ballast")
        process = await site.spawn(*enter)
        assert await process.ended() == 1
        assert len(complaints(process)) == 1, "\n".join(process.log)
        assert f"No room left to write {site.session}" in complaints(process)[0]
        assert not process.faults
